// No output may take the place of what a command reads.
#include <filesystem>

#include "cli/cli.h"
#include "support/random_model.h"

namespace lightmamba::test {
namespace {

using ::testing::HasSubstr;

class OutputFiles : public ::testing::Test {
 protected:
  OutputFiles() { RandomModel({}).write_hugging_face(folder_ / "m"); }

  std::string path(const std::string& name) const { return folder_ / name; }

  // The command fails with `message`, and the file keeps its bytes.
  void expect_kept(const std::string& file, const std::string& message,
                   const std::vector<std::string>& command) const {
    const std::string before = read_file(file);
    EXPECT_THAT(failure(command, 1), HasSubstr(message));
    EXPECT_EQ(read_file(file), before);
  }

  TemporaryFolder folder_;
};

const std::string kMessage = "would overwrite the model that is read";

TEST_F(OutputFiles, QuantizeKeepsItsModelUnderAnyName) {
  const std::string weights = path("m/model.safetensors");
  std::filesystem::create_symlink(weights, path("link"));
  std::filesystem::create_hard_link(weights, path("hard"));
  for (const std::string& out : {weights, path("m/./model.safetensors"), path("link"), path("hard"),
                                 path("m/../m/model.safetensors")}) {
    SCOPED_TRACE(out);
    expect_kept(weights, kMessage,
                {"quantize", path("m"), "-o", out, "--method", "rtn", "--clip", "none"});
  }
  expect_kept(path("m/config.json"), kMessage,
              {"quantize", path("m"), "-o", path("m/config.json"), "--method", "rtn"});
}

TEST_F(OutputFiles, AShardOfAnyNameIsKept) {
  const nlohmann::json report = lightmamba_json({"inspect", path("m")});
  nlohmann::json index;
  for (const auto& tensor : report.at("tensors")) {
    index["weight_map"][tensor["name"].get<std::string>()] = "part-a.safetensors";
  }
  std::filesystem::rename(path("m/model.safetensors"), path("m/part-a.safetensors"));
  write_file(path("m/model.safetensors.index.json"), index.dump());
  for (const char* file : {"m/part-a.safetensors", "m/model.safetensors.index.json"}) {
    expect_kept(path(file), kMessage,
                {"quantize", path("m"), "-o", path(file), "--method", "rtn", "--clip", "none"});
  }
}

TEST_F(OutputFiles, AnOutputBesideTheModelIsReplaced) {
  const std::vector<std::string> command = {"quantize", path("m"), "-o",     path("m/q.lm"),
                                            "--method", "rtn",     "--clip", "none"};
  for (int i = 0; i < 2; ++i) {
    const ProcessResult result = lightmamba(command);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
}

TEST_F(OutputFiles, AQuantizedFileIsKeptToo) {
  const std::string model = path("model.lm");
  std::filesystem::copy_file(accelerator_model(), model);
  expect_kept(model, kMessage,
              {"generate", model, "--prompt", "b", "--max-tokens", "1", "--save-state", model});
  expect_kept(model, kMessage, {"accel", "pack", model, "-o", model, "--preset", "tiny"});
  write_file(path("prompt"), "And the LORD said");
  expect_kept(path("prompt"), "which is read",
              {"generate", model, "--prompt-file", path("prompt"), "--max-tokens", "1",
               "--save-state", path("prompt")});
}

TEST_F(OutputFiles, AStateMayTakeThePlaceOfTheOneBefore) {
  const std::string& model = accelerator_model();
  const std::string state = path("state");
  std::vector<std::string> command = {"generate",     model, "--prompt",     "b",
                                      "--max-tokens", "1",   "--save-state", state};
  EXPECT_EQ(lightmamba(command).exit_code, 0);
  command.insert(command.end(), {"--load-state", state});
  EXPECT_EQ(lightmamba(command).exit_code, 0);
}

TEST_F(OutputFiles, AStateWithoutAPlaceIsRefusedBeforeTheFirstToken) {
  for (const std::string& state : {path("m"), std::string("/dev/full"), path("none/state")}) {
    SCOPED_TRACE(state);
    // `failure` expects no output.
    EXPECT_THAT(failure({"generate", accelerator_model(), "--prompt", "b", "--max-tokens", "3",
                         "--save-state", state},
                        1),
                ::testing::StartsWith("error: " + state.substr(0, state.find("/state"))));
  }
}

TEST_F(OutputFiles, TablesAndPicturesKeepWhatTheyAreMadeOf) {
  const std::string text = path("text");
  write_file(text, "And the LORD said unto Moses, Speak unto the children of Israel");
  for (const char* option : {"--markdown", "--json-file"}) {
    expect_kept(text, "which is read",
                {"compare", shipped_model(), "--file", text, "--methods", "rtn", option, text});
  }
  write_file(path("text.svg"), read_file(text));
  expect_kept(path("text.svg"), "which is read",
              {"inspect", shipped_model(), "--outliers", path("text.svg"), "--file",
               path("text.svg"), "--tokens", "5"});
  write_file(path("items.jsonl"), "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}");
  write_file(path("items-labels.lst"), "1");
  expect_kept(path("items-labels.lst"), "which is read",
              {"compare", shipped_model(), "--file", text, "--task", "piqa=" + path("items.jsonl"),
               "--json-file", path("items-labels.lst")});
  std::filesystem::create_symlink(path("m/model.safetensors"), path("picture.png"));
  expect_kept(path("m/model.safetensors"), kMessage,
              {"inspect", path("m"), "--outliers", path("picture.png")});
}

TEST_F(OutputFiles, StandardInputIsKept) {
  write_file(path("prompt"), "And the LORD said");
  const ProcessResult result =
      run_process({"/bin/sh", "-c",
                   R"("$0" generate "$1" --prompt-file - --max-tokens 1 --save-state "$2" <"$2")",
                   LIGHTMAMBA_CLI, shipped_model(), path("prompt")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("prompt: would overwrite standard input, which is read"));
  EXPECT_EQ(read_file(path("prompt")), "And the LORD said");
}

TEST_F(OutputFiles, TwoOutputsOfCompareAreTwoFiles) {
  const std::string message =
      failure({"compare", shipped_model(), "--file", shipped_model() / "calibration.txt",
               "--methods", "rtn", "--markdown", path("out"), "--json-file", path("m/../out")},
              1);
  EXPECT_THAT(message, HasSubstr("two outputs in one file"));
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

}  // namespace
}  // namespace lightmamba::test
