#include <filesystem>
#include <memory>

#include <lightmamba/load.h>

#include "accel/image/image_file.h"
#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kModel = shipped_model();

class AccelImage : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = std::make_unique<TemporaryFolder>();
    model = accelerator_model();
  }
  static void TearDownTestSuite() { folder.reset(); }

  static std::string image() { return *folder / "image"; }

  static json pack(const std::vector<std::string>& options) {
    std::vector<std::string> words = {"accel", "pack", model, "--out", image()};
    words.insert(words.end(), options.begin(), options.end());
    return lightmamba_json(words);
  }

  static std::unique_ptr<TemporaryFolder> folder;
  static std::string model;
};

std::unique_ptr<TemporaryFolder> AccelImage::folder;
std::string AccelImage::model;

json region(const json& report, const std::string& name) {
  for (const json& each : report["regions"]) {
    if (each["name"] == name) return each;
  }
  ADD_FAILURE() << "no region " << name;
  return {};
}

TEST_F(AccelImage, NamesTheModel) {
  pack({"--preset", "vck190"});
  EXPECT_EQ(accel::read_image_file(image()).fingerprint, open_model(model).fingerprint());
}

TEST_F(AccelImage, IsPackedAndInspected) {
  const json packed = pack({"--preset", "vck190"});
  EXPECT_EQ(packed["preset"], "vck190");
  EXPECT_EQ(packed["order"], "hardware");
  EXPECT_EQ(packed["bytes"], std::filesystem::file_size(image()));

  const json report = lightmamba_json({"accel", "inspect", image()});
  EXPECT_EQ(report["preset"], "vck190");
  EXPECT_EQ(report["config"]["nheads"], 12);
  EXPECT_EQ(report["hadamard"], (json{{"m", 12}, {"n", 64}}));
  EXPECT_EQ(report["tokenizer"], true);
  // 384 x (6 x (2 x 768 + 256 + 12 + 768) + 4096) products, 64 in a beat.
  EXPECT_EQ(report["mmu"]["beats"], 384 * (6 * (1536 + 256 + 12 + 768) + 4096) / 64);
  EXPECT_EQ(report["mmu"]["beats_without_head"], 384 * 6 * (1536 + 256 + 12 + 768) / 64);
  EXPECT_EQ(report["mmu"]["used"], 1.0);
  // A word of scales for each 32 of codes.
  EXPECT_EQ(report["weight_words"], (report["mmu"]["beats"].get<int>() * 33 + 31) / 32);
  EXPECT_NEAR(report["scales"].get<double>(), 1.0 / 33, 1e-5);
  EXPECT_EQ(region(report, "weights")["bytes"], report["weight_words"].get<int>() * 32);
  EXPECT_EQ(region(report, "embedding")["bytes"], 4096 * 3 * 80);
  EXPECT_EQ(region(report, "embedding")["read_per_token"], 3 * 80);
  EXPECT_EQ(region(report, "ssm_state")["bytes"], 6 * 12 * (64 + 64 * 128 * 2));
  EXPECT_EQ(region(report, "ssm_state")["written_per_token"], 6 * 12 * (64 + 64 * 128 * 2));
  EXPECT_EQ(region(report, "conv_state")["bytes"], 6 * (768 + 256) * 8);
  EXPECT_EQ(region(report, "logits")["written_per_token"], 4096 * 4);

  const ProcessResult text = lightmamba({"accel", "inspect", image()});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, StartsWith("Image for vck190, rows in hardware order, with a tokenizer"));
  EXPECT_THAT(text.out, HasSubstr("3.03 % of the weights' words are scales"));
}

TEST_F(AccelImage, IsPackedInTheOrderOfTheCheckpoint) {
  pack({"--preset", "u280", "--order", "checkpoint"});
  const json report = lightmamba_json({"accel", "inspect", image()});
  EXPECT_EQ(report["order"], "checkpoint");
  EXPECT_EQ(region(report, "weights")["channels"], 16);
  EXPECT_LT(report["mmu"]["used"], 1.0);
}

TEST_F(AccelImage, SaysWhatIsWrong) {
  const std::string out = *folder / "other";
  EXPECT_THAT(failure({"accel", "pack", kModel, "--out", out, "--preset", "tiny"}, 1),
              HasSubstr("the accelerator cannot run this model: the weights are floats"));
  EXPECT_THAT(failure({"accel", "pack", model, "--out", out, "--preset", "vck5000"}, 2),
              HasSubstr("tiny"));
  EXPECT_THAT(
      failure({"accel", "pack", model, "--out", out, "--preset", "tiny", "--order", "x"}, 2),
      HasSubstr("checkpoint"));
  EXPECT_THAT(failure({"accel", "pack", model, "--out", out}, 2), HasSubstr("--preset"));
  EXPECT_THAT(failure({"accel"}, 2), HasSubstr("subcommand"));
  EXPECT_FALSE(std::filesystem::exists(out));
  EXPECT_THAT(failure({"accel", "inspect", model}, 1),
              StartsWith("error: " + model + ": not an image of the accelerator"));
  pack({"--preset", "tiny"});
  std::filesystem::resize_file(image(), 100'000);
  EXPECT_THAT(failure({"accel", "inspect", image()}, 1),
              StartsWith("error: " + image() + ": region 'weights.0': "));
}

TEST_F(AccelImage, RunsOnItsOwnCoreOnly) {
  pack({"--preset", "vck190"});
  for (const char* command : {"run", "report"}) {
    std::vector<std::string> words = {"accel", command, image(), "--preset", "u280"};
    std::vector<std::string> order = {"accel", command, image(), "--order", "checkpoint"};
    if (words[1] == "run") {
      for (auto* each : {&words, &order}) {
        each->insert(each->end(), {"--backend", "rtlsim", "--tokens", "5"});
      }
    }
    EXPECT_THAT(failure(words, 1), HasSubstr("the image is for vck190, not u280"));
    EXPECT_THAT(failure(order, 1), HasSubstr("the image's rows are not in checkpoint order"));
  }
}

TEST(AccelPack, WhatIsNotAModelIsNamed) {
  const TemporaryFolder folder;
  const std::string image = folder / "image";
  ASSERT_EQ(lightmamba({"accel", "pack", accelerator_model(), "--out", image, "--preset", "tiny"})
                .exit_code,
            0);
  EXPECT_EQ(lightmamba({"tokenize", image, "--text", "It is a truth"}).out,
            lightmamba({"tokenize", accelerator_model(), "--text", "It is a truth"}).out);
  EXPECT_THAT(failure({"inspect", image}, 1), HasSubstr("lightmamba accel inspect"));
  EXPECT_THAT(failure({"quantize", image, "--out", folder / "q"}, 1),
              HasSubstr("image: a memory image, which only the accelerator runs"));
  write_file(folder / "m.gguf", "GGUF and more");
  EXPECT_THAT(failure({"generate", folder / "m.gguf", "--prompt", "a"}, 1),
              HasSubstr("m.gguf: a GGUF file, which is not supported"));
}

}  // namespace
}  // namespace lightmamba::test
