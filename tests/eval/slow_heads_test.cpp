#include "eval/slow_heads.h"

#include <algorithm>
#include <cmath>

#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

template <typename Format, std::size_t N>
std::vector<Format> named(const std::array<Format, N>& formats,
                          const std::vector<std::string_view>& names) {
  std::vector<Format> result;
  for (const std::string_view name : names) {
    const auto found = std::find_if(formats.begin(), formats.end(),
                                    [&](const Format& format) { return format.name == name; });
    if (found == formats.end()) ADD_FAILURE() << "no format " << name;
    result.push_back(*found);
  }
  return result;
}

struct Case {
  std::vector<int> exponents;
  std::vector<std::string_view> states;
  std::vector<std::string_view> decays;
  bool steady_channels = false;
  const SsmTensors* tensors = nullptr;
  std::int64_t steps = 10'000;
};

std::vector<SlowHeadError> errors_of(const Case& what) {
  const std::vector<StudyStateFormat> states = named(kStudyStateFormats, what.states);
  const std::vector<DecayFormat> decays = named(kDecayFormats, what.decays);
  return slow_head_errors({.exponents = what.exponents,
                           .state_formats = states,
                           .decay_formats = decays,
                           .headdim = 2,
                           .steps = what.steps,
                           .tensors = what.tensors,
                           .steady_channels = what.steady_channels});
}

void expect_all_below(double bound, const ErrorOverTime& error) {
  EXPECT_EQ(error.at.size(), kSlowHeadSteps.size());
  for (const double value : error.at) EXPECT_LT(value, bound);
  EXPECT_LT(error.last, bound);
  EXPECT_LT(error.largest, bound);
}

TEST(SlowHeads, AStateOf16BitsAndAComplementOf8HoldForTenThousandSteps) {
  for (const SlowHeadError& error :
       errors_of({{8, 9, 10, 11, 12, 13, 14}, {"int16"}, {"complement"}})) {
    SCOPED_TRACE(error.exponent);
    expect_all_below(0.02, error.state);
    expect_all_below(0.02, error.y);
  }
}

TEST(SlowHeads, AStateOf8BitsDoesNotHold) {
  const std::vector<SlowHeadError> errors = errors_of({{8, 14}, {"int8-nearest"}, {"exact"}});
  for (const SlowHeadError& error : errors) {
    EXPECT_GT(error.state.last, 0.1) << error.exponent;
    EXPECT_GT(error.y.last, 0.1) << error.exponent;
  }
}

// With rounding to nearest, a contribution below half of the last bit is lost at every step, so
// contributions never add up. With dither they add up on average.
TEST(SlowHeads, SteadyInputsNeedDither) {
  const std::vector<SlowHeadError> errors =
      errors_of({{8, 10, 12, 14}, {"int16", "int16-nearest"}, {"complement"}, true});
  ASSERT_EQ(errors.size(), 8u);
  for (std::size_t i = 0; i < errors.size(); i += 2) {
    SCOPED_TRACE(errors[i].exponent);
    expect_all_below(0.01, errors[i].state);
    expect_all_below(0.02, errors[i].y);
  }
  EXPECT_GT(errors[7].state.last, 0.02);
}

// A decay that is rounded to 1 forgets nothing: the state grows with the number of steps.
TEST(SlowHeads, FewFractionBitsMakeAnIntegrator) {
  const std::vector<SlowHeadError> errors =
      errors_of({{8}, {"float"}, {"fixed6", "fixed16", "complement"}});
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_GT(errors[0].state.last, 10);
  EXPECT_GT(errors[0].state.at[4], 2 * errors[0].state.at[3]);
  EXPECT_LT(errors[1].state.last, 1e-3);
  EXPECT_LT(errors[2].state.last, 1e-3);
}

TEST(SlowHeads, AreTheSameEveryTimeAndDifferBySeed) {
  const Case small{{8, 12}, {"int8ef"}, {"exact"}, false, nullptr, 50};
  EXPECT_EQ(errors_of(small)[1].state.last, errors_of(small)[1].state.last);
  EXPECT_NE(slow_head_errors({.exponents = {8}, .headdim = 1, .steps = 20, .seed = 1})[3].y.last,
            slow_head_errors({.exponents = {8}, .headdim = 1, .steps = 20, .seed = 2})[3].y.last);
}

TEST(SlowHeads, ReportsFewerCheckpointsOnAShortRun) {
  std::int64_t done = 0;
  const std::vector<SlowHeadError> errors =
      slow_head_errors({.exponents = {8, 9},
                        .headdim = 1,
                        .steps = 120,
                        .progress = [&](std::int64_t steps, std::int64_t total) {
                          EXPECT_EQ(total, 240);
                          done = std::max(done, steps);
                        }});
  EXPECT_EQ(done, 240);
  EXPECT_EQ(errors.size(), 2 * kStudyStateFormats.size() * kDecayFormats.size());
  EXPECT_EQ(errors.front().state.at.size(), 2u);
  EXPECT_GE(errors.back().state.largest, errors.back().state.last);
}

TEST(SlowHeads, RealInputsAgreeWithTheSyntheticOnes) {
  LIGHTMAMBA_NEEDS_DATA("mamba2-130m-layer0.safetensors");
  const SsmTensors tensors = read_ssm_tensors(test::data_path("mamba2-130m-layer0.safetensors"));
  const std::vector<SlowHeadError> errors =
      errors_of({{8, 14}, {"int16", "int8-nearest"}, {"complement"}, false, &tensors});
  ASSERT_EQ(errors.size(), 4u);
  for (const std::size_t int16 : {0, 2}) {
    expect_all_below(0.02, errors[int16].state);
    expect_all_below(0.02, errors[int16].y);
    EXPECT_GT(errors[int16 + 1].state.last, 0.05);
  }
}

TEST(SlowHeads, RefusesBadInput) {
  EXPECT_THAT(test::error_of([] { slow_head_errors({.steps = 0}); }),
              HasSubstr("must be at least 1"));
  EXPECT_THAT(test::error_of([] { slow_head_errors({.exponents = {0}}); }),
              HasSubstr("an exponent must be 1 to 30, but is 0"));
}

TEST(DecayFormats, RoundAsTheirNamesSay) {
  const auto rounded = [](std::string_view name, double complement) {
    return round_complement(named(kDecayFormats, {name}).front(), complement);
  };
  EXPECT_EQ(rounded("exact", 0.3), 0.3);
  EXPECT_EQ(rounded("fixed6", 1.0 / 256), 0);
  EXPECT_EQ(rounded("fixed6", 3.0 / 256), 1.0 / 64);
  EXPECT_EQ(rounded("fixed10", 1.4 / 1024), 1.0 / 1024);
  // 8 bits of significand: 128 ... 255 times a power of two.
  EXPECT_EQ(rounded("complement", 200.4 / 65536), 200.0 / 65536);
  EXPECT_EQ(rounded("complement", 255.6 / 65536), 256.0 / 65536);
  double complement = 1e-6;
  while (complement < 1) {
    EXPECT_NEAR(rounded("complement", complement), complement, complement / 256);
    complement *= 1.37;
  }
}

}  // namespace
}  // namespace lightmamba
