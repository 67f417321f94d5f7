#include "model/ssm.h"

#include <algorithm>
#include <cstddef>

#include "base/buffer.h"
#include "base/threads.h"
#include "base/wide.h"
#include "model/blas.h"

namespace lightmamba {
namespace {

// The number of tokens in a chunk. The work within a chunk grows with its square, the work on the
// state with the number of chunks; at d_state 128 and headdim 64 the two are about equal here.
constexpr std::int64_t kChunk = 64;
constexpr std::int64_t kTaskHeads = 4;

// One head of one chunk. Everything is row-major; strides are in elements.
struct HeadChunk {
  std::int64_t tokens;
  const float* x;       // [tokens, headdim], stride conv_dim
  const float* B;       // [tokens, d_state], stride conv_dim
  const float* scores;  // C Bᵀ [tokens, tokens]
  const float* dt;      // [tokens], stride nheads
  const float* decay;   // [tokens], stride nheads
  float D;
  float* state;  // [headdim, d_state]
  float* y;      // [tokens, headdim], stride d_inner
};

// The products of decays a_{j+1} ... a_i that carry token j's input to token i. They are products
// rather than exponentials of differences, so that they equal those of the recurrence for any a.
struct Decays {
  AlignedVector<float> between;     // [i, j] for j <= i, else 0; times dt_j
  AlignedVector<float> from_start;  // a_0 ... a_i
  AlignedVector<float> to_end;      // a_{j+1} ... a_last, times dt_j

  void compute(const HeadChunk& head, std::int64_t heads) {
    const auto tokens = static_cast<std::size_t>(head.tokens);
    between.assign(tokens * tokens, 0.0F);
    from_start.resize(tokens);
    float product = 1.0F;
    with_wide_vectors([&]() LIGHTMAMBA_WIDE {
      for (std::size_t i = 0; i < tokens; ++i) {
        const float a = head.decay[i * static_cast<std::size_t>(heads)];
        const float* previous = between.data() + (i == 0 ? 0 : i - 1) * tokens;
        float* row = between.data() + i * tokens;
#pragma omp simd
        for (std::size_t j = 0; j < i; ++j) row[j] = previous[j] * a;
        row[i] = head.dt[i * static_cast<std::size_t>(heads)];
        product *= a;
        from_start[i] = product;
      }
    });
    to_end.assign(between.end() - static_cast<std::ptrdiff_t>(tokens), between.end());
  }
};

struct Scratch {
  Decays decays;
  AlignedVector<float> weighted;  // x times the decay to the end of the chunk [tokens, headdim]
};

// On entry, `head.y` is the output of the state before the chunk, y_i = h C_i.
void run_head(const Mamba2Config& config, const HeadChunk& head, Scratch& scratch) {
  const std::int64_t tokens = head.tokens;
  const std::int64_t headdim = config.headdim;
  const std::int64_t d_state = config.d_state;
  const std::int64_t conv_dim = config.conv_dim();
  Decays& decays = scratch.decays;
  decays.compute(head, config.nheads);
  scratch.weighted.resize(static_cast<std::size_t>(tokens * headdim));
  with_wide_vectors([&]() LIGHTMAMBA_WIDE {
    for (std::int64_t i = 0; i < tokens; ++i) {
      const float carried = decays.from_start[static_cast<std::size_t>(i)];
      const float to_end = decays.to_end[static_cast<std::size_t>(i)];
      const float* x = head.x + i * conv_dim;
      float* y = head.y + i * config.d_inner;
      float* weighted = scratch.weighted.data() + i * headdim;
#pragma omp simd
      for (std::int64_t p = 0; p < headdim; ++p) {
        y[p] = y[p] * carried + head.D * x[p];
        weighted[p] = x[p] * to_end;
      }
    }
    float* mixing = decays.between.data();
#pragma omp simd
    for (std::int64_t i = 0; i < tokens * tokens; ++i) mixing[i] *= head.scores[i];
  });

  // Adds the contributions of the chunk's tokens to one another, then computes the state after the
  // chunk.
  blas::multiply({tokens, headdim, tokens}, 1.0F, {decays.between.data(), tokens},
                 {head.x, conv_dim}, 1.0F, {head.y, config.d_inner});
  blas::multiply({headdim, d_state, tokens}, 1.0F,
                 blas::transposed({scratch.weighted.data(), headdim}), {head.B, conv_dim},
                 decays.from_start.back(), {head.state, d_state});
}

// Computes the output of the state before a chunk, y_i = h C_i, for some heads: size = {tokens,
// channels, d_state}.
void carry_state(blas::Size size, blas::Operand C, const float* state, blas::Result y) {
  const bool is_zero =
      std::all_of(state, state + size.n * size.k, [](float value) { return value == 0; });
  if (is_zero) {  // before the first token, a frequent case
    for (std::int64_t t = 0; t < size.m; ++t) std::fill_n(y.data + t * y.stride, size.n, 0.0F);
    return;
  }
  blas::multiply(size, 1.0F, C, blas::transposed({state, size.k}), 0.0F, y);
}

void run_chunk(const Mamba2Config& config, const SsmInputs& chunk, std::span<float> state,
               float* y) {
  const std::int64_t conv_dim = config.conv_dim();
  const std::int64_t area = chunk.tokens * chunk.tokens;
  const float* B = chunk.xbc + config.d_inner;
  const float* C = B + config.ngroups * config.d_state;
  AlignedVector<float> scores(static_cast<std::size_t>(config.ngroups * area));
  parallel_for(config.ngroups, area * config.d_state, [&](std::int64_t group) {
    blas::multiply({chunk.tokens, chunk.tokens, config.d_state}, 1.0F,
                   {C + group * config.d_state, conv_dim},
                   blas::transposed({B + group * config.d_state, conv_dim}), 0.0F,
                   {scores.data() + group * area, chunk.tokens});
  });
  // A few heads share a product with the state, for which C is then arranged once.
  const std::int64_t heads_per_task = std::min(kTaskHeads, config.heads_per_group());
  const std::int64_t tasks_per_group =
      (config.heads_per_group() + heads_per_task - 1) / heads_per_task;
  const std::int64_t task_operations =
      heads_per_task * chunk.tokens * config.headdim * (chunk.tokens + 2 * config.d_state);
  parallel_for(config.ngroups * tasks_per_group, task_operations, [&](std::int64_t task) {
    thread_local Scratch scratch;
    const std::int64_t group = task / tasks_per_group;
    const std::int64_t within = task % tasks_per_group * heads_per_task;
    const std::int64_t begin = group * config.heads_per_group() + within;
    const std::int64_t end = begin + std::min(heads_per_task, config.heads_per_group() - within);
    const float* group_C = C + group * config.d_state;
    float* states = state.data() + begin * config.headdim * config.d_state;
    float* outputs = y + begin * config.headdim;
    carry_state({chunk.tokens, (end - begin) * config.headdim, config.d_state}, {group_C, conv_dim},
                states, {outputs, config.d_inner});
    for (std::int64_t head = begin; head < end; ++head) {
      run_head(config,
               {.tokens = chunk.tokens,
                .x = chunk.xbc + head * config.headdim,
                .B = B + group * config.d_state,
                .scores = scores.data() + group * area,
                .dt = chunk.dt + head,
                .decay = chunk.decay + head,
                .D = chunk.D[head],
                .state = state.data() + head * config.headdim * config.d_state,
                .y = y + head * config.headdim},
               scratch);
    }
  });
}

}  // namespace

void ssm_step(const Mamba2Config& config, const SsmInputs& inputs, std::span<float> state,
              std::span<float> y) {
  const std::int64_t d_state = config.d_state;
  parallel_for(config.nheads, 4 * config.headdim * d_state, [&](std::int64_t head) {
    const std::int64_t group = head / config.heads_per_group();
    const float* B = inputs.xbc + config.d_inner + group * d_state;
    const float* C = B + config.ngroups * d_state;
    const float decay = inputs.decay[head];
    for (std::int64_t p = head * config.headdim; p < (head + 1) * config.headdim; ++p) {
      const float x = inputs.xbc[p];
      const float input = inputs.dt[head] * x;
      float* h = state.data() + p * d_state;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (std::int64_t n = 0; n < d_state; ++n) {
        h[n] = decay * h[n] + input * B[n];
        sum += h[n] * C[n];
      }
      y[static_cast<std::size_t>(p)] = sum + inputs.D[head] * x;
    }
  });
}

void ssm_chunked(const Mamba2Config& config, const SsmInputs& inputs, std::span<float> state,
                 std::span<float> y) {
  for (std::int64_t begin = 0; begin < inputs.tokens; begin += kChunk) {
    SsmInputs chunk = inputs.token(config, begin);
    chunk.tokens = std::min(kChunk, inputs.tokens - begin);
    run_chunk(config, chunk, state, y.data() + begin * config.d_inner);
  }
}

}  // namespace lightmamba
