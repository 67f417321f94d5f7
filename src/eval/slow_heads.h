// Does a format of the state or of the decay hold over long generation? The recurrence
//
//   h = a h + (dt x) B      y = h C
//
// of heads that forget slowly, next to the same in double.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "eval/ssm_formats.h"
#include "eval/ssm_tensors.h"

namespace lightmamba {

inline constexpr std::array<std::int64_t, 5> kSlowHeadSteps = {10, 100, 1000, 3000, 10'000};

struct SlowHeadOptions {
  // Heads with a mean decay of 1 - 2^-exponent. dt varies from token to token, and a with it.
  std::vector<int> exponents = {8, 9, 10, 11, 12, 13, 14};
  std::span<const StudyStateFormat> state_formats = kStudyStateFormats;
  std::span<const DecayFormat> decay_formats = kDecayFormats;
  std::int64_t headdim = 8;  // rows of the state; each has scales of its own
  std::int64_t d_state = 128;
  std::int64_t steps = kSlowHeadSteps.back();
  std::uint64_t seed = 1;
  // The source of x, B, C and dt: the values of these tensors or, if absent, a distribution fitted
  // to mamba2-130m's layer 0.
  const SsmTensors* tensors = nullptr;
  // Whether a channel keeps its character, as in the two real tokens, between which x has a
  // correlation of 0.93 and B of 0.89: its contributions to the state then add up. Otherwise each
  // value is drawn again from those of all channels.
  bool steady_channels = false;
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};  // in steps of a head
};

// Relative errors ||found - expected|| / ||expected||. Norms are over several steps, since y alone
// may happen to be next to zero.
struct ErrorOverTime {
  // One for each of kSlowHeadSteps up to the last step, over the tenth of the steps before it.
  std::vector<double> at;
  double last = 0;     // over the last 1000 steps, or all if there are fewer
  double largest = 0;  // the largest error of one of these steps, relative to their mean norm
};

struct SlowHeadError {
  int exponent = 0;
  StudyStateFormat state_format;
  DecayFormat decay_format;
  ErrorOverTime state;
  ErrorOverTime y;
};

// Returns one result for each exponent, state format and decay format, in this order of nesting.
// Results are the same on every number of threads. Throws Error if a count is not positive or an
// exponent not in 1 ... 30.
std::vector<SlowHeadError> slow_head_errors(const SlowHeadOptions& options);

}  // namespace lightmamba
