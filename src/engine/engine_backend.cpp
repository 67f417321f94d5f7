#include <array>
#include <utility>

#include <lightmamba/engine.h>

#include "base/fail.h"
#include "base/threads.h"
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

  std::unique_ptr<Sequence> fork() const override {
    return std::make_unique<EngineSequence>(*this);
  }

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

  std::unique_ptr<Sequence> open(const State& state) const override {
    return std::make_unique<EngineSequence>(engine_, engine_->state_shape().from_float(state));
  }

 private:
  std::shared_ptr<const Engine> engine_;
};

}  // namespace

bool engine_supports(const Model& model) { return !not_supported(model.weights()); }

Model with_engine(const Model& model, int threads) {
  return model.with_backend(std::make_shared<EngineBackend>(std::make_shared<const Engine>(
      model.shared_weights(), threads > 0 ? threads : thread_count())));
}

}  // namespace lightmamba
