#include <algorithm>

#include "accel/hardware/sizes.h"
#include "cli/cli.h"

namespace lightmamba::test {
namespace {

using ::testing::HasSubstr;

#ifdef LIGHTMAMBA_RTLSIM

// The sizes of the core that the program has been built with.
bool is_built(const std::string& preset) {
  return std::string("," LIGHTMAMBA_RTLSIM ",").find("," + preset + ",") != std::string::npos;
}

// All values of all units and all logits, of the tokens of the prompt and of those that follow.
void expect_equal(const std::string& preset, const std::string& prompt, int max_tokens) {
  if (!is_built(preset)) GTEST_SKIP() << "the core " << preset << " is built by ./dev test --full";
  const nlohmann::json result =
      lightmamba_json({"accel", "verify", accelerator_model(), "--preset", preset, "--tokens",
                       prompt, "--max-tokens", std::to_string(max_tokens)});
  EXPECT_TRUE(result["equal"].get<bool>());
  // The last token that is chosen is not run.
  const auto tokens = std::count(prompt.begin(), prompt.end(), ',') + max_tokens;
  EXPECT_EQ(result["tokens"], tokens);
  EXPECT_GT(result["values"].get<int>(), 50'000 * tokens);
}

constexpr const char* kSixteenTokens = "5,17,300,42,1000,7,77,2048,9,4000,12,600,33,3,250,81";

TEST(AccelSimulation, EqualsGoldenOnTheSmallerDevice) {
  expect_equal("vck190", kSixteenTokens, 64);
}

TEST(AccelSimulation, EqualsGoldenOnTheLargerDevice) { expect_equal("u280", kSixteenTokens, 8); }

// Each in the order of rows that it is made for.
TEST(AccelSimulation, EqualsGoldenOnEveryOtherSize) {
  for (const accel::Hardware& hardware : accel::hardware_presets()) {
    const std::string preset(hardware.name);
    if (preset == "vck190" || preset == "u280" || !is_built(preset)) continue;
    SCOPED_TRACE(preset);
    expect_equal(preset, "5,17", 2);
  }
}

TEST(AccelSimulation, RunsAnImage) {
  const TemporaryFolder folder;
  const std::string image = folder / "image";
  const std::vector<std::string> what = {"--tokens", "5,6", "--max-tokens", "2"};
  EXPECT_EQ(lightmamba({"accel", "pack", accelerator_model(), "--out", image, "--preset", "vck190"})
                .exit_code,
            0);
  std::vector<std::string> golden = {"accel", "run", accelerator_model()};
  golden.insert(golden.end(), what.begin(), what.end());
  std::vector<std::string> simulated = {"accel", "run", image, "--backend", "rtlsim"};
  simulated.insert(simulated.end(), what.begin(), what.end());
  const nlohmann::json expected = lightmamba_json(golden);
  const nlohmann::json actual = lightmamba_json(simulated);
  EXPECT_EQ(actual["ids"], expected["ids"]);
  EXPECT_EQ(actual["text"], expected["text"]);
  golden[2] = image;
  EXPECT_THAT(failure(golden, 1), HasSubstr("the golden model runs a quantized file"));
}

TEST(AccelSimulation, ReportsHowCloseTheMemoryIs) {
  const nlohmann::json report =
      lightmamba_json({"accel", "report", accelerator_model(), "--preset", "vck190", "--tokens",
                       "1", "--clock", "400", "--bandwidth", "12"});
  const double share = report["share_of_floor"].get<double>();
  EXPECT_GT(share, 0.3);
  EXPECT_LE(share, 1.0);
  EXPECT_NEAR(report["tokens_per_second"].get<double>() * report["cycles_per_token"].get<double>(),
              400e6, 1);
  EXPECT_GT(report["bytes_per_token"]["weights"].get<double>(), 3e6);
}

#else

TEST(AccelSimulation, SaysHowToGetIt) {
  EXPECT_THAT(
      failure({"accel", "run", accelerator_model(), "--tokens", "1", "--backend", "rtlsim"}, 1),
      HasSubstr("-DLIGHTMAMBA_RTL=ON"));
}

#endif

}  // namespace
}  // namespace lightmamba::test
