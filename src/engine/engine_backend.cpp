#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include <lightmamba/engine.h>

#include "engine/engine.h"

namespace lightmamba {
namespace {

class EngineSequence : public Sequence {
 public:
  EngineSequence(std::shared_ptr<const Backend> backend, const Engine& engine, EngineState state)
      : Sequence(std::move(backend)), engine_(engine), state_(std::move(state)) {}

  std::int64_t position() const override { return state_.position; }
  std::size_t bytes() const override {
    return state_.conv.size() * sizeof(float) + state_.ssm.size();
  }
  std::unique_ptr<Sequence> fork() const override {
    return std::make_unique<EngineSequence>(*this);
  }

  EngineState& engine_state() { return state_; }

 private:
  void run_decode(TokenId token, std::span<float> logits) override {
    const std::array states = {&state_};
    engine_.decode(states, {&token, 1}, logits);
  }
  void run_prefill(std::span<const TokenId> tokens, LogitsFor wanted, const LogitsFn& logits,
                   const std::stop_token& stop) override {
    engine_.prefill(state_, tokens, wanted, logits, stop);
  }
  void run_verify(std::span<const TokenId> tokens, std::int64_t certain,
                  std::span<float> logits) override {
    engine_.verify(state_, tokens, certain, logits);
    verified_from_ = state_.position - std::ssize(tokens);
  }
  void run_keep(std::int64_t count) override {
    engine_.state_shape().take_back(state_, state_.position - verified_from_ - count);
  }
  State numbers() const override {
    if (state_.pending.count == 0) return engine_.state_shape().to_float(state_);
    EngineState settled = state_;
    engine_.settle(settled);
    return engine_.state_shape().to_float(settled);
  }

  const Engine& engine_;  // the engine of the back end
  EngineState state_;
  std::int64_t verified_from_ = 0;  // position before the verified tokens
};

class EngineBackend : public Backend {
 public:
  EngineBackend(Model model, const EngineOptions& options)
      : Backend(std::move(model)), engine_(this->model().shared_weights(), options) {}

  std::string_view name() const override { return "engine"; }

 private:
  std::unique_ptr<Sequence> open_from(const State* state) const override {
    const EngineStateLayout& shape = engine_.state_shape();
    return std::make_unique<EngineSequence>(
        shared_from_this(), engine_, state != nullptr ? shape.from_float(*state) : shape.empty());
  }

  void run_together(std::span<Sequence* const> sequences, std::span<const TokenId> tokens,
                    std::span<const std::span<float>> logits) const override {
    const std::lock_guard lock(mutex_);
    states_.clear();
    for (Sequence* sequence : sequences) {
      states_.push_back(&static_cast<EngineSequence*>(sequence)->engine_state());
    }
    const std::size_t vocab = logits.front().size();
    logits_.resize(sequences.size() * vocab);
    engine_.decode(states_, tokens, logits_);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      std::copy_n(logits_.begin() + static_cast<std::ptrdiff_t>(i * vocab), vocab,
                  logits[i].begin());
    }
  }

  Engine engine_;
  mutable std::mutex mutex_;
  mutable std::vector<EngineState*> states_;  // kept, so that decoding allocates nothing
  mutable std::vector<float> logits_;         // [sequences, vocab_size]
};

}  // namespace

bool engine_supports(const Model& model) { return !unsupported_reason(model.weights()); }

std::shared_ptr<const Backend> engine_backend(Model model, const EngineOptions& options) {
  return std::make_shared<const EngineBackend>(std::move(model), options);
}

}  // namespace lightmamba
