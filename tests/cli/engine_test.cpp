#include <fstream>
#include <map>
#include <sys/stat.h>
#include <thread>

#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kModel = shipped_model();

// Instruction sets that this processor has.
std::vector<std::string> supported(const std::string& model) {
  std::vector<std::string> names;
  for (const char* name : {"scalar", "avx2", "avx512"}) {
    const ProcessResult result =
        lightmamba({"generate", model, "--prompt", "A", "--max-tokens", "0", "--isa", name});
    if (result.exit_code == 0) {
      names.emplace_back(name);
    } else {
      EXPECT_THAT(result.err, HasSubstr(name));
    }
  }
  return names;
}

TEST(EngineCommands, EveryInstructionSetWritesTheSameText) {
  const TemporaryFolder folder;
  const std::string model = quantized(folder, {"--ssm", "pot8"});
  const std::vector<std::string> command = {
      "generate",     model, "--prompt", "It is a truth universally acknowledged, that",
      "--max-tokens", "60"};
  const std::string text = lightmamba(command).out;
  EXPECT_GT(text.size(), 100u);
  const std::vector<std::string> names = supported(model);
  EXPECT_EQ(names.front(), "scalar");
  for (const std::string& name : names) {
    std::vector<std::string> words = command;
    words.insert(words.end(), {"--isa", name, "--threads", "3", "--pin"});
    EXPECT_EQ(lightmamba(words).out, text) << name;
    EXPECT_EQ(lightmamba(command, {.environment = {"LIGHTMAMBA_ISA=" + name}}).out, text) << name;
  }
}

TEST(EngineCommands, TheOptionReplacesTheEnvironment) {
  const std::vector<std::string> command = {"generate", accelerator_model(), "--prompt",
                                            "A",        "--max-tokens",      "0"};
  const ProcessOptions options = {.environment = {"LIGHTMAMBA_ISA=foo"}};
  const ProcessResult refused = lightmamba(command, options);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("LIGHTMAMBA_ISA: unknown instruction set 'foo'"));
  std::vector<std::string> with_option = command;
  with_option.insert(with_option.end(), {"--isa", "scalar"});
  const ProcessResult result = lightmamba(with_option, options);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST(EngineCommands, PerplexityIsThatOfTheReference) {
  const TemporaryFolder folder;
  // With 4 bits a rounding that falls the other way is felt; over so few tokens it does not average
  // out.
  for (const auto& [scheme, bound] :
       std::map<std::string, double>{{"w4a4", 0.01}, {"w8a8", 0.003}}) {
    const std::string model = quantized(folder, {"--ssm", "pot8", "--scheme", scheme});
    const auto perplexity = [&](const std::string& backend) {
      return lightmamba_json({"perplexity", model, "--file", kModel + "/calibration.txt",
                              "--max-tokens", "800", "--backend", backend})["perplexity"]
          .get<double>();
    };
    const double expected = perplexity("reference");
    EXPECT_NEAR(perplexity("engine"), expected, bound * expected) << scheme;
  }
}

TEST(EngineCommands, FloatModelsRunOnTheReferenceOnly) {
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "A", "--backend", "engine"}, 1),
              AllOf(StartsWith("error: " + kModel), HasSubstr("the weights are floats")));
  EXPECT_THAT(failure({"generate", kModel, "--prompt", "A", "--isa", "sse9"}, 2),
              HasSubstr("--isa"));
}

// Opened, and then cut off before the prompt is there.
ProcessResult generate_from_cut_off(const TemporaryFolder& folder, const std::string& model,
                                    const std::string& weights) {
  const std::string pipe = folder / "prompt";
  EXPECT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream prompt(pipe);  // waits until the model is open and the prompt is asked for
    std::filesystem::resize_file(weights, 4096);
    prompt << "It is a truth";
  });
  ProcessResult result =
      lightmamba({"generate", model, "--prompt-file", pipe, "--max-tokens", "8"});
  writer.join();
  return result;
}

TEST(EngineCommands, AMappedFileThatIsCutOffIsAnError) {
  const TemporaryFolder folder;
  std::filesystem::copy(kModel, folder / "model");
  const std::string weights = folder / "model/model.safetensors";
  const ProcessResult result = generate_from_cut_off(folder, folder / "model", weights);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(weights + ": the file has become shorter"));
}

TEST(EngineCommands, AQuantizedFileThatIsCutOffAfterItWasLoadedDoesNotMatter) {
  const TemporaryFolder folder;
  const std::string model = quantized(folder, {});
  const std::string expected =
      lightmamba({"generate", model, "--prompt", "It is a truth", "--max-tokens", "8"}).out;
  EXPECT_GT(expected.size(), 8u);
  const ProcessResult result = generate_from_cut_off(folder, model, model);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, expected);
}

TEST(BenchCommand, ReportsSpeedAndFloor) {
  const TemporaryFolder folder;
  const std::string model = quantized(folder, {});
  for (const std::vector<std::string>& source :
       {std::vector<std::string>{model},
        std::vector<std::string>{"--shape", "mamba2-130m", "--scheme", "w4a8"}}) {
    std::vector<std::string> words = {"bench", "--prompt-tokens", "8", "--generate-tokens",
                                      "2",     "--runs",          "1", "--sequences",
                                      "2",     "--threads",       "2"};
    words.insert(words.end(), source.begin(), source.end());
    const json report = lightmamba_json(words);
    EXPECT_EQ(report["threads"], 2);
    EXPECT_EQ(report["sequences"], 2);
    for (const char* field :
         {"prefill_tokens_per_second", "decode_tokens_per_second", "bytes_per_token",
          "read_bandwidth", "share_of_floor", "load_seconds", "peak_rss_bytes"}) {
      EXPECT_GT(report[field], 0) << field;
    }
  }
}

TEST(BenchCommand, WrongUsageIsExitCode2) {
  EXPECT_THAT(failure({"bench"}, 2), HasSubstr("required"));
  EXPECT_THAT(failure({"bench", kModel, "--shape", "mamba2-130m"}, 2), HasSubstr("--shape"));
  EXPECT_THAT(failure({"bench", kModel, "--runs", "0"}, 2), HasSubstr("--runs"));
  EXPECT_THAT(failure({"bench", "--shape", "mamba2-9b"}, 1), HasSubstr("mamba2-9b"));
  EXPECT_THAT(failure({"bench", kModel, "--backend", "engine"}, 1),
              HasSubstr("the weights are floats"));
}

}  // namespace
}  // namespace lightmamba::test
