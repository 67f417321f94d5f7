#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kModel = shipped_model();

std::vector<std::string> compare_command(const std::vector<std::string>& options,
                                         const std::string& tokens = "50") {
  std::vector<std::string> words = {"compare",      kModel, "--file", kModel + "/calibration.txt",
                                    "--max-tokens", tokens};
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

TEST(Compare, GivesOneRowForEachMethodAndScheme) {
  const TemporaryFolder folder;
  const json report = lightmamba_json(
      compare_command({"--methods", "rtn,lightmamba*", "--schemes", "w4a4", "--markdown",
                       folder / "table.md", "--json-file", folder / "table.json"},
                      "600"));
  std::vector<std::string> methods;
  for (const json& row : report["rows"]) methods.push_back(row["method"]);
  EXPECT_THAT(methods, ElementsAre("float", "rtn", "lightmamba*"));
  EXPECT_EQ(report["tokens"], 600);
  const json& exact = report["rows"][0];
  const json& rtn = report["rows"][1];
  const json& rotated = report["rows"][2];
  EXPECT_EQ(exact["scheme"], "float");
  EXPECT_TRUE(exact["quantization"].is_null());
  EXPECT_EQ(rtn["scheme"], "w4a4");
  EXPECT_EQ(rtn["quantization"]["clip"], "none");
  EXPECT_EQ(rotated["quantization"]["ssm"], "pot8");
  EXPECT_LT(rotated["kl"], rtn["kl"]);
  EXPECT_LT(exact["perplexity"], rtn["perplexity"]);
  EXPECT_NEAR(rtn["perplexity_change"].get<double>(),
              rtn["perplexity"].get<double>() / exact["perplexity"].get<double>() - 1, 1e-12);
  EXPECT_LT(3 * rtn["bytes"].get<double>(), exact["bytes"].get<double>());
  EXPECT_EQ(lightmamba_json({"inspect", kModel})["weight_bytes"], exact["bytes"]);

  const auto error = [&](const std::string& method) {
    for (const json& value : report["taps"]) {
      if (value["method"] == method && value["tap"] == "out_proj_input" && value["layer"] == 3) {
        return value["relative_error"].get<double>();
      }
    }
    return 0.0;
  };
  EXPECT_GT(error("float"), 1.3 * error("lightmamba"));
  EXPECT_EQ(error("float"), error("rtn"));

  EXPECT_EQ(json::parse(read_file(folder / "table.json")), report);
  EXPECT_THAT(read_file(folder / "table.md"),
              AllOf(HasSubstr("| scheme | method | perplexity |"), HasSubstr("| w4a4 | rtn | "),
                    HasSubstr("| w4a4 | lightmamba\\* | "),
                    HasSubstr("| out\\_proj\\_input | lightmamba | ")));
}

TEST(Compare, PrintsATable) {
  const TemporaryFolder folder;
  write_file(folder / "items.jsonl",
             R"({"text": "I said that I would go to the house of the Lord"})"
             "\n");
  const ProcessResult result =
      lightmamba(compare_command({"--methods", "rtn", "--schemes", "w8a8", "--no-taps", "--task",
                                  "lambada=" + (folder / "items.jsonl").string()}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, AllOf(HasSubstr("50 tokens of calibration.txt"), HasSubstr("lambada"),
                                HasSubstr("w8a8    rtn"), Not(HasSubstr("out_proj_input"))));
}

// Options of all rows show in their names, and rows that come to the same are one.
TEST(Compare, QuantizesAllRowsWithTheDetailsGiven) {
  const json report = lightmamba_json(
      compare_command({"--methods", "rtn,rtn+clip", "--schemes", "w4a16", "--no-taps", "--clip",
                       "mse", "--state", "int8", "--group", "64"}));
  ASSERT_EQ(report["rows"].size(), 2u);
  EXPECT_FALSE(report.contains("taps"));
  EXPECT_EQ(report["rows"][1]["method"], "rtn+clip");
  EXPECT_EQ(report["rows"][1]["quantization"]["state"], "int8");
  EXPECT_EQ(report["rows"][1]["quantization"]["group"], 64);
}

TEST(Compare, RunsOnTheEngineWhereItCan) {
  const auto rows = [](const std::string& backend) {
    return lightmamba_json(compare_command(
        {"--methods", "lightmamba*", "--schemes", "w8a8,w4a16", "--no-taps", "--backend", backend},
        "300"))["rows"];
  };
  const json found = rows("auto");
  const json expected = rows("reference");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0]["backend"], "reference");  // the float model
  EXPECT_EQ(found[1]["backend"], "engine");
  EXPECT_EQ(found[2]["backend"], "reference");
  EXPECT_EQ(expected[1]["backend"], "reference");
  EXPECT_EQ(found[0], expected[0]);
  EXPECT_EQ(found[2], expected[2]);
  EXPECT_NE(found[1]["perplexity"], expected[1]["perplexity"]);
  EXPECT_NEAR(found[1]["perplexity"].get<double>(), expected[1]["perplexity"].get<double>(),
              0.005 * expected[1]["perplexity"].get<double>());  // over so few tokens
  EXPECT_THAT(
      failure(compare_command({"--methods", "rtn", "--schemes", "w4a16", "--backend", "engine"}),
              1),
      HasSubstr("activations have 16 bits"));
}

TEST(Compare, RefusesWhatItCannotDo) {
  EXPECT_THAT(failure(compare_command({"--methods", "rtn,awq"}), 2),
              AllOf(HasSubstr("unknown method 'awq'"), HasSubstr("rtn, smoothquant, os+")));
  EXPECT_THAT(failure(compare_command({"--schemes", "w3a3"}), 2),
              AllOf(HasSubstr("w3a3"), HasSubstr("w4a4")));
  EXPECT_THAT(failure(compare_command({"--task", "lambada"}), 2), HasSubstr("TASK=FILE"));
  EXPECT_THAT(failure(compare_command({"--task", "glue=x"}), 2), HasSubstr("'glue'"));
}

}  // namespace
}  // namespace lightmamba::test
