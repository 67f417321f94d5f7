#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"
#include "base/threads.h"
#include "kernels/chunk.h"
#include "kernels/elements.h"
#include "quant/dither.h"

namespace lightmamba {
namespace {

// The largest size of codes that one task of a product reads: small enough for a core's
// second-level cache.
constexpr std::int64_t kTaskBytes = 320 << 10;
constexpr std::int64_t kTasksPerThread = 6;  // at least, so that threads end at about the same time
constexpr std::int64_t kHeadTasks = 8;       // tasks of one decoding sequence
constexpr std::int64_t kPrefillHeads = 2;
constexpr std::int64_t kRowsPerTask = 8;     // tokens of a task, if each is independent
constexpr std::int64_t kConvChannels = 256;  // smallest number of channels of a task
constexpr std::int64_t kLogitRows = 64;      // held at once

std::int64_t tasks_of(std::int64_t count, std::int64_t each) { return (count + each - 1) / each; }

int threads_of(const EngineOptions& options) {
  if (options.threads < 0) fail("{} threads: expected 0 or more", options.threads);
  return options.threads > 0 ? options.threads : thread_count();
}

struct Range {
  std::int64_t begin, end;
};

Range task_range(std::int64_t task, std::int64_t each, std::int64_t count) {
  return {task * each, std::min(count, (task + 1) * each)};
}

}  // namespace

// Runs some tokens through the layers.
class Engine::ForwardPass {
 public:
  ForwardPass(const Engine& engine, std::int64_t tokens)
      : plan_(engine.plan_),
        c_(plan_.config()),
        shape_(engine.shape_),
        pool_(engine.pool_),
        work_(engine.workspace_),
        kernels_(element_kernels()),
        products_(product_kernels(current_isa())),
        chunks_(chunk_kernels()),
        tokens_(tokens),
        rows_(work_.projected.data() + (c_.d_conv - 1) * c_.d_in_proj()) {}

  void embed(std::span<const TokenId> ids) {
    const auto d_model = static_cast<std::size_t>(c_.d_model);
    for (std::size_t t = 0; t < ids.size(); ++t) {
      plan_.weights->embedding.row_to_float(
          ids[t], std::span(work_.residual).subspan(t * d_model, d_model));
    }
  }

  // Each token belongs to a sequence of its own.
  void decode_layers(std::span<EngineState* const> states) {
    for (std::int64_t layer = 0; layer < c_.n_layer; ++layer) {
      project_in(layer);
      decode_mixer(layer, states);
      project_out(layer, [](std::int64_t /*token*/) {});
    }
    for (EngineState* state : states) has_seen(*state, 1);
  }

  // All tokens belong to one sequence, in order. Its SSM state sees the tokens that were pending
  // until now and the first `certain` of these; the others become pending.
  void verify_layers(EngineState& state, std::int64_t certain) {
    // All memory first: a pass that begins changes the state.
    const std::int64_t pending = tokens_ - certain;
    for (AlignedVector<float>& inputs : state.pending.inputs) {
      inputs.reserve(static_cast<std::size_t>(pending * shape_.pending_numbers()));
    }
    for (AlignedVector<float>& window : state.pending.conv) {
      window.reserve(static_cast<std::size_t>((c_.d_conv - 1 + pending) * c_.conv_dim()));
    }
    for (std::int64_t layer = 0; layer < c_.n_layer; ++layer) {
      AlignedVector<float>& inputs = state.pending.inputs[static_cast<std::size_t>(layer)];
      project_in(layer);
      run_conv(layer, state, &state.pending.conv[static_cast<std::size_t>(layer)], certain);
      for_heads(1, [&](std::int64_t /*token*/, Range heads, int thread) {
        step(layer, heads, state, {0, tokens_}, state.pending.count + certain, thread);
        for (std::int64_t token = 0; token < tokens_; ++token) gate(token, channels_of(heads));
      });
      inputs.resize(static_cast<std::size_t>(pending * shape_.pending_numbers()));
      project_out(layer, [&](std::int64_t token) {
        if (token >= certain) store_inputs(token, token - certain, inputs);
      });
    }
    state.pending.count = pending;
    state.position += tokens_;
  }

  void settle_layers(EngineState& state) {
    for (std::int64_t layer = 0; layer < c_.n_layer; ++layer) {
      for_heads(1, [&](std::int64_t /*token*/, Range heads, int thread) {
        step(layer, heads, state, {0, 0}, state.pending.count, thread);
      });
    }
    state.pending.clear();
  }

  // All tokens belong to one sequence, in order.
  void prefill_layers(EngineState& state) {
    for (std::int64_t layer = 0; layer < c_.n_layer; ++layer) {
      project_in(layer);
      run_conv(layer, state, nullptr);
      prefill_ssm(layer, state);
      project_out(layer, [&](std::int64_t token) { gate(token, {0, c_.d_inner}); });
    }
    has_seen(state, tokens_);
  }

  // Returns the residual of tokens [begin, end), from which a later pass can compute their logits.
  AlignedVector<float> residual(std::int64_t begin, std::int64_t end) const {
    return {work_.residual.begin() + begin * c_.d_model, work_.residual.begin() + end * c_.d_model};
  }
  void set_residual(std::span<const float> rows) {
    std::copy_n(rows.begin(), tokens_ * c_.d_model, work_.residual.begin());
  }

  // Computes the logits of all tokens: [tokens, vocab_size].
  void logits(std::span<float> out) {
    const QuantizedRows input = work_.model_input.rows(tokens_);
    for_rows(tokens_, [&](std::int64_t row, int thread) {
      normalize(row, plan_.weights->norm_f.data(), nullptr, plan_.head_input,
                token_range(input, row, 1), thread);
    });
    multiply(plan_.head, input, out.data(), c_.vocab_size, [](std::int64_t, Range) {});
  }

 private:
  static const float* data_or_null(const AlignedVector<float>& values) {
    return values.empty() ? nullptr : values.data();
  }

  // Calls body(row, thread) for all rows; a few rows are not worth waking other threads.
  template <typename Body>
  void for_rows(std::int64_t rows, const Body& body) {
    const std::int64_t each = rows < 2 * kRowsPerTask ? 1 : kRowsPerTask;
    pool_.run(tasks_of(rows, each), [&](std::int64_t task, int thread) {
      const Range range = task_range(task, each, rows);
      for (std::int64_t row = range.begin; row < range.end; ++row) body(row, thread);
    });
  }

  // Computes y = W x for all rows of x, then calls finish(token, rows) for the rows of W that a
  // task has done.
  template <typename Finish>
  void multiply(const PackedWeights& weights, const QuantizedRows& x, float* y,
                std::int64_t y_stride, const Finish& finish) {
    const std::int64_t blocks = CodeFormat::blocks(weights.rows);
    const std::int64_t max = std::min(kTaskBytes / weights.format.block_bytes(weights.columns),
                                      blocks / (kTasksPerThread * pool_.threads()));
    // Kernels take four or two blocks together.
    const std::int64_t each = max >= 4 ? max / 4 * 4 : 2;
    pool_.run(tasks_of(blocks, each), [&](std::int64_t task, int /*thread*/) {
      const Range range = task_range(task, each, blocks);
      products_.multiply(weights, range.begin, range.end, x, y, y_stride);
      const Range rows = {range.begin * CodeFormat::kBlockRows,
                          std::min(range.end * CodeFormat::kBlockRows, weights.rows)};
      for (std::int64_t token = 0; token < x.tokens; ++token) finish(token, rows);
    });
  }

  void add_bias(const AlignedVector<float>& bias, Range rows, float* y) {
    if (bias.empty()) return;
    kernels_.add(bias.data() + rows.begin, rows.end - rows.begin, y + rows.begin);
  }

  // Normalizes and rounds a token's residual.
  void normalize(std::int64_t token, const float* gain, const float* bias,
                 const RowQuantizer& quantizer, const QuantizedRows& out, int thread) {
    float* scratch = work_.scratch[static_cast<std::size_t>(thread)].data();
    kernels_.rmsnorm(work_.residual.data() + token * c_.d_model, gain, bias, c_.norm_eps,
                     c_.d_model, 1, scratch);
    products_.quantize_rows(quantizer, scratch, c_.d_model, out);
  }

  void project_in(std::int64_t layer) {
    const LayerPlan& plan = layer_plan(layer);
    const LayerWeights& w = *plan.weights;
    const QuantizedRows input = work_.model_input.rows(tokens_);
    for_rows(tokens_, [&](std::int64_t row, int thread) {
      normalize(row, w.norm.data(), data_or_null(w.norm_bias), plan.in_proj_input,
                token_range(input, row, 1), thread);
    });
    multiply(plan.in_proj, input, rows_, c_.d_in_proj(), [&](std::int64_t token, Range rows) {
      add_bias(w.in_proj_bias, rows, rows_ + token * c_.d_in_proj());
    });
  }

  // Goes from y to the residual; prepare(token) is called first for each token.
  template <typename Prepare>
  void project_out(std::int64_t layer, const Prepare& prepare) {
    const LayerPlan& plan = layer_plan(layer);
    const LayerWeights& w = *plan.weights;
    const QuantizedRows input = work_.inner_input.rows(tokens_);
    for_rows(tokens_, [&](std::int64_t row, int thread) {
      prepare(row);
      float* y = work_.y.data() + row * c_.d_inner;
      kernels_.rmsnorm(y, w.gated_norm.data(), data_or_null(w.gated_norm_bias), c_.norm_eps,
                       c_.d_inner, c_.ngroups, y);
      if (plan_.rotation) {
        const RotationPlan& rotation = *plan_.rotation;
        const HadamardArguments arguments = {
            rotation.order, rotation.n, rotation.m, rotation.matrix.data(),
            work_.scratch[static_cast<std::size_t>(thread)].data()};
        kernels_.hadamard(arguments, y);
        if (!rotation.signs.empty()) {
          for (std::int64_t i = 0; i < c_.d_inner; ++i) {
            y[i] *= rotation.signs[static_cast<std::size_t>(i)];
          }
          kernels_.hadamard(arguments, y + c_.d_inner - rotation.order);
        }
      }
      products_.quantize_rows(plan.out_proj_input, y, c_.d_inner, token_range(input, row, 1));
    });
    multiply(plan.out_proj, input, work_.out.data(), c_.d_model,
             [&](std::int64_t token, Range rows) {
               float* out = work_.out.data() + token * c_.d_model;
               add_bias(w.out_proj_bias, rows, out);
               kernels_.add(out + rows.begin, rows.end - rows.begin,
                            work_.residual.data() + token * c_.d_model + rows.begin);
             });
  }

  const LayerPlan& layer_plan(std::int64_t layer) const {
    return plan_.layers[static_cast<std::size_t>(layer)];
  }

  // Rounds values between the linear layers, in groups of headdim.
  void round_values(std::int64_t count, float* values) const {
    if (plan_.ssm) kernels_.round_power_of_two_groups(1, count, plan_.ssm->values.group, values);
  }

  // Computes dt and the decay of one token.
  void compute_decays(const LayerWeights& w, std::int64_t token) const {
    const std::int64_t heads = c_.nheads;
    const float* raw = rows_ + (token + 1) * c_.d_in_proj() - heads;
    float* dt = work_.dt.data() + token * heads;
    float* decay = work_.decay.data() + token * heads;
    for (std::int64_t h = 0; h < heads; ++h) {
      dt[h] = raw[h] + w.dt_bias[static_cast<std::size_t>(h)];
    }
    kernels_.softplus(dt, heads, dt);
    for (std::int64_t h = 0; h < heads; ++h) dt[h] = std::clamp(dt[h], c_.dt_min, c_.dt_max);
    if (plan_.ssm) kernels_.round_significand(plan_.ssm->significant_bits, heads, dt);
    for (std::int64_t h = 0; h < heads; ++h) decay[h] = w.A[static_cast<std::size_t>(h)] * dt[h];
    kernels_.exp(decay, heads, decay);
    if (!plan_.ssm) return;
    for (std::int64_t h = 0; h < heads; ++h) decay[h] = 1.0F - decay[h];
    kernels_.round_significand(plan_.ssm->significant_bits, heads, decay);
    for (std::int64_t h = 0; h < heads; ++h) decay[h] = 1.0F - decay[h];
  }

  // Computes channels of the conv for the newest token of one sequence, and moves its conv state by
  // one token.
  void decode_conv(const LayerPlan& plan, std::int64_t token, Range channels, float* conv_state) {
    const std::int64_t conv_dim = c_.conv_dim();
    const std::int64_t count = channels.end - channels.begin;
    float* newest = conv_state + (c_.d_conv - 1) * conv_dim + channels.begin;
    std::copy_n(rows_ + token * c_.d_in_proj() + c_.d_inner + channels.begin, count, newest);
    round_values(count, newest);
    float* out = work_.xbc.data() + token * conv_dim + channels.begin;
    kernels_.conv_silu({.tokens = 1,
                        .channels = count,
                        .d_conv = c_.d_conv,
                        .weights = plan.conv.data() + channels.begin,
                        .weight_stride = conv_dim,
                        .bias = plan.weights->conv1d_bias.data() + channels.begin,
                        .input = conv_state + channels.begin,
                        .input_stride = conv_dim,
                        .out = out,
                        .out_stride = conv_dim});
    round_values(count, out);
    for (std::int64_t k = 0; k + 1 < c_.d_conv; ++k) {
      std::copy_n(conv_state + (k + 1) * conv_dim + channels.begin, count,
                  conv_state + k * conv_dim + channels.begin);
    }
  }

  void decode_mixer(std::int64_t layer, std::span<EngineState* const> states) {
    const LayerPlan& plan = layer_plan(layer);
    for_rows(tokens_, [&](std::int64_t token, int /*thread*/) {
      compute_decays(*plan.weights, token);
      decode_conv(plan, token, {c_.d_inner, c_.conv_dim()},
                  shape_.conv(*states[static_cast<std::size_t>(token)], layer).data());
    });
    for_heads(tokens_, [&](std::int64_t token, Range heads, int thread) {
      EngineState& state = *states[static_cast<std::size_t>(token)];
      decode_conv(plan, token, channels_of(heads), shape_.conv(state, layer).data());
      step(layer, heads, state, {token, token + 1}, state.pending.count + 1, thread);
      gate(token, channels_of(heads));
    });
  }

  // Calls body(token, heads, thread) for all heads of all tokens, some heads at a time.
  template <typename Body>
  void for_heads(std::int64_t tokens, const Body& body) {
    const std::int64_t each = tasks_of(c_.nheads, kHeadTasks);
    const std::int64_t tasks = tasks_of(c_.nheads, each);
    pool_.run(tokens * tasks, [&](std::int64_t task, int thread) {
      body(task / tasks, task_range(task % tasks, each, c_.nheads), thread);
    });
  }

  Range channels_of(Range heads) const {
    return {heads.begin * c_.headdim, heads.end * c_.headdim};
  }

  // Runs the SSM of heads over the pending tokens of a sequence and then over tokens of this pass,
  // which belong to it. The state in memory becomes that after `stored` tokens.
  void step(std::int64_t layer, Range heads, EngineState& state, Range tokens, std::int64_t stored,
            int thread) {
    const PendingTokens& pending = state.pending;
    Workspace::Steps& steps = work_.steps[static_cast<std::size_t>(thread)];
    const std::int64_t count = pending.count + tokens.end - tokens.begin;
    if (count == 0) return;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t dither = state_dither(layer, state.position - pending.count + i);
      steps.tokens[static_cast<std::size_t>(i)] =
          i < pending.count ? pending_token(pending, layer, i, dither)
                            : token_of_pass(tokens.begin + i - pending.count, dither);
    }
    kernels_.ssm_step({.layout = shape_.layout(),
                       .first_head = heads.begin,
                       .end_head = heads.end,
                       .heads_per_group = c_.heads_per_group(),
                       .D = layer_plan(layer).weights->D.data(),
                       .tokens = steps.tokens.data(),
                       .count = count,
                       .stored = stored,
                       .state = shape_.ssm(state, layer).data(),
                       .scratch = steps.scratch.data()});
  }

  SsmToken pending_token(const PendingTokens& pending, std::int64_t layer, std::int64_t i,
                         std::uint32_t dither) const {
    const float* x =
        pending.inputs[static_cast<std::size_t>(layer)].data() + i * shape_.pending_numbers();
    const float* B = x + c_.d_inner;
    const float* dt = B + c_.ngroups * c_.d_state;
    return {.x = x,
            .B = B,
            .C = nullptr,
            .dt = dt,
            .decay = dt + c_.nheads,
            .dither = dither,
            .y = nullptr};
  }

  SsmToken token_of_pass(std::int64_t token, std::uint32_t dither) {
    const float* xbc = work_.xbc.data() + token * c_.conv_dim();
    return {.x = xbc,
            .B = xbc + c_.d_inner,
            .C = xbc + c_.d_inner + c_.ngroups * c_.d_state,
            .dt = work_.dt.data() + token * c_.nheads,
            .decay = work_.decay.data() + token * c_.nheads,
            .dither = dither,
            .y = work_.y.data() + token * c_.d_inner};
  }

  // Stores what a token brings to the SSM as the pending token of this index.
  void store_inputs(std::int64_t token, std::int64_t index, AlignedVector<float>& inputs) const {
    const float* xbc = work_.xbc.data() + token * c_.conv_dim();
    float* to = inputs.data() + index * shape_.pending_numbers();
    to = std::copy_n(xbc, c_.d_inner + c_.ngroups * c_.d_state, to);
    to = std::copy_n(work_.dt.data() + token * c_.nheads, c_.nheads, to);
    std::copy_n(work_.decay.data() + token * c_.nheads, c_.nheads, to);
  }

  static void has_seen(EngineState& state, std::int64_t tokens) {
    state.position += tokens;
    state.pending.clear();
  }

  void gate(std::int64_t token, Range channels) {
    const std::int64_t count = channels.end - channels.begin;
    float* y = work_.y.data() + token * c_.d_inner + channels.begin;
    float* z = rows_ + token * c_.d_in_proj() + channels.begin;
    round_values(count, y);
    round_values(count, z);
    kernels_.gate(z, count, y);
  }

  // Runs the conv over all tokens, which belong to one sequence, and moves its conv state past
  // them. If `window` is given, it gets the inputs of the conv state past the first `certain`
  // tokens and of the others.
  void run_conv(std::int64_t layer, EngineState& state, AlignedVector<float>* window,
                std::int64_t certain = 0) {
    const LayerPlan& plan = layer_plan(layer);
    const std::int64_t stride = c_.d_in_proj();
    const std::int64_t conv_dim = c_.conv_dim();
    for_rows(tokens_,
             [&](std::int64_t token, int /*thread*/) { compute_decays(*plan.weights, token); });
    float* const conv_state = shape_.conv(state, layer).data();
    float* const first = work_.projected.data() + c_.d_inner;
    const std::int64_t kept = c_.d_conv - 1;
    if (window != nullptr) {
      window->resize(static_cast<std::size_t>((kept + tokens_ - certain) * conv_dim));
    }
    // A task has whole groups of values, which are rounded together.
    const std::int64_t each = tasks_of(kConvChannels, c_.headdim) * c_.headdim;
    pool_.run(tasks_of(conv_dim, each), [&](std::int64_t task, int /*thread*/) {
      const Range range = task_range(task, each, conv_dim);
      const std::int64_t channels = range.end - range.begin;
      float* input = first + range.begin;
      float* out = work_.xbc.data() + range.begin;
      for (std::int64_t k = 0; k < kept; ++k) {
        std::copy_n(conv_state + k * conv_dim + range.begin, channels, input + k * stride);
      }
      for (std::int64_t t = kept; t < kept + tokens_; ++t) {
        round_values(channels, input + t * stride);
      }
      kernels_.conv_silu({.tokens = tokens_,
                          .channels = channels,
                          .d_conv = c_.d_conv,
                          .weights = plan.conv.data() + range.begin,
                          .weight_stride = conv_dim,
                          .bias = plan.weights->conv1d_bias.data() + range.begin,
                          .input = input,
                          .input_stride = stride,
                          .out = out,
                          .out_stride = conv_dim});
      for (std::int64_t t = 0; t < tokens_; ++t) round_values(channels, out + t * conv_dim);
      for (std::int64_t k = 0; k < kept; ++k) {
        std::copy_n(input + (tokens_ + k) * stride, channels,
                    conv_state + k * conv_dim + range.begin);
      }
      if (window == nullptr) return;
      for (std::int64_t t = certain; t < kept + tokens_; ++t) {
        std::copy_n(input + t * stride, channels,
                    window->data() + (t - certain) * conv_dim + range.begin);
      }
    });
  }

  void prefill_ssm(std::int64_t layer, EngineState& state) {
    const ChunkArguments chunk = {.shape = chunk_shape(c_, tokens_),
                                  .xbc = work_.xbc.data(),
                                  .dt = work_.dt.data(),
                                  .decay = work_.decay.data(),
                                  .D = layer_plan(layer).weights->D.data(),
                                  .groups = work_.chunk_groups.data(),
                                  .state = work_.ssm.data(),
                                  .y = work_.y.data()};
    pool_.run(chunk_count(chunk.shape) * c_.ngroups, [&](std::int64_t task, int /*thread*/) {
      chunks_.group(chunk, task / c_.ngroups, task % c_.ngroups);
    });
    std::byte* codes = shape_.ssm(state, layer).data();
    const std::uint32_t dither = state_dither(layer, state.position + tokens_ - 1);
    pool_.run(tasks_of(c_.nheads, kPrefillHeads), [&](std::int64_t task, int thread) {
      const Range heads = task_range(task, kPrefillHeads, c_.nheads);
      step(layer, heads, state, {0, 0}, state.pending.count, thread);
      kernels_.decode_state(shape_.layout(), heads.begin, heads.end, codes, work_.ssm.data());
      chunks_.heads(chunk, heads.begin, heads.end,
                    work_.chunk_scratch[static_cast<std::size_t>(thread)].data());
      kernels_.encode_state(shape_.layout(), heads.begin, heads.end, dither, work_.ssm.data(),
                            codes);
    });
  }

  const Plan& plan_;
  const Mamba2Config& c_;
  const EngineStateLayout& shape_;
  WorkerPool& pool_;
  Workspace& work_;
  const ElementKernels& kernels_;
  const ProductKernels& products_;
  const ChunkKernels& chunks_;
  std::int64_t tokens_;
  float* rows_;  // row of the first token in `projected`
};

Engine::Engine(std::shared_ptr<const Weights> weights, const EngineOptions& options)
    : weights_(std::move(weights)),
      plan_(make_plan(*weights_)),
      shape_(plan_.config(), weights_->quantization->state),
      pool_(threads_of(options), options.pin_threads) {
  workspace_.reserve(plan_, 1, pool_.threads());
}

std::unique_lock<FairMutex> Engine::take(std::int64_t tokens, std::int64_t steps) const {
  std::unique_lock lock(mutex_);
  workspace_.reserve(plan_, tokens, pool_.threads());
  workspace_.reserve_steps(steps, shape_.layout().row, pool_.threads());
  return lock;
}

void Engine::decode(std::span<EngineState* const> states, std::span<const TokenId> tokens,
                    std::span<float> logits) const {
  std::int64_t pending = 0;
  for (const EngineState* state : states) pending = std::max(pending, state->pending.count);
  const std::unique_lock lock = take(std::ssize(states), pending + 1);
  ForwardPass pass(*this, std::ssize(states));
  pass.embed(tokens);
  pass.decode_layers(states);
  if (!logits.empty()) pass.logits(logits);
}

void Engine::verify(EngineState& state, std::span<const TokenId> tokens, std::int64_t certain,
                    std::span<float> logits) const {
  const std::int64_t count = std::ssize(tokens);
  const std::unique_lock lock = take(count, state.pending.count + count);
  ForwardPass pass(*this, count);
  pass.embed(tokens);
  pass.verify_layers(state, certain);
  pass.logits(logits);
}

void Engine::settle(EngineState& state) const {
  const std::unique_lock lock = take(0, state.pending.count);
  ForwardPass(*this, 0).settle_layers(state);
}

void Engine::prefill(EngineState& state, std::span<const TokenId> tokens, LogitsFor wanted,
                     const LogitsFn& logits, const std::stop_token& stop) const {
  const std::int64_t total = std::ssize(tokens);
  std::int64_t count = 0;
  for (std::int64_t begin = 0; begin < total; begin += count) {
    count = std::min(kPrefillSegment - state.position % kPrefillSegment, total - begin);
    std::int64_t first = count;  // the first row whose logits are wanted
    if (wanted == LogitsFor::all) first = 0;
    if (wanted == LogitsFor::last && begin + count == total) first = count - 1;
    AlignedVector<float> residual;
    {
      const std::unique_lock lock = take(count, state.pending.count);
      throw_if_stopped(stop);  // the wait may have been long
      ForwardPass pass(*this, count);
      pass.embed(tokens.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
      pass.prefill_layers(state);
      residual = pass.residual(first, count);
    }
    emit_logits(residual, begin + first, logits);
  }
}

// Calls `logits` for each row of a residual, whose first one is that of token `index`. The engine
// is free for others during the calls.
void Engine::emit_logits(std::span<const float> residual, std::int64_t index,
                         const LogitsFn& logits) const {
  const auto vocab = static_cast<std::size_t>(config().vocab_size);
  const std::int64_t count = std::ssize(residual) / config().d_model;
  AlignedVector<float> values(static_cast<std::size_t>(std::min(kLogitRows, count)) * vocab);
  for (std::int64_t row = 0; row < count; row += kLogitRows) {
    const std::int64_t rows = std::min(kLogitRows, count - row);
    {
      const std::unique_lock lock = take(rows);
      ForwardPass pass(*this, rows);
      pass.set_residual(residual.subspan(static_cast<std::size_t>(row * config().d_model)));
      pass.logits(values);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      logits(index + row + i,
             std::span<const float>(values).subspan(static_cast<std::size_t>(i) * vocab, vocab));
    }
  }
}

}  // namespace lightmamba
