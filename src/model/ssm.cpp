#include "model/ssm.h"

#include <algorithm>
#include <cstddef>

#include "base/buffer.h"
#include "base/threads.h"
#include "model/blas.h"

namespace lightmamba {
namespace {

// Tokens in a chunk. The work within it grows with its square, the work on the state with the
// number of chunks; at d_state 128 and headdim 64 the two balance near here.
constexpr std::int64_t kChunk = 64;

// One head of one chunk. Everything is row-major; strides are in elements.
struct HeadChunk {
  std::int64_t tokens;
  const float* x;       // [tokens, headdim], stride conv_dim
  const float* B;       // [tokens, d_state], stride conv_dim
  const float* C;       // [tokens, d_state], stride conv_dim
  const float* scores;  // C Bᵀ [tokens, tokens]
  const float* dt;      // [tokens], stride nheads
  const float* decay;   // [tokens], stride nheads
  float D;
  float* state;  // [headdim, d_state]
  float* y;      // [tokens, headdim], stride d_inner
};

// The products of decays a_{j+1} ... a_i that carry token j's input to token i. Products rather
// than exponentials of differences, so that they are those of the recurrence, whatever a is.
struct Decays {
  AlignedVector<float> between;     // [i, j] for j <= i, else 0; times dt_j
  AlignedVector<float> from_start;  // a_0 ... a_i
  AlignedVector<float> to_end;      // a_{j+1} ... a_last, times dt_j

  void compute(const HeadChunk& head, std::int64_t heads) {
    const auto tokens = static_cast<std::size_t>(head.tokens);
    between.assign(tokens * tokens, 0.0F);
    from_start.resize(tokens);
    float product = 1.0F;
    for (std::size_t i = 0; i < tokens; ++i) {
      const float a = head.decay[i * static_cast<std::size_t>(heads)];
      const float* previous = between.data() + (i == 0 ? 0 : i - 1) * tokens;
      float* row = between.data() + i * tokens;
      for (std::size_t j = 0; j < i; ++j) row[j] = previous[j] * a;
      row[i] = head.dt[i * static_cast<std::size_t>(heads)];
      product *= a;
      from_start[i] = product;
    }
    to_end.assign(between.end() - static_cast<std::ptrdiff_t>(tokens), between.end());
  }
};

struct Scratch {
  Decays decays;
  AlignedVector<float> weighted;  // x times the decay to the end of the chunk [tokens, headdim]
};

void run_head(const Mamba2Config& config, const HeadChunk& head, Scratch& scratch) {
  const std::int64_t tokens = head.tokens;
  const std::int64_t headdim = config.headdim;
  const std::int64_t d_state = config.d_state;
  const std::int64_t conv_dim = config.conv_dim();
  scratch.decays.compute(head, config.nheads);
  const Decays& decays = scratch.decays;

  // What the state before the chunk contributes: y_i = (a_0 ... a_i) h C_i.
  blas::multiply({tokens, headdim, d_state}, 1.0F, {head.C, conv_dim},
                 blas::transposed({head.state, d_state}), 0.0F, {head.y, config.d_inner});
  for (std::int64_t i = 0; i < tokens; ++i) {
    const float carried = decays.from_start[static_cast<std::size_t>(i)];
    for (std::int64_t p = 0; p < headdim; ++p) {
      float& y = head.y[i * config.d_inner + p];
      y = y * carried + head.D * head.x[i * conv_dim + p];
    }
  }

  // What the tokens of the chunk contribute to one another.
  AlignedVector<float>& mixing = scratch.decays.between;
  for (std::size_t i = 0; i < mixing.size(); ++i) mixing[i] *= head.scores[i];
  blas::multiply({tokens, headdim, tokens}, 1.0F, {mixing.data(), tokens}, {head.x, conv_dim}, 1.0F,
                 {head.y, config.d_inner});

  // The state after the chunk.
  scratch.weighted.resize(static_cast<std::size_t>(tokens * headdim));
  for (std::int64_t j = 0; j < tokens; ++j) {
    const float factor = decays.to_end[static_cast<std::size_t>(j)];
    for (std::int64_t p = 0; p < headdim; ++p) {
      scratch.weighted[static_cast<std::size_t>(j * headdim + p)] =
          head.x[j * conv_dim + p] * factor;
    }
  }
  blas::multiply({headdim, d_state, tokens}, 1.0F,
                 blas::transposed({scratch.weighted.data(), headdim}), {head.B, conv_dim},
                 decays.from_start.back(), {head.state, d_state});
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
  const std::int64_t head_operations =
      chunk.tokens * config.headdim * (chunk.tokens + 2 * config.d_state);
  parallel_for(config.nheads, head_operations, [&](std::int64_t head) {
    thread_local Scratch scratch;
    const std::int64_t group = head / config.heads_per_group();
    run_head(config,
             {.tokens = chunk.tokens,
              .x = chunk.xbc + head * config.headdim,
              .B = B + group * config.d_state,
              .C = C + group * config.d_state,
              .scores = scores.data() + group * area,
              .dt = chunk.dt + head,
              .decay = chunk.decay + head,
              .D = chunk.D[head],
              .state = state.data() + head * config.headdim * config.d_state,
              .y = y + head * config.headdim},
             scratch);
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
