#include <array>
#include <utility>
#include <vector>

#include <lightmamba/engine.h>

#include "base/fail.h"
#include "engine/engine.h"

namespace lightmamba {
namespace {

class EngineSequence : public Sequence {
 public:
  EngineSequence(std::shared_ptr<const Engine> engine, EngineState state)
      : engine_(std::move(engine)), state_(std::move(state)) {}

  void decode(TokenId token, std::span<float> logits) override {
    check_logits(engine_->config(), logits);
    check_tokens(engine_->config(), {&token, 1});
    const std::array states = {&state_};
    engine_->decode(states, {&token, 1}, logits);
  }

  std::vector<float> prefill(std::span<const TokenId> tokens) override {
    std::vector<float> result;
    run(tokens, LogitsFor::last, [&](std::int64_t /*index*/, std::span<const float> logits) {
      result.assign(logits.begin(), logits.end());
    });
    return result;
  }

  void prefill_all(std::span<const TokenId> tokens, const LogitsFn& logits) override {
    run(tokens, LogitsFor::all, logits);
  }

  State state() const override { return engine_->state_shape().to_float(state_); }
  std::int64_t position() const override { return state_.position; }
  std::size_t bytes() const override {
    return state_.conv.size() * sizeof(float) + state_.ssm.size();
  }

  std::unique_ptr<Sequence> fork() const override {
    return std::make_unique<EngineSequence>(*this);
  }

  const Engine& engine() const { return *engine_; }
  EngineState& engine_state() { return state_; }

 private:
  void run(std::span<const TokenId> tokens, LogitsFor wanted, const LogitsFn& logits) {
    if (tokens.empty()) fail("no tokens to prefill");
    check_tokens(engine_->config(), tokens);
    engine_->prefill(state_, tokens, wanted, logits);
  }

  std::shared_ptr<const Engine> engine_;
  EngineState state_;
};

class EngineBackend : public Backend {
 public:
  explicit EngineBackend(std::shared_ptr<const Engine> engine) : engine_(std::move(engine)) {}

  std::unique_ptr<Sequence> open() const override {
    return std::make_unique<EngineSequence>(engine_, engine_->state_shape().empty());
  }
  std::unique_ptr<Sequence> open(const State& state) const override {
    return std::make_unique<EngineSequence>(engine_, engine_->state_shape().from_float(state));
  }

 private:
  std::shared_ptr<const Engine> engine_;
};

}  // namespace

bool engine_supports(const Model& model) { return !not_supported(model.weights()); }

Model with_engine(const Model& model, const EngineOptions& options) {
  return model.with_backend(std::make_shared<EngineBackend>(
      std::make_shared<const Engine>(model.shared_weights(), options)));
}

void decode_together(std::span<Sequence* const> sequences, std::span<const TokenId> tokens,
                     std::span<float> logits) {
  const std::size_t count = sequences.size();
  if (tokens.size() != count) fail("{} tokens for {} sequences", tokens.size(), count);
  if (count == 0) return;
  if (logits.size() % count != 0) fail("room for {} logits of {} sequences", logits.size(), count);
  std::vector<EngineState*> states;
  const Engine* engine = nullptr;
  for (Sequence* sequence : sequences) {
    auto* const own = dynamic_cast<EngineSequence*>(sequence);
    if (own == nullptr || (engine != nullptr && engine != &own->engine())) break;
    engine = &own->engine();
    states.push_back(&own->engine_state());
  }
  const std::size_t vocab = logits.size() / count;
  if (engine != nullptr && states.size() == count) {
    check_logits(engine->config(), logits.first(vocab));
    check_tokens(engine->config(), tokens);
    return engine->decode(states, tokens, logits);
  }
  for (std::size_t i = 0; i < count; ++i) {
    sequences[i]->decode(tokens[i], logits.subspan(i * vocab, vocab));
  }
}

}  // namespace lightmamba
