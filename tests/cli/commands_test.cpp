#include <cmath>
#include <filesystem>

#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kModel = shipped_model();

TEST(Inspect, ReportsArchitectureAndSizes) {
  const json report = lightmamba_json({"inspect", kModel});
  EXPECT_EQ(report["architecture"], "mamba2");
  EXPECT_EQ(report["config"]["d_model"], 384);
  EXPECT_EQ(report["config"]["n_layer"], 6);
  EXPECT_EQ(report["weight_bytes"],
            std::filesystem::file_size(shipped_model() / "model.safetensors") - 8 - 6160);
  EXPECT_EQ(report["parameters"].get<int>() * 2, report["weight_bytes"]);
  EXPECT_EQ(report["tensors"].size(), 6u * 9u + 2u);

  const ProcessResult text = lightmamba({"inspect", kModel});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, HasSubstr("7.54 M parameters"));
  EXPECT_THAT(text.out, HasSubstr("backbone.layers.*.mixer.in_proj.weight"));
  EXPECT_THAT(lightmamba({"inspect", kModel, "--tensors"}).out,
              HasSubstr("backbone.layers.5.mixer.in_proj.weight"));
}

TEST(Tokenize, RoundTripsThroughDetokenize) {
  const std::string text = "It is a truth universally acknowledged,\n\tnaïvely — 42.";
  const ProcessResult ids = lightmamba({"tokenize", kModel, "--text", text});
  ASSERT_EQ(ids.exit_code, 0) << ids.err;
  EXPECT_EQ(ids.out, lightmamba({"tokenize", kModel, "--text", text, "--ids"}).out);
  EXPECT_EQ(lightmamba({"detokenize", kModel, "--file", "-"}, {.input = ids.out}).out, text);
  const json report = lightmamba_json({"tokenize", kModel, "--text", text});
  std::string joined;
  for (const auto& id : report["ids"]) joined += id.dump() + ",";
  EXPECT_EQ(lightmamba({"detokenize", kModel, "--ids", joined}).out, text);
  EXPECT_EQ(lightmamba_json({"detokenize", kModel, "--ids", joined})["text"], text);
  EXPECT_THAT(lightmamba({"tokenize", kModel, "--text", text, "--pieces"}).out,
              HasSubstr("\t\" truth\""));
}

TEST(Tokenize, ReadsAFileAndATokenizerFile) {
  const TemporaryFolder folder;
  write_file(folder / "text", "some words");
  const std::string expected = lightmamba({"tokenize", kModel, "--text", "some words"}).out;
  EXPECT_NE(expected, "");
  EXPECT_EQ(lightmamba({"tokenize", kModel, "--file", folder / "text"}).out, expected);
  EXPECT_EQ(
      lightmamba({"tokenize", kModel + "/tokenizer.json", "--file", "-"}, {.input = "some words"})
          .out,
      expected);
}

TEST(Logits, PrintsARowForEachToken) {
  const json golden = json::parse(read_file(shipped_model() / "golden.json"));
  const auto tokens = golden["sequences"][0].get<std::vector<int>>();
  std::string list;
  for (const int id : tokens) list += std::to_string(id) + ",";
  const json report = lightmamba_json({"logits", kModel, "--tokens", list});
  ASSERT_EQ(report["logits"].size(), tokens.size());
  const auto expected = golden["last_logits"][0].get<std::vector<double>>();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(report["logits"].back()[i].get<double>(), expected[i], 2e-4);
  }
  EXPECT_THAT(lightmamba({"logits", kModel, "--tokens", "0,3", "--top", "2"}).out,
              StartsWith("after token 0 (0)\n"));
}

TEST(Generate, GreedyOutputIsTheSameEveryTime) {
  const std::vector<std::string> command = {"generate",      kModel,         "--prompt",
                                            "It is a truth", "--max-tokens", "24"};
  const ProcessResult first = lightmamba(command);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_GT(first.out.size(), 24u);
  for (const char* threads : {"1", "2", "3"}) {
    std::vector<std::string> again = command;
    again.insert(again.end(), {"--threads", threads});
    EXPECT_EQ(lightmamba(again).out, first.out);
  }
}

TEST(Generate, ASeedDecidesWhatIsSampled) {
  const auto sample = [](const std::string& seed) {
    return lightmamba({"generate", kModel, "--prompt", "And", "--max-tokens", "24", "--temperature",
                       "1", "--top-p", "0.95", "--seed", seed})
        .out;
  };
  EXPECT_EQ(sample("5"), sample("5"));
  EXPECT_NE(sample("5"), sample("6"));
}

TEST(Generate, ReportsAsJson) {
  const json report =
      lightmamba_json({"generate", kModel, "--prompt", "It is a truth", "--max-tokens", "5"});
  EXPECT_EQ(report["generated_tokens"], 5);
  EXPECT_EQ(report["ids"].size(), 5u);
  EXPECT_EQ(report["stop"], "max_tokens");
  EXPECT_EQ(lightmamba({"generate", kModel, "--prompt", "It is a truth", "--max-tokens", "5"}).out,
            report["text"].get<std::string>() + "\n");
}

TEST(Generate, ASavedStateGoesOnWhereItStopped) {
  const TemporaryFolder folder;
  const auto generate = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"generate", kModel, "--ignore-eos"});
    return lightmamba_json(words)["text"].get<std::string>();
  };
  const std::string whole = generate({"--prompt", "It is a truth", "--max-tokens", "12"});
  const std::string first = generate(
      {"--prompt", "It is a truth", "--max-tokens", "6", "--save-state", folder / "state"});
  EXPECT_EQ(first + generate({"--max-tokens", "6", "--load-state", folder / "state"}), whole);
  EXPECT_EQ(
      first + generate({"--prompt", "", "--max-tokens", "6", "--load-state", folder / "state"}),
      whole);
}

TEST(Perplexity, MatchesTheTrainingCodeOnItsOwnTokens) {
  const TemporaryFolder folder;
  const json golden = json::parse(read_file(shipped_model() / "golden.json"));
  std::string ids;
  for (const auto& id : golden["sequences"][1]) ids += id.dump() + "\n";
  write_file(folder / "text", lightmamba({"detokenize", kModel, "--ids", ids}).out);
  const json report = lightmamba_json({"perplexity", kModel, "--file", folder / "text"});
  EXPECT_EQ(report["tokens"], 63);
  EXPECT_NEAR(report["nll"].get<double>(), golden["nll"][1].get<double>(), 1e-5);
  EXPECT_NEAR(report["perplexity"].get<double>(), std::exp(report["nll"].get<double>()), 1e-6);
  EXPECT_GT(report["bits_per_byte"].get<double>(), 0.5);
}

TEST(Evaluate, ScoresATask) {
  const TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 4; ++i)
    lines += R"({"text": "I said that I would go to the house of the Lord"})"
             "\n";
  write_file(folder / "lambada.jsonl", lines);
  const json report = lightmamba_json({"evaluate", kModel, "--task", "lambada", "--data",
                                       folder / "lambada.jsonl", "--limit", "3"});
  EXPECT_EQ(report["task"], "lambada");
  EXPECT_EQ(report["n"], 3);
  EXPECT_GE(report["accuracy"].get<double>(), 0.0);
  EXPECT_TRUE(report.contains("stderr"));
}

}  // namespace
}  // namespace lightmamba::test
