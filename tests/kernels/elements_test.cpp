#include "kernels/elements.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

#include <lightmamba/fake_quant.h>

#include "quant/dither.h"
#include "quant/hadamard.h"
#include "quant/power_of_two.h"
#include "quant/state_format.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

using Values = std::vector<float>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Values normal_values(std::int64_t count, std::uint32_t seed, float deviation = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  Values values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// Signs, zeros, subnormals, infinities and NaN: each 2^16-th bit pattern and its neighbours.
Values floats_of_all_sizes() {
  Values values;
  for (std::uint64_t bits = 0; bits <= 0xFFFFFFFFU; bits += 0x4321) {
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  for (const float value : {0.0F, -0.0F, kInf, -kInf, kNan, 88.72283F, 88.72284F, -87.33654F,
                            -103.9F, -104.1F, 1e-30F, -1e-30F}) {
    values.push_back(value);
  }
  return values;
}

std::vector<std::uint32_t> patterns(const Values& values) {
  std::vector<std::uint32_t> bits;
  for (const float value : values) {
    bits.push_back(std::isnan(value) ? 0x7FC00000U : std::bit_cast<std::uint32_t>(value));
  }
  return bits;
}

// Runs `body` for each instruction set; its result must be the same for all of them.
template <typename Body>
void for_each_isa(const Body& body) {
  Values first;
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    const Values found = body(element_kernels(isa));
    if (isa == Isa::scalar) first = found;
    EXPECT_EQ(patterns(found), patterns(first)) << "differs between instruction sets";
  }
}

TEST(Elements, CurrentInstructionSetIsTaken) {
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(&element_kernels(), &element_kernels(isa));
  }
}

void expect_function(MapKernel ElementKernels::*kernel, double (*exact)(double), double smallest) {
  const Values x = floats_of_all_sizes();
  for_each_isa([&](const ElementKernels& kernels) {
    Values out(x.size());
    (kernels.*kernel)(x.data(), std::ssize(x), out.data());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = exact(static_cast<double>(x[i]));
      const auto rounded = static_cast<float>(expected);
      if (std::isnan(rounded) || std::isinf(rounded) || std::isinf(out[i])) {
        EXPECT_EQ(std::isnan(rounded), std::isnan(out[i])) << x[i];
        if (!std::isnan(rounded)) {
          EXPECT_EQ(out[i], rounded) << x[i];
        }
        continue;
      }
      if (std::abs(expected) < smallest) {
        EXPECT_NEAR(out[i], expected, smallest * 1e-6) << x[i];
      } else {
        worst = std::max(worst, std::abs(static_cast<double>(out[i]) / expected - 1));
      }
    }
    EXPECT_LE(worst, 1e-6);
    return out;
  });
}

TEST(Elements, Exp) {
  expect_function(
      &ElementKernels::exp, [](double x) { return std::exp(x); }, 1.2e-38);
}

TEST(Elements, Softplus) {
  expect_function(
      &ElementKernels::softplus,
      [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, 1.2e-38);
}

TEST(Elements, SiluOfNumbersItsFormulaCanHold) {
  for_each_isa([](const ElementKernels& kernels) {
    Values x = floats_of_all_sizes();
    std::erase_if(x, [](float value) { return value == -kInf; });
    Values out(x.size());
    kernels.silu(x.data(), std::ssize(x), out.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto wide = static_cast<double>(x[i]);
      const double expected = wide / (1 + std::exp(-wide));
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(out[i]));
      } else if (std::isinf(expected)) {
        EXPECT_EQ(out[i], kInf);
      } else {
        EXPECT_NEAR(out[i], expected, 1e-36 + 1e-6 * std::abs(expected)) << x[i];
      }
    }
    return out;
  });
}

TEST(Elements, AddAndGateOfOddSizes) {
  for (const std::int64_t count : {1, 15, 16, 17, 100}) {
    const Values x = normal_values(count, 1);
    const Values y = normal_values(count, 2, 5);
    for_each_isa([&](const ElementKernels& kernels) {
      Values sum = x;
      kernels.add(y.data(), count, sum.data());
      Values gated = x;
      kernels.gate(y.data(), count, gated.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_EQ(sum[i], x[i] + y[i]);
        const double z = y[i];
        const double expected = x[i] * (z / (1 + std::exp(-z)));
        EXPECT_NEAR(gated[i], expected, 1e-6 * std::abs(expected));
      }
      return gated;
    });
  }
}

void expect_rmsnorm(std::int64_t columns, std::int64_t groups, bool biased) {
  Values x = normal_values(columns, 3);
  x[0] = 300;
  const Values gain = normal_values(columns, 4);
  const Values bias = biased ? normal_values(columns, 5) : Values();
  constexpr float kEps = 1e-5F;
  for_each_isa([&](const ElementKernels& kernels) {
    Values out = x;
    kernels.rmsnorm(out.data(), gain.data(), biased ? bias.data() : nullptr, kEps, columns, groups,
                    out.data());
    const std::int64_t width = columns / groups;
    for (std::int64_t i = 0; i < columns; ++i) {
      double square = 0;
      for (std::int64_t k = i / width * width; k < (i / width + 1) * width; ++k) {
        const double value = x[static_cast<std::size_t>(k)];
        square += value * value;
      }
      const auto at = static_cast<std::size_t>(i);
      const double normed =
          x[at] / std::sqrt(square / static_cast<double>(width) + kEps) * gain[at];
      const double shift = biased ? bias[at] : 0;
      EXPECT_NEAR(out[at], normed + shift, 4e-7 * (std::abs(normed) + std::abs(shift)));
    }
    return out;
  });
}

TEST(Elements, RmsNorm) {
  expect_rmsnorm(5120, 1, false);
  expect_rmsnorm(5120, 8, true);
  expect_rmsnorm(42, 2, true);
  expect_rmsnorm(5, 1, false);
}

void expect_conv(std::int64_t tokens, std::int64_t channels, std::int64_t taps, bool biased) {
  const Values weights = normal_values(channels * taps, 6);
  const Values input = normal_values(channels * (tokens + taps - 1), 7);
  const Values bias = biased ? normal_values(channels, 8) : Values();
  Values transposed(weights.size());
  transpose_conv_weights(weights.data(), channels, taps, transposed.data());
  for_each_isa([&](const ElementKernels& kernels) {
    Values out(static_cast<std::size_t>(tokens * channels));
    // In two ranges, as two threads would.
    for (const auto& [begin, end] :
         {std::pair{std::int64_t{0}, channels / 3}, std::pair{channels / 3, channels}}) {
      kernels.conv_silu({.tokens = tokens,
                         .channels = end - begin,
                         .d_conv = taps,
                         .weights = transposed.data() + begin,
                         .weight_stride = channels,
                         .bias = biased ? bias.data() + begin : nullptr,
                         .input = input.data() + begin,
                         .input_stride = channels,
                         .out = out.data() + begin,
                         .out_stride = channels});
    }
    for (std::int64_t t = 0; t < tokens; ++t) {
      for (std::int64_t c = 0; c < channels; ++c) {
        double sum = biased ? bias[static_cast<std::size_t>(c)] : 0;
        for (std::int64_t k = 0; k < taps; ++k) {
          sum += static_cast<double>(weights[static_cast<std::size_t>(c * taps + k)]) *
                 input[static_cast<std::size_t>((t + k) * channels + c)];
        }
        EXPECT_NEAR(out[static_cast<std::size_t>(t * channels + c)], sum / (1 + std::exp(-sum)),
                    3e-6);
      }
    }
    return out;
  });
}

TEST(Elements, ConvolutionWithSilu) {
  expect_conv(1, 160, 4, true);
  expect_conv(9, 75, 4, true);
  expect_conv(3, 37, 4, false);
  expect_conv(5, 40, 3, true);
}

void expect_rounded_groups(std::int64_t columns, std::int64_t group, const Values& values) {
  Values expected = values;
  fake_quantize({.bits = 8, .group = group, .power_of_two = true}, columns, expected);
  for_each_isa([&](const ElementKernels& kernels) {
    Values found = values;
    kernels.round_power_of_two_groups(std::ssize(values) / columns, columns, group, found.data());
    EXPECT_EQ(patterns(found), patterns(expected));
    return found;
  });
}

TEST(Elements, RoundsGroupsAsTheQuantizerDoes) {
  Values values = normal_values(4 * 300, 9);
  for (std::size_t i = 300; i < 600; ++i) values[i] *= 1e-31F;
  for (std::size_t i = 600; i < 728; ++i) values[i] = 0;
  values[800] = 127;
  values[801] = std::nextafter(127.0F, 128.0F);
  values[900] = kNan;
  values[1100] = -kInf;
  expect_rounded_groups(300, 128, values);
  expect_rounded_groups(100, 64, values);
  expect_rounded_groups(300, 300, values);
  expect_rounded_groups(20, 7, values);
  for (const float largest :
       {127.0F, std::nextafter(127.0F, 128.0F), 63.5F, 0x1p100F, 5e-31F, 6e-31F, 1e-30F, 3e38F}) {
    expect_rounded_groups(20, 20, {largest,     -largest / 3,
                                   0.0F,        -largest,
                                   largest / 2, 0.5F,
                                   1.5F,        -0.5F,
                                   2.5F,        0,
                                   0,           0,
                                   0,           0,
                                   0,           0,
                                   0,           0,
                                   1,           -0.0F});
  }
}

TEST(Elements, RoundsSignificands) {
  Values values;
  for (const float value : floats_of_all_sizes()) {
    if (!(value >= 0x1p126F)) values.push_back(value);
  }
  for (const float value : {1.0F, 1.5F, 0.75F, 1.0F + 0x1p-8F, 3e-3F}) values.push_back(value);
  const Values usual = normal_values(1000, 10);
  values.insert(values.end(), usual.begin(), usual.end());
  for (std::size_t i = 0; i < 1000; ++i) values.push_back(std::abs(usual[i]));
  for (const int bits : {1, 8, 16, 22}) {
    Values expected = values;
    for (float& value : expected) value = round_significand(value, bits);
    for_each_isa([&](const ElementKernels& kernels) {
      Values found = values;
      kernels.round_significand(bits, std::ssize(found), found.data());
      EXPECT_EQ(patterns(found), patterns(expected));
      return found;
    });
  }
}

constexpr StateFormat kFormats[] = {StateFormat::floating, StateFormat::int16,
                                    StateFormat::int8_feedback, StateFormat::int8};

// A layer's inputs at one token.
struct Token {
  Values x, B, C, dt, decay;
};

struct Shape {
  std::int64_t heads, heads_per_group, headdim, d_state;
};

Token random_token(const Shape& shape, std::uint32_t seed) {
  Token token{normal_values(shape.heads * shape.headdim, seed),
              normal_values(shape.heads / shape.heads_per_group * shape.d_state, seed + 1),
              normal_values(shape.heads / shape.heads_per_group * shape.d_state, seed + 2),
              normal_values(shape.heads, seed + 3), normal_values(shape.heads, seed + 4)};
  for (float& dt : token.dt) dt = std::exp(3 * dt - 3);
  for (float& decay : token.decay) decay = std::exp(-std::exp(2 * decay - 2));
  return token;
}

struct Layer {
  Shape shape;
  StateFormat format;
  std::int64_t index;
  Values D;
  Values state;  // state of the reference
};

// The recurrence in float and round_state(); y in double.
std::vector<double> reference_step(Layer& layer, const Token& token, std::int64_t position,
                                   std::vector<double>& tolerance) {
  const Shape& s = layer.shape;
  std::vector<double> y;
  tolerance.clear();
  for (std::int64_t head = 0; head < s.heads; ++head) {
    const auto at = static_cast<std::size_t>(head);
    for (std::int64_t p = head * s.headdim; p < (head + 1) * s.headdim; ++p) {
      const float x = token.x[static_cast<std::size_t>(p)];
      const float input = token.dt[at] * x;
      double sum = static_cast<double>(layer.D[at]) * x;
      double size = std::abs(sum);
      for (std::int64_t n = 0; n < s.d_state; ++n) {
        const auto shared = static_cast<std::size_t>(head / s.heads_per_group * s.d_state + n);
        float& h = layer.state[static_cast<std::size_t>(p * s.d_state + n)];
        const float kept = token.decay[at] * h;
        const float added = input * token.B[shared];
        h = kept + added;
        sum += static_cast<double>(h) * token.C[shared];
        size += std::abs(static_cast<double>(h) * token.C[shared]);
      }
      y.push_back(sum);
      tolerance.push_back(1e-6 * size);
    }
  }
  round_state(state_codes(layer.format), s.d_state, layer.index, position, layer.state);
  return y;
}

SsmToken as_ssm_token(const Token& token, std::uint32_t dither, float* y) {
  return {.x = token.x.data(),
          .B = token.B.data(),
          .C = y != nullptr ? token.C.data() : nullptr,
          .dt = token.dt.data(),
          .decay = token.decay.data(),
          .dither = dither,
          .y = y};
}

// Steps the kernel through all tokens at once, of which any number is stored and the first ones
// leave no y: the same as one after the other.
void expect_steps_at_once(const Shape& shape, StateFormat format, const std::vector<Token>& tokens,
                          std::int64_t first_position) {
  const StateLayout layout = state_layout(format, shape.headdim, shape.d_state);
  const auto count = std::ssize(tokens);
  const auto channels = static_cast<std::size_t>(shape.heads * shape.headdim);
  const Values D = normal_values(shape.heads, 20);
  for_each_isa([&](const ElementKernels& kernels) {
    Values scratch(static_cast<std::size_t>(count * 2 * layout.row));
    const auto run = [&](std::span<const SsmToken> some, std::int64_t stored,
                         std::vector<std::byte>& state) {
      kernels.ssm_step({.layout = layout,
                        .first_head = 0,
                        .end_head = shape.heads,
                        .heads_per_group = shape.heads_per_group,
                        .D = D.data(),
                        .tokens = some.data(),
                        .count = std::ssize(some),
                        .stored = stored,
                        .state = state.data(),
                        .scratch = scratch.data()});
    };
    // [i] is the state before token i.
    std::vector<std::vector<std::byte>> states(
        1, std::vector<std::byte>(static_cast<std::size_t>(shape.heads * layout.head_bytes)));
    std::vector<Values> outputs;
    std::vector<Values> found(tokens.size(), Values(channels));
    std::vector<SsmToken> list;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const std::uint32_t dither = state_dither(5, first_position + static_cast<std::int64_t>(t));
      states.push_back(states.back());
      outputs.emplace_back(channels);
      const SsmToken one = as_ssm_token(tokens[t], dither, outputs.back().data());
      run({&one, 1}, 1, states.back());
      list.push_back(as_ssm_token(tokens[t], dither, found[t].data()));
    }
    for (std::int64_t stored = 0; stored <= count; ++stored) {
      for (std::int64_t silent = 0; silent <= stored; silent += 2) {
        std::vector<SsmToken> some = list;
        for (std::int64_t t = 0; t < silent; ++t) {
          some[static_cast<std::size_t>(t)].y = nullptr;
          some[static_cast<std::size_t>(t)].C = nullptr;
        }
        for (Values& y : found) std::fill(y.begin(), y.end(), 0.0F);
        std::vector<std::byte> state = states.front();
        run(some, stored, state);
        EXPECT_TRUE(state == states[static_cast<std::size_t>(stored)]) << stored << ' ' << silent;
        for (std::size_t t = static_cast<std::size_t>(silent); t < tokens.size(); ++t) {
          EXPECT_EQ(patterns(found[t]), patterns(outputs[t])) << stored << ' ' << silent;
        }
      }
    }
    return outputs.back();
  });
}

// Steps the kernel and the reference through `tokens`, in two ranges of heads.
void expect_steps(const Shape& shape, StateFormat format, const std::vector<Token>& tokens,
                  std::int64_t first_position = 0) {
  SCOPED_TRACE(state_format_name(format));
  const StateLayout layout = state_layout(format, shape.headdim, shape.d_state);
  for_each_isa([&](const ElementKernels& kernels) {
    Layer layer{shape, format, 5, normal_values(shape.heads, 20),
                Values(static_cast<std::size_t>(shape.heads * shape.headdim * shape.d_state))};
    std::vector<std::byte> state(static_cast<std::size_t>(shape.heads * layout.head_bytes));
    Values y(static_cast<std::size_t>(shape.heads * shape.headdim));
    Values scratch(static_cast<std::size_t>(2 * layout.row));
    Values decoded(layer.state.size());
    std::vector<double> tolerance;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      const Token& token = tokens[t];
      const std::int64_t position = first_position + static_cast<std::int64_t>(t);
      const std::vector<double> expected = reference_step(layer, token, position, tolerance);
      for (const auto& [begin, end] :
           {std::pair{std::int64_t{0}, shape.heads / 2}, std::pair{shape.heads / 2, shape.heads}}) {
        const SsmToken one = as_ssm_token(token, state_dither(layer.index, position), y.data());
        kernels.ssm_step({.layout = layout,
                          .first_head = begin,
                          .end_head = end,
                          .heads_per_group = shape.heads_per_group,
                          .D = layer.D.data(),
                          .tokens = &one,
                          .count = 1,
                          .stored = 1,
                          .state = state.data(),
                          .scratch = scratch.data()});
      }
      kernels.decode_state(layout, 0, shape.heads, state.data(), decoded.data());
      EXPECT_EQ(patterns(decoded), patterns(layer.state)) << "token " << t;
      for (std::size_t i = 0; i < y.size(); ++i) {
        if (std::isfinite(expected[i])) {
          EXPECT_NEAR(y[i], expected[i], tolerance[i]) << "token " << t;
        } else {
          EXPECT_FALSE(std::isfinite(y[i]));
        }
      }
      if (::testing::Test::HasFailure()) break;
    }
    y.insert(y.end(), decoded.begin(), decoded.end());
    return y;
  });
  expect_steps_at_once(
      shape, format,
      {tokens.begin(), tokens.begin() + std::min<std::ptrdiff_t>(6, std::ssize(tokens))},
      first_position);
}

std::vector<Token> random_tokens(const Shape& shape, std::uint32_t count) {
  std::vector<Token> tokens;
  for (std::uint32_t t = 0; t < count; ++t) tokens.push_back(random_token(shape, 100 + 10 * t));
  return tokens;
}

TEST(SsmStep, IsTheRecurrenceAndRoundState) {
  for (const StateFormat format : kFormats) {
    for (const Shape& shape : {Shape{4, 2, 64, 128}, Shape{2, 1, 3, 64}, Shape{3, 3, 5, 100},
                               Shape{2, 2, 4, 16}, Shape{1, 1, 2, 1000}}) {
      expect_steps(shape, format, random_tokens(shape, 12), 99'990);
    }
  }
}

TEST(SsmStep, ZerosTinyAndHugeNumbers) {
  constexpr Shape kShape = {2, 2, 8, 128};
  for (const StateFormat format : kFormats) {
    std::vector<Token> tokens = random_tokens(kShape, 8);
    std::fill(tokens[0].x.begin(), tokens[0].x.end(), 0.0F);
    tokens[1].x = {0, 1e-29F, 4e-31F, 1e-20F, 1e15F, -3e30F,  1, 1,
                   0, 1e-28F, 5e-31F, 1e-38F, 1e25F, -1e-10F, 1, 1};
    std::fill(tokens[2].x.begin(), tokens[2].x.end(), 0.0F);
    std::fill(tokens[3].decay.begin(), tokens[3].decay.end(), 0.0F);
    tokens[3].x[2] = 0;
    std::fill(tokens[4].decay.begin(), tokens[4].decay.end(), 1e-30F);
    std::fill(tokens[5].decay.begin(), tokens[5].decay.end(), 1.0F);
    if (format == StateFormat::int16) tokens[1].x[1] = 0;  // round_state() overflows there
    if (format == StateFormat::int16) tokens[1].x[2] = tokens[1].x[9] = tokens[1].x[10] = 0;
    expect_steps(kShape, format, tokens);
  }
}

TEST(SsmStep, RowsThatAreNotFiniteStayNan) {
  constexpr Shape kShape = {1, 1, 4, 128};
  for (const StateFormat format : kFormats) {
    std::vector<Token> tokens = random_tokens(kShape, 4);
    tokens[1].x[1] = kInf;
    tokens[2].x[3] = kNan;
    expect_steps(kShape, format, tokens);
  }
}

TEST(SsmStep, CodesOfTheLargestSizeFit) {
  constexpr Shape kShape = {1, 1, 4, 128};
  for (const StateFormat format : kFormats) {
    const int bits = state_codes(format).bits == 0 ? 8 : state_codes(format).bits;
    const auto levels = static_cast<float>((1 << (bits - 1)) - 1);
    std::vector<Token> tokens = random_tokens(kShape, 30);
    for (Token& token : tokens) {
      token.dt = {1};
      token.decay = {1e-9F};
      token.B.assign(128, 1.0F);
      token.B[5] = token.B[90] = -1;
      token.x = {levels, std::nextafter(levels, kInf), std::nextafter(levels, 0.0F), -levels};
    }
    expect_steps(kShape, format, tokens, 7);
  }
}

TEST(State, IsReadBackExactlyAndRoundedAsTheStepDoes) {
  for (const StateFormat format : kFormats) {
    SCOPED_TRACE(state_format_name(format));
    for (const std::int64_t d_state : {128, 100, 16}) {
      const StateLayout layout = state_layout(format, 6, d_state);
      const Values from = normal_values(3 * 6 * d_state, 50);
      Values expected = from;
      round_state(state_codes(format), d_state, 2, 77, expected);
      for_each_isa([&](const ElementKernels& kernels) {
        std::vector<std::byte> state(static_cast<std::size_t>(3 * layout.head_bytes));
        Values found(from.size());
        kernels.encode_state(layout, 0, 3, state_dither(2, 77), from.data(), state.data());
        kernels.decode_state(layout, 0, 3, state.data(), found.data());
        EXPECT_EQ(patterns(found), patterns(expected));
        std::vector<std::byte> again(state.size());
        kernels.encode_state(layout, 0, 3, state_dither(9, 12'345), found.data(), again.data());
        Values same(from.size());
        kernels.decode_state(layout, 0, 1, again.data(), same.data());
        kernels.decode_state(layout, 1, 3, again.data(), same.data());
        EXPECT_EQ(patterns(same), patterns(found));
        return found;
      });
    }
  }
}

TEST(State, HasTheBytesOfItsCodes) {
  EXPECT_EQ(state_layout(StateFormat::floating, 64, 128).head_bytes, 64 * 128 * 4);
  EXPECT_EQ(state_layout(StateFormat::int16, 64, 128).head_bytes, 64 * 128 * 2 + 64 * 4);
  EXPECT_EQ(state_layout(StateFormat::int8_feedback, 64, 128).head_bytes, 64 * 128 * 2 + 64 * 4);
  EXPECT_EQ(state_layout(StateFormat::int8, 64, 128).head_bytes, 64 * 128 + 64 * 4);
  EXPECT_EQ(state_layout(StateFormat::int8, 3, 65).head_bytes, 3 * 128 + 64);
  EXPECT_THAT(test::error_of([] { state_layout(StateFormat::int8, 1, kLargestDState + 1); }),
              ::testing::HasSubstr("d_state 1025 is larger than the kernels' 1024"));
}

// `order` is of the matrix given; what is left of d / n is doubled.
void expect_hadamard(std::int64_t d, std::int64_t order) {
  SCOPED_TRACE(d);
  const HadamardTransform transform(d);
  const Values x = normal_values(d, 60);
  Values expected = x;
  transform.apply(expected);
  double size = 0;
  for (const float value : x) size += static_cast<double>(value) * value;
  size = std::sqrt(size / static_cast<double>(d));
  const std::vector<std::int8_t> entries = hadamard_matrix(order);
  const Values matrix(entries.begin(), entries.end());
  for_each_isa([&](const ElementKernels& kernels) {
    Values found = x;
    Values scratch(x.size());
    kernels.hadamard({.d = d,
                      .n = transform.shape().n,
                      .order = order,
                      .matrix = matrix.data(),
                      .scratch = scratch.data()},
                     found.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(found[i], expected[i], 1e-6 * (size + std::abs(expected[i])));
    }
    return found;
  });
}

TEST(Elements, Hadamard) {
  for (const std::int64_t d : {5120, 2560, 1536, 768, 384, 2048, 1024, 128, 64, 48, 24, 20, 4, 1}) {
    expect_hadamard(d, hadamard_shape(d).m);
  }
  expect_hadamard(5120, 20);
  expect_hadamard(2048, 1);
  expect_hadamard(2048, 2);
}

}  // namespace
}  // namespace lightmamba
