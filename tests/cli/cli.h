// The program under test, with its words of command.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/paths.h"
#include "support/process.h"

namespace lightmamba::test {

inline ProcessResult lightmamba(std::vector<std::string> arguments,
                                const ProcessOptions& options = {}) {
  arguments.insert(arguments.begin(), LIGHTMAMBA_CLI);
  return run_process(arguments, options);
}

// Runs a command that must succeed and print one JSON object and nothing else.
inline nlohmann::json lightmamba_json(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const ProcessResult result = lightmamba(std::move(arguments));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return nlohmann::json::parse(result.out);
}

// Runs a command that must fail and returns its message, which must begin with "error: " and stand
// alone.
inline std::string failure(std::vector<std::string> arguments, int exit_code) {
  const ProcessResult result = lightmamba(std::move(arguments));
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_EQ(result.out, "");
  return result.err;
}

// Quantizes the shipped model, quickly.
inline std::vector<std::string> quantize_command(const std::filesystem::path& out,
                                                 const std::vector<std::string>& options = {}) {
  std::vector<std::string> words = {"quantize", shipped_model(),        "--out",
                                    out,        "--calibration-tokens", "1024"};
  words.insert(words.end(), options.begin(), options.end());
  return words;
}

// The file that it has written.
inline std::string quantized(const TemporaryFolder& folder,
                             const std::vector<std::string>& options) {
  const std::filesystem::path out = folder / "model.lm";
  const ProcessResult result = lightmamba(quantize_command(out, options));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return out;
}

// The shipped model as the accelerator runs it: CTest makes it once for all suites, and a suite
// that is run by hand makes its own.
inline const std::string& accelerator_model() {
  if (const char* made = std::getenv("LIGHTMAMBA_ACCELERATOR_MODEL")) {
    static const std::string path = made;
    return path;
  }
  static const TemporaryFolder folder;
  static const std::string path = quantized(folder, {"--ssm", "pot8", "--head-bits", "4"});
  return path;
}

}  // namespace lightmamba::test
