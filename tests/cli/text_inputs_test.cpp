// Tokenizers and stop tokens as people have them, and models whose tokenizer is of no use.
#include <cmath>
#include <filesystem>

#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::filesystem::path kData = std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "tests/data";

json read_json(const std::filesystem::path& path) { return json::parse(read_file(path)); }

// A folder with some files of another one, to which others may be added.
void link_files(const std::filesystem::path& from, const std::vector<std::string>& names,
                const TemporaryFolder& folder) {
  for (const std::string& name : names) {
    std::filesystem::create_symlink(from / name, folder / name);
  }
}

void expect_stop_at_f(const std::filesystem::path& model) {
  const json report = lightmamba_json({"generate", model, "--prompt", "abc", "--max-tokens", "8"});
  EXPECT_EQ(report["text"], "de");
  EXPECT_EQ(report["stop"], "end_of_text");
}

TEST(StopTokens, OfAListEachEndsTheText) {
  const TemporaryFolder folder;
  link_files(kData / "next_letter", {"model.safetensors", "tokenizer.json"}, folder);
  // Python writes infinity as a bare word that JSON does not have.
  std::string config = read_file(kData / "next_letter/config.json");
  const std::string one = "\"eos_token_id\": 256";
  ASSERT_NE(config.find(one), std::string::npos);
  write_file(folder / "config.json", config);
  EXPECT_EQ(lightmamba_json({"generate", folder.path(), "--prompt", "abc", "--max-tokens", "8"})
                .at("text"),
            "defghijk");
  config.replace(config.find(one), one.size(), "\"eos_token_id\": [256, 102]");
  write_file(folder / "config.json", config);
  expect_stop_at_f(folder.path());
  const json report = lightmamba_json(
      {"generate", folder.path(), "--prompt", "abc", "--max-tokens", "8", "--ignore-eos"});
  EXPECT_EQ(report["text"], "defghijk");
}

TEST(StopTokens, OfTheGenerationConfigCount) { expect_stop_at_f(kData / "next_letter"); }

TEST(StopTokens, AreKeptInAQuantizedFile) {
  const TemporaryFolder folder;
  const std::string out = folder / "q.lm";
  const ProcessResult result = lightmamba({"quantize", kData / "next_letter", "-o", out, "--method",
                                           "rtn", "--scheme", "w8a8", "--clip", "none"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_stop_at_f(out);
}

TEST(Prompt, BeginsWithTheTokensOfThePostProcessor) {
  const std::string tokenizer = kData / "tokenizer_inputs/begin_token.json";
  EXPECT_EQ(lightmamba_json({"tokenize", tokenizer, "--text", "abc"})["ids"],
            json({256, 97, 98, 99}));
  EXPECT_EQ(lightmamba_json({"tokenize", tokenizer, "--text", "abc", "--no-special-tokens"})["ids"],
            json({97, 98, 99}));
  const TemporaryFolder folder;
  link_files(kData / "next_letter", {"model.safetensors", "config.json"}, folder);
  const auto prompt_tokens = [&](const std::vector<std::string>& options) {
    std::vector<std::string> words = {"generate", folder.path(), "--tokenizer",  tokenizer,
                                      "--prompt", "abc",         "--max-tokens", "1"};
    words.insert(words.end(), options.begin(), options.end());
    return lightmamba_json(words)["prompt_tokens"];
  };
  EXPECT_EQ(prompt_tokens({"--save-state", folder / "state"}), 4);
  // What goes on from a state does not begin a text.
  EXPECT_EQ(prompt_tokens({"--load-state", folder / "state"}), 3);
  write_file(folder / "text", "abc");
  EXPECT_EQ(lightmamba_json({"perplexity", folder.path(), "--tokenizer", tokenizer, "--file",
                             folder / "text"})["tokens"],
            2);
}

TEST(Tokenize, SplitsAsTheFileSays) {
  const json expected = read_json(kData / "tokenizer_inputs/split_expected.json");
  for (const auto& [name, ids] : expected["ids"].items()) {
    const auto path = kData / "tokenizer_inputs" / ("split_" + name);
    if (!std::filesystem::exists(path)) continue;
    EXPECT_EQ(lightmamba_json({"tokenize", path, "--text", expected["text"]})["ids"], ids) << name;
  }
}

void expect_logits(const std::filesystem::path& model) {
  const json expected = read_json(kData / "random_model/expected.json");
  std::string tokens;
  for (const json& token : expected["tokens"]) tokens += token.dump() + ",";
  const json report = lightmamba_json({"logits", model, "--tokens", tokens});
  ASSERT_EQ(report["logits"].size(), expected["logits"].size());
  for (std::size_t i = 0; i < report["logits"].size(); ++i) {
    for (std::size_t j = 0; j < report["logits"][i].size(); ++j) {
      EXPECT_NEAR(report["logits"][i][j].get<double>(), expected["logits"][i][j].get<double>(),
                  2e-4);
    }
  }
}

TEST(UnsupportedTokenizer, StopsOnlyWhatNeedsText) {
  const TemporaryFolder folder;
  link_files(kData / "random_model", {"config.json", "model.safetensors"}, folder);
  json tokenizer = read_json(kData / "random_model/tokenizer.json");
  tokenizer["model"]["type"] = "Unigram";
  write_file(folder / "tokenizer.json", tokenizer.dump());
  const auto why = AllOf(HasSubstr("tokenizer.json: field 'model.type'"), HasSubstr("Unigram"));

  expect_logits(folder.path());
  EXPECT_EQ(lightmamba({"inspect", folder.path()}).exit_code, 0);
  EXPECT_THAT(failure({"generate", folder.path(), "--prompt", "a"}, 1), why);
  EXPECT_THAT(failure({"tokenize", folder.path(), "--text", "a"}, 1), why);

  // The quantized file carries the tokenizer along as it is.
  const std::string out = folder / "q.lm";
  const ProcessResult quantized =
      lightmamba({"quantize", folder.path(), "-o", out, "--method", "rtn", "--clip", "none"});
  ASSERT_EQ(quantized.exit_code, 0) << quantized.err;
  EXPECT_EQ(lightmamba({"logits", out, "--tokens", "1,2"}).exit_code, 0);
  EXPECT_THAT(failure({"generate", out, "--prompt", "a"}, 1), why);
}

// Clipping could use the text beside the model, but does not need it.
TEST(UnsupportedTokenizer, LeavesOutTheTextThatIsNotNeeded) {
  const TemporaryFolder folder;
  link_files(kData / "random_model", {"config.json", "model.safetensors"}, folder);
  write_file(folder / "tokenizer.json", "{");
  write_file(folder / "calibration.txt", "abc");
  const auto quantize = [&](const std::vector<std::string>& options) {
    std::vector<std::string> words = {"quantize",      folder.path(), "-o",
                                      folder / "q.lm", "--method",    "rtn"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  };
  const auto why = HasSubstr("tokenizer.json: not valid JSON");
  const ProcessResult result = lightmamba(quantize({}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("note: the ranges of activations are not calibrated: "), why));
  EXPECT_TRUE(std::filesystem::exists(folder / "q.lm"));
  for (const std::vector<std::string>& needs :
       std::vector<std::vector<std::string>>{{"--gptq"},
                                             {"--calibration", folder / "calibration.txt"},
                                             {"--calibration-tokens", "3"}}) {
    EXPECT_THAT(failure(quantize(needs), 1), why);
  }
}

TEST(UnsupportedTokenizer, IsSupportedNowOfTheSentencePieceKind) {
  expect_logits(kData / "random_model");
  EXPECT_EQ(lightmamba_json({"tokenize", kData / "random_model", "--text", ""})["ids"], json({1}));
}

const std::string kPointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:abababababababababababababababababababababababababababababababab\n"
    "size 527654321\n";

TEST(GitLfsPointer, InPlaceOfTheCalibrationTextIsNamedOnce) {
  const TemporaryFolder folder;
  link_files(kData / "random_model", {"config.json", "model.safetensors", "tokenizer.json"},
             folder);
  write_file(folder / "calibration.txt", kPointer);
  EXPECT_THAT(failure({"quantize", folder.path(), "-o", folder / "q", "--method", "rtn"}, 1),
              StartsWith("error: " + (folder / "calibration.txt").string() + ": found a Git LFS"));
}

TEST(GitLfsPointer, IsNamedInAnyFile) {
  for (const char* name :
       {"model.safetensors", "tokenizer.json", "config.json", "generation_config.json"}) {
    const TemporaryFolder folder;
    for (const char* file : {"model.safetensors", "tokenizer.json", "config.json"}) {
      if (file != std::string(name)) link_files(kData / "random_model", {file}, folder);
    }
    write_file(folder / name, kPointer);
    EXPECT_THAT(failure({"generate", folder.path(), "--prompt", "a"}, 1),
                AllOf(HasSubstr(name), HasSubstr("found a Git LFS pointer: the file itself was not "
                                                 "downloaded")));
  }
}

}  // namespace
}  // namespace lightmamba::test
