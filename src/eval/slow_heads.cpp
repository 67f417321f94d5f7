#include "eval/slow_heads.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <tuple>

#include "base/fail.h"
#include "base/threads.h"
#include "eval/random.h"
#include "eval/relative_error.h"
#include "model/functions.h"

namespace lightmamba {
namespace {

constexpr std::int64_t kLastSteps = 1000;

// Inputs of the convolution's SiLU: silu(mean + channel part + token part), where the channel part,
// which is the same at every token, is channel * g * exp(tail * g') with normal g, g', and the
// token part is token * g. They are fitted by eye to the quantiles of x, B and C of mamba2-130m's
// layer 0 and to the distance of two of its tokens.
struct Spread {
  double mean, channel, tail, token;
};
constexpr Spread kX = {0.02, 0.27, 0.45, 0.12};
constexpr Spread kB = {0.09, 0.38, 0.40, 0.15};
constexpr Spread kC = {-0.10, 0.75, 0.15, 0.90};
constexpr double kDt = 0.07;  // median of dt
constexpr double kDtSpread = 0.15;

// The inputs of one head, token by token.
class TokenSource {
 public:
  TokenSource(const SlowHeadOptions& options, std::uint64_t seed)
      : random_(seed), tensors_(options.tensors), steady_(options.steady_channels) {
    for (const auto& [channels, spread, values] :
         {std::tuple(&x_, kX, &SsmStep::x), {&b_, kB, &SsmStep::B}, {&c_, kC, &SsmStep::C}}) {
      channels->resize(
          static_cast<std::size_t>(channels == &x_ ? options.headdim : options.d_state));
      for (Channel& channel : *channels) channel = any_channel(spread, values);
    }
  }

  // Returns dt.
  float next(std::span<float> x, std::span<float> B, std::span<float> C) {
    draw(x_, kX, &SsmStep::x, x);
    draw(b_, kB, &SsmStep::B, B);
    draw(c_, kC, &SsmStep::C, C);
    if (tensors_ == nullptr) {
      return static_cast<float>(kDt * std::exp(kDtSpread * random_.normal()));
    }
    const std::vector<float>& dt = one_of_two().dt;
    return dt[random_.index(dt.size())];
  }

  double mean_dt() const {
    if (tensors_ == nullptr) return kDt * std::exp(kDtSpread * kDtSpread / 2);
    double sum = 0;
    for (const SsmStep* step : {&tensors_->step, &tensors_->later}) {
      for (const float dt : step->dt) sum += dt;
    }
    return sum / static_cast<double>(tensors_->step.dt.size() + tensors_->later.dt.size());
  }

 private:
  using Values = std::vector<float> SsmStep::*;
  struct Channel {
    double base = 0;        // base of a synthetic channel
    std::size_t index = 0;  // index of a real one
  };

  const SsmStep& one_of_two() { return random_.uniform() < 0.5 ? tensors_->step : tensors_->later; }

  Channel any_channel(const Spread& spread, Values values) {
    if (tensors_ != nullptr) return {0, random_.index((tensors_->step.*values).size())};
    return {
        spread.mean + spread.channel * random_.normal() * std::exp(spread.tail * random_.normal()),
        0};
  }

  void draw(std::vector<Channel>& channels, const Spread& spread, Values values,
            std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Channel channel = steady_ ? channels[i] : any_channel(spread, values);
      out[i] = tensors_ == nullptr
                   ? silu(static_cast<float>(channel.base + spread.token * random_.normal()))
                   : (one_of_two().*values)[channel.index];
    }
  }

  Random random_;
  const SsmTensors* tensors_;
  bool steady_;
  std::vector<Channel> x_;
  std::vector<Channel> b_;
  std::vector<Channel> c_;
};

// The errors of one quantity in one format.
class ErrorTrack {
 public:
  explicit ErrorTrack(std::int64_t steps) : steps_(steps) {}

  void add(std::span<const float> found, std::span<const double> expected) {
    ++step_;
    SquaredError error;
    error.add(found, expected);
    const auto* const next = std::lower_bound(kSlowHeadSteps.begin(), kSlowHeadSteps.end(), step_);
    if (next != kSlowHeadSteps.end() && step_ > *next - *next / 10) recent_.add(error);
    if (next != kSlowHeadSteps.end() && step_ == *next) {
      result_.at.push_back(recent_.relative());
      recent_ = {};
    }
    if (step_ > steps_ - kLastSteps) {
      last_.add(error);
      largest_ = std::max(largest_, error.difference);
    }
  }

  ErrorOverTime result() const {
    ErrorOverTime result = result_;
    result.last = last_.relative();
    const auto count = static_cast<double>(std::min(steps_, kLastSteps));
    if (last_.norm > 0) result.largest = std::sqrt(largest_ / (last_.norm / count));
    return result;
  }

 private:
  std::int64_t steps_;
  std::int64_t step_ = 0;
  SquaredError recent_;
  SquaredError last_;
  double largest_ = 0;
  ErrorOverTime result_;
};

struct ReferenceHead {
  std::vector<double> state;
  std::vector<double> y;
};

struct FormatHead {
  FormatHead(std::size_t rows, std::size_t d_state, std::int64_t steps)
      : state(rows * d_state), y(rows), state_error(steps), y_error(steps) {}
  std::vector<float> state;
  std::vector<float> y;
  ErrorTrack state_error;
  ErrorTrack y_error;
};

// Runs all formats of one head side by side, so that they see the same tokens and one reference.
void run_head(const SlowHeadOptions& options, int exponent, std::span<SlowHeadError> results,
              const std::function<void()>& after_step) {
  const auto rows = static_cast<std::size_t>(options.headdim);
  const auto d_state = static_cast<std::size_t>(options.d_state);
  TokenSource source(options, options.seed + static_cast<std::uint64_t>(exponent) * 1'000'003);
  const double rate = std::log1p(-std::ldexp(1.0, -exponent)) / source.mean_dt();  // A
  ReferenceHead exact{std::vector<double>(rows * d_state), std::vector<double>(rows)};
  std::vector<FormatHead> heads(results.size(), FormatHead(rows, d_state, options.steps));
  std::vector<float> input(rows);
  std::vector<float> B(d_state);
  std::vector<float> C(d_state);
  for (std::int64_t step = 1; step <= options.steps; ++step) {
    const float dt = source.next(input, B, C);
    for (float& value : input) value *= dt;
    const double complement = -std::expm1(rate * dt);
    const std::vector<double> wide_input(input.begin(), input.end());
    const std::vector<double> wide_B(B.begin(), B.end());
    const std::vector<double> wide_C(C.begin(), C.end());
    advance_state<double>(complement, wide_input, wide_B, wide_C, exact.state, exact.y);
    for (std::size_t i = 0; i < results.size(); ++i) {
      FormatHead& head = heads[i];
      const auto rounded =
          static_cast<float>(round_complement(results[i].decay_format, complement));
      advance_state<float>(rounded, input, B, C, head.state, head.y);
      round_state(results[i].state_format.codes, options.d_state, 0, step, head.state);
      head.state_error.add(head.state, exact.state);
      head.y_error.add(head.y, exact.y);
    }
    after_step();
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].state = heads[i].state_error.result();
    results[i].y = heads[i].y_error.result();
  }
}

void validate(const SlowHeadOptions& options) {
  if (options.headdim < 1 || options.d_state < 1 || options.steps < 1) {
    fail("slow heads: headdim, d_state and steps must be at least 1, but are {}, {} and {}",
         options.headdim, options.d_state, options.steps);
  }
  for (const int exponent : options.exponents) {
    if (exponent < 1 || exponent > 30) {
      fail("slow heads: an exponent must be 1 to 30, but is {}", exponent);
    }
  }
}

}  // namespace

std::vector<SlowHeadError> slow_head_errors(const SlowHeadOptions& options) {
  validate(options);
  std::vector<SlowHeadError> results;
  for (const int exponent : options.exponents) {
    for (const StudyStateFormat& state : options.state_formats) {
      for (const DecayFormat& decay : options.decay_formats) {
        results.push_back({exponent, state, decay, {}, {}});
      }
    }
  }
  const auto heads = std::ssize(options.exponents);
  const std::size_t formats = options.state_formats.size() * options.decay_formats.size();
  std::mutex mutex;
  std::int64_t done = 0;
  const auto after_step = [&] {
    if (!options.progress) return;
    const std::lock_guard lock(mutex);
    options.progress(++done, heads * options.steps);
  };
  const std::int64_t operations = options.steps * options.headdim * options.d_state;
  parallel_for(heads, operations, [&](std::int64_t head) {
    const auto index = static_cast<std::size_t>(head);
    run_head(options, options.exponents[index],
             std::span(results).subspan(index * formats, formats), after_step);
  });
  return results;
}

}  // namespace lightmamba
