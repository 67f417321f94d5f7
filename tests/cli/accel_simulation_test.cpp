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

TEST(AccelSimulation, DrawsTheTimelineOfALayerAndARoofline) {
  const TemporaryFolder folder;
  const nlohmann::json report =
      lightmamba_json({"accel", "report", accelerator_model(), "--preset", "vck190", "--clock",
                       "400", "--bandwidth", "12", "--timeline", folder / "timeline.svg",
                       "--roofline", folder / "roofline.png", "--layer", "5"});
  EXPECT_THAT(read_file(folder / "timeline.svg"), HasSubstr("Layer 5 on vck190, hardware order"));
  EXPECT_TRUE(read_file(folder / "roofline.png").starts_with("\x89PNG"));

  const nlohmann::json& timeline = report["timeline"];
  EXPECT_EQ(timeline["token"], 1);
  EXPECT_EQ(timeline["layer"], 5);
  const auto cycles = timeline["cycles"].get<std::int64_t>();
  EXPECT_LT(6 * cycles, report["cycles_per_token"].get<std::int64_t>());
  EXPECT_LT(timeline["out_proj_begin"].get<std::int64_t>(), cycles);
  const nlohmann::json& busy = timeline["busy_cycles"];
  EXPECT_EQ(busy["mmu"], 384 * (1536 + 256 + 12 + 768) / 64);
  EXPECT_EQ(busy["ssm"], 768 * 128 / 4);
  EXPECT_EQ(busy["conv"], 768 + 256);
  EXPECT_EQ(busy["gate"], 768);
  for (const auto& [unit, buckets] : timeline["busy_in_buckets"].items()) {
    std::int64_t sum = 0;
    for (const nlohmann::json& bucket : buckets) {
      EXPECT_LE(bucket, timeline["bucket_cycles"]);
      sum += bucket.get<std::int64_t>();
    }
    EXPECT_EQ(sum, busy[unit]) << unit;
  }

  const nlohmann::json& roofline = report["roofline"];
  EXPECT_EQ(roofline["peak_operations_per_cycle"], 128);
  EXPECT_EQ(roofline["bytes_per_cycle"], 30);
  EXPECT_NEAR(roofline["operations_per_cycle"].get<double>(),
              128 * report["shares"]["mmu_busy"].get<double>(), 1e-9);
  EXPECT_NEAR(roofline["operations_per_byte"].get<double>() *
                  report["bytes_per_token"]["all"].get<double>(),
              2.0 * 384 * (6 * (1536 + 256 + 12 + 768) + 4096), 1e-3);
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
