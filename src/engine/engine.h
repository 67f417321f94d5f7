// The fast CPU engine: quantized models on integer kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include <lightmamba/engine.h>

#include "base/fair_mutex.h"
#include "engine/engine_state.h"
#include "engine/plan.h"
#include "engine/worker_pool.h"
#include "engine/workspace.h"
#include "model/forward.h"

namespace lightmamba {

// Computes the logits of the reference (model/forward.h) up to rounding of floats: linear layers in
// integers, everything else in float kernels with the model's own rounding. Prefill runs the SSM in
// float over a segment of tokens and rounds the state at the end of the segment, not after every
// token. Results are the same bytes on any number of threads and every instruction set. Calls from
// several threads take turns, in the order in which they came: a token, or a segment of a prefill.
class Engine {
 public:
  // Throws Error if the engine cannot run the model, see unsupported_reason(). Keeps the weights
  // alive.
  Engine(std::shared_ptr<const Weights> weights, const EngineOptions& options);

  const Mamba2Config& config() const { return plan_.config(); }
  const EngineStateLayout& state_shape() const { return shape_; }

  // Decodes one token for each sequence. `logits` is [states.size(), vocab_size], or empty if none
  // are wanted. Token ids must be in the vocabulary. Allocates nothing if as many sequences have
  // been decoded together before.
  void decode(std::span<EngineState* const> states, std::span<const TokenId> tokens,
              std::span<float> logits) const;

  // Runs tokens of one sequence as decode() does one after the other. All of them but the first
  // `certain` ones, and none before, are then pending. `logits` is [tokens.size(), vocab_size].
  void verify(EngineState& state, std::span<const TokenId> tokens, std::int64_t certain,
              std::span<float> logits) const;

  // Runs the SSM over the pending tokens.
  void settle(EngineState& state) const;

  // Prefills in segments that end at multiples of kPrefillSegment. Throws Stopped between them.
  // `logits` may call the engine.
  void prefill(EngineState& state, std::span<const TokenId> tokens, LogitsFor wanted,
               const LogitsFn& logits, const std::stop_token& stop = {}) const;

 private:
  class ForwardPass;

  // Waits for the turn of this thread, with room for this many tokens at once, and for steps of the
  // SSM over so many.
  std::unique_lock<FairMutex> take(std::int64_t tokens, std::int64_t steps = 0) const;
  void emit_logits(std::span<const float> residual, std::int64_t index,
                   const LogitsFn& logits) const;

  std::shared_ptr<const Weights> weights_;
  Plan plan_;
  EngineStateLayout shape_;
  mutable Workspace workspace_;
  mutable FairMutex mutex_;
  mutable WorkerPool pool_;
};

}  // namespace lightmamba
