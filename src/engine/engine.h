// The fast CPU engine: quantized models on integer kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include <lightmamba/engine.h>

#include "engine/engine_state.h"
#include "engine/plan.h"
#include "engine/worker_pool.h"
#include "engine/workspace.h"
#include "model/forward.h"

namespace lightmamba {

// Gives the logits of the reference (model/forward.h) up to rounding of floats: linear layers in
// integers, everything else in float kernels with the model's own rounding. Prefill runs the SSM in
// float over a segment of tokens and rounds the state where the segment ends, not after every
// token. The same bytes on any number of threads and every instruction set. Calls from several
// threads follow each other.
class Engine {
 public:
  // Throws Error where the model cannot run here, see unsupported_reason(). Keeps the weights
  // alive.
  Engine(std::shared_ptr<const Weights> weights, const EngineOptions& options);

  const Mamba2Config& config() const { return plan_.config(); }
  const EngineStateLayout& state_shape() const { return shape_; }

  // One token for each sequence. `logits` is [states.size(), vocab_size], or empty where none are
  // wanted. Token ids have to be in the vocabulary. Allocates nothing once so many sequences have
  // been decoded together.
  void decode(std::span<EngineState* const> states, std::span<const TokenId> tokens,
              std::span<float> logits) const;

  // In segments that end at multiples of kPrefillSegment. Throws Stopped between them.
  void prefill(EngineState& state, std::span<const TokenId> tokens, LogitsFor wanted,
               const LogitsFn& logits, const std::stop_token& stop = {}) const;

 private:
  class ForwardPass;

  std::shared_ptr<const Weights> weights_;
  Plan plan_;
  EngineStateLayout shape_;
  mutable std::mutex mutex_;
  mutable WorkerPool pool_;
  mutable Workspace workspace_;
};

}  // namespace lightmamba
