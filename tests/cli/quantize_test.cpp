#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kModel = shipped_model();

TEST(QuantizeCommand, MakesAModelForEveryCommand) {
  const TemporaryFolder folder;
  const std::string model = folder / "model.lm";
  const json report = lightmamba_json(quantize_command(model, {"--ssm", "pot8"}));
  EXPECT_EQ(report["quantization"]["method"], "lightmamba");
  EXPECT_EQ(report["quantization"]["scheme"], "w4a4");
  EXPECT_EQ(report["errors"].size(), 14u);  // two matrices in each of 6 layers, embedding, head
  for (const json& error : report["errors"]) {
    EXPECT_GT(error["relative_error"], 0.001);
    EXPECT_LT(error["relative_error"], 0.12);
  }

  const json about = lightmamba_json({"inspect", model});
  EXPECT_EQ(about["quantization"], report["quantization"]);
  EXPECT_EQ(about["quantization"]["state"], "int16");
  EXPECT_EQ(about["quantization"]["source"], "mamba2-prose-7m");
  EXPECT_THAT(lightmamba({"inspect", model}).out,
              HasSubstr("lightmamba w4a4, group 128, head 8 bits, ssm pot8, state int16, clipped"));

  const std::vector<std::string> text = {"--file", kModel + "/calibration.txt", "--max-tokens",
                                         "1500"};
  const auto perplexity = [&](const std::string& of) {
    std::vector<std::string> words = {"perplexity", of};
    words.insert(words.end(), text.begin(), text.end());
    return lightmamba_json(words)["perplexity"].get<double>();
  };
  const double exact = perplexity(kModel);
  EXPECT_GT(perplexity(model), exact);
  EXPECT_LT(perplexity(model), 1.05 * exact);

  EXPECT_EQ(lightmamba({"tokenize", model, "--text", "It is a truth"}).out,
            lightmamba({"tokenize", kModel, "--text", "It is a truth"}).out);
  EXPECT_THAT(lightmamba({"generate", model, "--prompt", "And the LORD said", "--max-tokens", "4",
                          "--echo"})
                  .out,
              StartsWith("And the LORD said unto"));
  EXPECT_EQ(lightmamba_json({"logits", model, "--tokens", "1,2,3"})["logits"].size(), 3u);
}

TEST(QuantizeCommand, GivesTheSameBytesOnAnyNumberOfThreads) {
  const TemporaryFolder folder;
  std::vector<std::string> files;
  for (const std::string threads : {"1", "2", "3"}) {
    const std::filesystem::path out = folder / threads;
    EXPECT_EQ(lightmamba(quantize_command(out, {"--gptq", "--threads", threads})).exit_code, 0);
    files.push_back(read_file(out));
  }
  EXPECT_GT(files[0].size(), 1'000'000u);
  EXPECT_TRUE(files[0] == files[1]);
  EXPECT_TRUE(files[0] == files[2]);
}

TEST(QuantizeCommand, EveryMethodAndSchemeLoads) {
  for (const std::string method : {"rtn", "smoothquant", "os+"}) {
    const TemporaryFolder folder;
    const std::string model = quantized(folder, {"--method", method, "--scheme", "w8a8"});
    EXPECT_EQ(lightmamba_json({"inspect", model})["quantization"]["method"], method);
    EXPECT_THAT(
        lightmamba({"generate", model, "--prompt", "And the LORD said", "--max-tokens", "1"}).out,
        HasSubstr("unto"));
  }
}

TEST(QuantizeCommand, TakesRandomWeightsOfAPublishedShape) {
  const TemporaryFolder folder;
  const std::string model = folder / "shape";
  EXPECT_EQ(
      lightmamba({"quantize", "--shape", "mamba2-130m", "--clip", "none", "-o", model}).exit_code,
      0);
  const json about = lightmamba_json({"inspect", model});
  EXPECT_EQ(about["config"]["d_model"], 768);
  EXPECT_EQ(about["config"]["n_layer"], 24);
  EXPECT_THAT(failure({"generate", model, "--prompt", "x"}, 1), HasSubstr("--tokenizer"));
  EXPECT_THAT(failure({"quantize", "--shape", "mamba2-7b", "--out", model}, 1),
              HasSubstr("unknown shape 'mamba2-7b': expected one of mamba2-130m, "));
}

TEST(QuantizeCommand, WrongUsageIsExitCode2) {
  const TemporaryFolder folder;
  const std::string out = folder / "q";
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"quantize", kModel},
           {"quantize", "--out", out},
           {"quantize", kModel, "--shape", "mamba2-130m", "--out", out},
           {"quantize", kModel, "--out", out, "--scheme", "w3a3"},
           {"quantize", kModel, "--out", out, "--method", "magic"},
           {"quantize", kModel, "--out", out, "--head-bits", "5"},
           {"quantize", kModel, "--out", out, "--group", "0"}}) {
    EXPECT_NE(failure(arguments, 2), "");
    EXPECT_FALSE(std::filesystem::exists(out));
  }
}

TEST(QuantizeCommand, RefusesWhatItCannotQuantize) {
  const TemporaryFolder folder;
  const std::string model = quantized(folder, {"--method", "rtn"});
  EXPECT_THAT(failure({"quantize", model, "--out", folder / "again"}, 1),
              HasSubstr("already quantized"));
  EXPECT_THAT(failure(quantize_command("/no/such/folder/model.lm"), 1),
              HasSubstr("/no/such/folder"));
  EXPECT_THAT(failure(quantize_command(folder.path()), 1), HasSubstr(folder.path().string()));
  EXPECT_THAT(failure(quantize_command(folder / "q", {"--calibration", "none.txt"}), 1),
              HasSubstr("none.txt: cannot open"));
  EXPECT_FALSE(std::filesystem::exists(folder / "q"));
  EXPECT_FALSE(std::filesystem::exists(folder / "again"));
}

TEST(QuantizedModels, ThatAreDamagedAreRefusedByName) {
  const TemporaryFolder folder;
  const std::string whole = read_file(quantized(folder, {"--method", "rtn"}));
  const std::filesystem::path path = folder / "damaged.lm";
  const auto refusal = [&](const std::string& bytes) {
    write_file(path, bytes);
    return failure({"generate", path, "--prompt", "x"}, 1);
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string bytes = whole;
    return bytes.replace(bytes.find(from), from.size(), to);
  };
  EXPECT_THAT(refusal(whole.substr(0, whole.size() - 1)),
              AllOf(StartsWith("error: " + path.string()), HasSubstr("bytes")));
  EXPECT_THAT(refusal(whole.substr(0, 100)), HasSubstr("damaged.lm"));
  EXPECT_THAT(refusal(""), HasSubstr("damaged.lm"));
  for (const std::string version : {"1", "3"}) {
    EXPECT_THAT(
        refusal(replaced(R"("format_version":"2")", R"("format_version":")" + version + "\"")),
        HasSubstr("format version '" + version + "' is not known here, which reads version 2"));
  }
  std::string flipped = whole;
  flipped[whole.size() / 2] ^= 1;
  EXPECT_THAT(refusal(flipped), HasSubstr("is damaged: its checksum differs"));
  EXPECT_THAT(refusal("# A text\n\nand no model.\n"),
              HasSubstr("expected a directory with config.json and weights, or a quantized model"));
  EXPECT_THAT(failure({"inspect", kModel + "/model.safetensors"}, 1),
              HasSubstr("not a quantized model"));
}

}  // namespace
}  // namespace lightmamba::test
