#include "kernels/chunk.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

namespace lightmamba {
namespace {

using Values = std::vector<float>;

Values normal_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Values values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

struct Inputs {
  ChunkShape shape;
  Values xbc, dt, decay, D, state;
};

std::int64_t conv_dim(const ChunkShape& shape) {
  return shape.nheads * shape.headdim + 2 * shape.ngroups * shape.d_state;
}

// Decays from none to nearly all, some exactly 0 or 1.
Inputs make_inputs(const ChunkShape& shape, std::uint32_t seed) {
  Inputs inputs{.shape = shape,
                .xbc = normal_values(shape.tokens * conv_dim(shape), seed),
                .dt = normal_values(shape.tokens * shape.nheads, seed + 1),
                .decay = Values(static_cast<std::size_t>(shape.tokens * shape.nheads)),
                .D = normal_values(shape.nheads, seed + 2),
                .state = normal_values(shape.nheads * shape.headdim * shape.d_state, seed + 3)};
  std::mt19937 random(seed + 4);
  for (float& decay : inputs.decay) {
    const auto kind = random() % 40;
    const float uniform = static_cast<float>(random() % 1000) / 1000;
    decay = kind == 0 ? 0.0F : kind < 4 ? 1.0F : kind < 10 ? uniform : 1 - 0.1F * uniform;
  }
  for (float& dt : inputs.dt) dt = std::abs(dt);
  return inputs;
}

struct Outputs {
  std::vector<float> y, state;
};

// What is left unwritten, or taken from memory that was never written, shows as NaN.
constexpr float kUnset = std::numeric_limits<float>::quiet_NaN();

// Heads in calls of `heads_at_once`.
Outputs run(const ChunkKernels& kernels, const Inputs& inputs, std::int64_t heads_at_once) {
  const ChunkShape& shape = inputs.shape;
  Outputs outputs{
      .y = Values(static_cast<std::size_t>(shape.tokens * shape.nheads * shape.headdim), kUnset),
      .state = inputs.state};
  Values groups(static_cast<std::size_t>(chunk_groups_size(shape)), kUnset);
  const ChunkArguments arguments{.shape = shape,
                                 .xbc = inputs.xbc.data(),
                                 .dt = inputs.dt.data(),
                                 .decay = inputs.decay.data(),
                                 .D = inputs.D.data(),
                                 .groups = groups.data(),
                                 .state = outputs.state.data(),
                                 .y = outputs.y.data()};
  for (std::int64_t chunk = 0; chunk < chunk_count(shape); ++chunk) {
    for (std::int64_t group = 0; group < shape.ngroups; ++group) {
      kernels.group(arguments, chunk, group);
    }
  }
  for (std::int64_t head = 0; head < shape.nheads; head += heads_at_once) {
    Values scratch(static_cast<std::size_t>(chunk_scratch_size(shape)), kUnset);
    kernels.heads(arguments, head, std::min(head + heads_at_once, shape.nheads), scratch.data());
  }
  return outputs;
}

// The recurrence in double, and with it the sums of magnitudes that errors are measured by.
struct Exact {
  std::vector<double> y, state, y_terms, state_terms;
};

Exact recurrence(const Inputs& inputs) {
  const ChunkShape& s = inputs.shape;
  const auto at = [](const Values& values, std::int64_t i) {
    return static_cast<double>(values[static_cast<std::size_t>(i)]);
  };
  Exact exact{.y = std::vector<double>(static_cast<std::size_t>(s.tokens * s.nheads * s.headdim)),
              .state = {inputs.state.begin(), inputs.state.end()},
              .y_terms = {},
              .state_terms = {}};
  exact.y_terms = exact.y;
  for (const double h : exact.state) exact.state_terms.push_back(std::abs(h));
  for (std::int64_t t = 0; t < s.tokens; ++t) {
    for (std::int64_t row = 0; row < s.nheads * s.headdim; ++row) {
      const std::int64_t head = row / s.headdim;
      const std::int64_t group = head / (s.nheads / s.ngroups);
      const std::int64_t B = t * conv_dim(s) + s.nheads * s.headdim + group * s.d_state;
      const std::int64_t C = B + s.ngroups * s.d_state;
      const double x = at(inputs.xbc, t * conv_dim(s) + row);
      const double decay = at(inputs.decay, t * s.nheads + head);
      const double input = at(inputs.dt, t * s.nheads + head) * x;
      double y = at(inputs.D, head) * x;
      double terms = std::abs(y);
      for (std::int64_t n = 0; n < s.d_state; ++n) {
        double& h = exact.state[static_cast<std::size_t>(row * s.d_state + n)];
        double& h_terms = exact.state_terms[static_cast<std::size_t>(row * s.d_state + n)];
        h = decay * h + input * at(inputs.xbc, B + n);
        h_terms = decay * h_terms + std::abs(input * at(inputs.xbc, B + n));
        y += h * at(inputs.xbc, C + n);
        terms += h_terms * std::abs(at(inputs.xbc, C + n));
      }
      const auto place = static_cast<std::size_t>(t * s.nheads * s.headdim + row);
      exact.y[place] = y;
      exact.y_terms[place] = terms;
    }
  }
  return exact;
}

void expect_near(const Values& found, const std::vector<double>& exact,
                 const std::vector<double>& terms) {
  ASSERT_EQ(found.size(), exact.size());
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double error = std::abs(static_cast<double>(found[i]) - exact[i]);
    ASSERT_TRUE(std::isfinite(error)) << i;
    worst = std::max(worst, error / (terms[i] + 1e-30));
  }
  EXPECT_LE(worst, 1e-5);
}

// On every instruction set, with the same bytes.
void expect_recurrence(const Inputs& inputs) {
  const Exact exact = recurrence(inputs);
  const Outputs scalar = run(chunk_kernels(Isa::scalar), inputs, inputs.shape.nheads);
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    const Outputs found = run(chunk_kernels(isa), inputs, inputs.shape.nheads);
    expect_near(found.y, exact.y, exact.y_terms);
    expect_near(found.state, exact.state, exact.state_terms);
    EXPECT_EQ(found.y, scalar.y);
    EXPECT_EQ(found.state, scalar.state);
  }
}

TEST(Chunk, CurrentInstructionSetIsTaken) {
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(&chunk_kernels(), &chunk_kernels(isa));
  }
}

class ChunkTokens : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(ChunkTokens, AgreeWithTheRecurrence) {
  expect_recurrence(make_inputs(
      {.tokens = GetParam(), .nheads = 4, .ngroups = 2, .headdim = 64, .d_state = 128}, 1));
}

INSTANTIATE_TEST_SUITE_P(Counts, ChunkTokens,
                         ::testing::Values(1, 2, 15, 17, 63, 64, 65, 128, 200));

TEST(Chunk, OddShapesAgreeWithTheRecurrence) {
  for (const std::int64_t headdim : {1, 8, 16, 50, 80, 128}) {
    for (const std::int64_t d_state : {1, 16, 65, 100}) {
      SCOPED_TRACE(testing::Message() << headdim << " x " << d_state);
      expect_recurrence(make_inputs(
          {.tokens = 70, .nheads = 6, .ngroups = 3, .headdim = headdim, .d_state = d_state}, 2));
    }
  }
}

// Where exponentials of differences of sums would give NaN.
TEST(Chunk, DecaysOfZeroAndOne) {
  for (const float decay : {0.0F, 1.0F}) {
    Inputs inputs =
        make_inputs({.tokens = 130, .nheads = 1, .ngroups = 1, .headdim = 16, .d_state = 16}, 3);
    inputs.decay.assign(inputs.decay.size(), decay);
    expect_recurrence(inputs);
    if (decay == 0) continue;
    inputs.decay[65] = 0;
    expect_recurrence(inputs);
  }
}

TEST(Chunk, DecaysWhoseProductsVanish) {
  Inputs inputs =
      make_inputs({.tokens = 128, .nheads = 2, .ngroups = 1, .headdim = 16, .d_state = 16}, 4);
  inputs.decay.assign(inputs.decay.size(), 1e-6F);
  expect_recurrence(inputs);
}

TEST(Chunk, TwoCallsAreOne) {
  const Inputs whole =
      make_inputs({.tokens = 150, .nheads = 2, .ngroups = 1, .headdim = 32, .d_state = 64}, 5);
  const Exact exact = recurrence(whole);
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    for (const std::int64_t first : {1, 64, 100}) {
      Inputs part = whole;
      part.shape.tokens = first;
      Outputs found = run(chunk_kernels(isa), part, 2);
      part.shape.tokens = whole.shape.tokens - first;
      part.xbc.erase(part.xbc.begin(), part.xbc.begin() + first * conv_dim(whole.shape));
      part.dt.erase(part.dt.begin(), part.dt.begin() + first * 2);
      part.decay.erase(part.decay.begin(), part.decay.begin() + first * 2);
      part.state = found.state;
      const Outputs rest = run(chunk_kernels(isa), part, 2);
      found.y.insert(found.y.end(), rest.y.begin(), rest.y.end());
      expect_near(found.y, exact.y, exact.y_terms);
      expect_near(rest.state, exact.state, exact.state_terms);
    }
  }
}

TEST(Chunk, SharingOutHeadsChangesNothing) {
  const Inputs inputs =
      make_inputs({.tokens = 100, .nheads = 6, .ngroups = 2, .headdim = 64, .d_state = 128}, 6);
  for (const Isa isa : supported_isas()) {
    SCOPED_TRACE(isa_name(isa));
    const Outputs whole = run(chunk_kernels(isa), inputs, 6);
    for (const std::int64_t heads : {1, 4}) {
      const Outputs shared = run(chunk_kernels(isa), inputs, heads);
      EXPECT_EQ(shared.y, whole.y);
      EXPECT_EQ(shared.state, whole.state);
    }
  }
}

}  // namespace
}  // namespace lightmamba
