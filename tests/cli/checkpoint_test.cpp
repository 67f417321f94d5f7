// What the program says about checkpoints that are damaged or contradict themselves.
#include <cstring>
#include <filesystem>
#include <limits>

#include "cli/cli.h"
#include "support/random_model.h"

namespace lightmamba::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Checkpoint, ANumberThatIsNotFiniteStopsEveryCommandBeforeItBegins) {
  const RandomModel model({});
  const TemporaryFolder folder;
  model.write_hugging_face(folder / "m");
  std::string file = read_file(folder / "m/model.safetensors");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(file.data() + file.size() - sizeof nan, &nan, sizeof nan);  // in the last tensor
  write_file(folder / "m/model.safetensors", file);
  const std::string path = folder / "m";
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"logits", path, "--tokens", "1"},
           {"inspect", path},
           {"quantize", path, "-o", folder / "q", "--method", "rtn"},
           {"quantize", path, "-o", folder / "q"}}) {
    EXPECT_THAT(failure(command, 1),
                AllOf(HasSubstr("m/model.safetensors: tensor 'backbone.norm_f.weight'"),
                      HasSubstr("element [23] is nan")));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "q"));
}

TEST(Checkpoint, AnotherHeadThanTheFlagSaysIsANote) {
  const TemporaryFolder folder;
  RandomModel({.tied = false}).write_hugging_face(folder / "m");
  write_file(folder / "m/config.json", RandomModel({}).hugging_face_config());
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"logits", folder / "m", "--tokens", "1", "--json"},
                                             {"inspect", folder / "m", "--json"}}) {
    const ProcessResult result = lightmamba(command);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.err, AllOf(StartsWith("note: "), HasSubstr("'lm_head.weight'"),
                                  HasSubstr("the stored head is used")));
    EXPECT_TRUE(nlohmann::json::accept(result.out));
  }
}

TEST(Checkpoint, FieldsThatAreNotKnownAreANote) {
  const TemporaryFolder folder;
  const RandomModel model({});
  model.write_hugging_face(folder / "m");
  const std::vector<std::string> command = {"logits", folder / "m", "--tokens", "1", "--json"};
  const ProcessResult silent = lightmamba(command);
  EXPECT_EQ(silent.err, "");
  std::string config = model.hugging_face_config();
  config.insert(config.find('{') + 1, "\"warp_factor\": 9,");
  write_file(folder / "m/config.json", config);
  const ProcessResult result = lightmamba(command);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err,
              AllOf(StartsWith("note: "), HasSubstr("config.json"), HasSubstr("warp_factor")));
  EXPECT_EQ(result.out, silent.out);
}

}  // namespace
}  // namespace lightmamba::test
