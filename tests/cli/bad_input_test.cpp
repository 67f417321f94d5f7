#include <filesystem>
#include <sys/stat.h>

#include "cli/cli.h"
#include "support/random_model.h"

namespace lightmamba::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kModel = shipped_model();

TEST(Usage, IsExitCode2) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"frobnicate"},
           {"inspect"},
           {"inspect", kModel, "--surprise"},
           {"tokenize", kModel},
           {"tokenize", kModel, "--text", "a", "--file", "b"},
           {"generate", kModel},
           {"generate", kModel, "--prompt", "x", "--threads", "-1"},
           {"generate", kModel, "--prompt", "x", "--max-tokens", "many"},
           {"generate", kModel, "--prompt", "x", "--max-tokens", "9223372036854775808"},
           {"generate", kModel, "--prompt", "x", "--save-state", ""},
           {"generate", kModel, "--prompt", "x", "--temperature", "1", "--seed", "-1"},
           {"quantize", kModel, "-o", "/none/q", "--seed", "18446744073709551616"},
           {"study", "outliers", "--seed", "1x"},
           {"perplexity", kModel, "--file", "x", "--context", "0"},
           {"evaluate", kModel, "--task", "chess", "--data", "x"},
       }) {
    const ProcessResult result = lightmamba(arguments);
    EXPECT_EQ(result.exit_code, 2) << (arguments.empty() ? "" : arguments.back());
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err, "");
  }
}

TEST(Usage, HelpAndVersionGoToStandardOutput) {
  for (const char* flag : {"--help", "--version"}) {
    const ProcessResult result = lightmamba({flag});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("lightmamba"));
    EXPECT_EQ(result.err, "");
  }
}

TEST(BadInput, FilesThatAreNotThere) {
  EXPECT_THAT(failure({"inspect", "no-such-model"}, 1),
              StartsWith("error: no-such-model: no such directory"));
  EXPECT_THAT(failure({"perplexity", kModel, "--file", "no-such-text"}, 1),
              HasSubstr("no-such-text: cannot open"));
  EXPECT_THAT(failure({"tokenize", kModel, "--text", "x", "--tokenizer", "none.json"}, 1),
              HasSubstr("none.json: cannot open"));
}

TEST(BadInput, FilesThatAreNoModelsAreNamedForWhatTheyAre) {
  const TemporaryFolder folder;
  const std::string gguf = folder / "g.gguf";
  write_file(gguf, std::string("GGUF\3\0\0\0", 8) + std::string(64, 'x'));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"logits", gguf, "--tokens", "1"},
                                             {"inspect", gguf},
                                             {"tokenize", gguf, "--text", "x"}}) {
    EXPECT_THAT(failure(command, 1), StartsWith("error: " + gguf + ": a GGUF file"));
  }
  const std::string config = kModel + "/config.json";
  EXPECT_THAT(failure({"logits", config, "--tokens", "1"}, 1),
              StartsWith("error: " + config + ": a JSON file, which holds no weights"));
  EXPECT_THAT(failure({"inspect", config}, 1), HasSubstr("a JSON file, which holds no weights"));
  EXPECT_THAT(failure({"inspect", accelerator_model(), "--outliers", folder / "o.svg"}, 1),
              HasSubstr("has no text beside it: --file FILE"));
  EXPECT_THAT(failure({"quantize", accelerator_model(), "-o", folder / "again"}, 1),
              StartsWith("error: " + accelerator_model() + ": the model is already quantized"));
}

TEST(BadInput, TokenIds) {
  EXPECT_THAT(failure({"logits", kModel, "--tokens", "1,4096", "--json"}, 1),
              HasSubstr("token id 4096 is outside the vocabulary of 4096"));
  EXPECT_THAT(failure({"logits", kModel, "--tokens", "1,99999999999999"}, 1),
              HasSubstr("'99999999999999' is not a token id"));
  EXPECT_THAT(failure({"logits", kModel, "--tokens", "-1"}, 1),
              HasSubstr("'-1' is not a token id"));
  EXPECT_THAT(failure({"logits", kModel, "--tokens", "one"}, 1), HasSubstr("'one'"));
  EXPECT_THAT(failure({"logits", kModel, "--tokens", " , "}, 1), HasSubstr("no token ids"));
  EXPECT_THAT(failure({"detokenize", kModel, "--ids", "4096"}, 1), HasSubstr("4096"));
}

TEST(BadInput, Prompts) {
  EXPECT_THAT(failure({"generate", kModel, "--prompt", ""}, 1), HasSubstr("no tokens"));
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "a\xff"}, 1),
              HasSubstr("not valid UTF-8: byte 0xff at offset 1"));
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "a", "--temperature", "-1"}, 2),
              HasSubstr("temperature"));
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "a", "--echo", "--top-p", "2"}, 1),
              HasSubstr("top_p"));
  const TemporaryFolder folder;
  write_file(folder / "text", "one \xc3");
  EXPECT_THAT(failure({"tokenize", kModel, "--file", folder / "text"}, 1),
              HasSubstr("text is not valid UTF-8: byte 0xc3 at offset 4"));
  EXPECT_THAT(failure({"perplexity", kModel, "--file", folder / "text"}, 1), HasSubstr("UTF-8"));
  write_file(folder / "empty", "");
  EXPECT_NE(failure({"perplexity", kModel, "--file", folder / "empty"}, 1), "");
}

TEST(BadInput, AModelWithoutATokenizerSaysWhatToDo) {
  const TemporaryFolder folder;
  RandomModel({}).write_hugging_face(folder.path());
  EXPECT_THAT(failure({"generate", folder.path(), "--prompt", "x"}, 1),
              AllOf(HasSubstr("no tokenizer.json"), HasSubstr("--tokenizer")));
}

TEST(BadInput, TruncatedWeightsAreNamed) {
  const TemporaryFolder folder;
  const std::string weights = read_file(shipped_model() / "model.safetensors");
  write_file(folder / "config.json", read_file(shipped_model() / "config.json"));
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{5000},
                                 weights.size() / 2, weights.size() - 1}) {
    write_file(folder / "model.safetensors", weights.substr(0, size));
    EXPECT_THAT(failure({"inspect", folder.path()}, 1), HasSubstr("model.safetensors: "));
  }
}

TEST(BadInput, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"inspect", kModel},
           {"inspect", kModel, "--json"},
           {"tokenize", kModel, "--file", kModel + "/calibration.txt"},
           {"generate", kModel, "--prompt", "x", "--max-tokens", "2"},
           {"logits", kModel, "--tokens", "1,2,3", "--json"},
           {"--help"},
           {"--version"},
       }) {
    const ProcessResult result = lightmamba(arguments, {.output_file = "/dev/full"});
    EXPECT_EQ(result.exit_code, 1) << arguments.front();
    EXPECT_THAT(result.err, HasSubstr("standard output: cannot write: No space left on device"));
  }
}

TEST(BadInput, PipesAndEndlessFilesAreRefusedWhereAFileIsNeeded) {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& special : {pipe, std::string("/dev/zero")}) {
    EXPECT_THAT(failure({"tokenize", special, "--text", "x"}, 1), HasSubstr("not a regular file"));
    EXPECT_THAT(failure({"generate", kModel, "--prompt", "x", "--load-state", special}, 1),
                HasSubstr("not a regular file"));
  }
  EXPECT_THAT(failure({"tokenize", kModel, "--file", folder.path()}, 1), HasSubstr("cannot read"));
}

TEST(BadInput, AFullDiskUnderStandardErrorIsNoCrash) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  EXPECT_EQ(lightmamba({"inspect", "no-such-model"}, {.error_file = "/dev/full"}).exit_code, 1);
}

TEST(BadInput, ASavedStateReplacesOnlyFiles) {
  const TemporaryFolder folder;
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "a", "--max-tokens", "1", "--json",
                       "--save-state", folder.path()},
                      1),
              HasSubstr("not a regular file"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace lightmamba::test
