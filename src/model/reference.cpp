#include <algorithm>
#include <utility>

#include <lightmamba/sequence.h>

#include "base/fail.h"
#include "model/forward.h"
#include "model/stepwise_sequence.h"

namespace lightmamba {
namespace {

class ReferenceSequence : public StepwiseSequence {
 public:
  ReferenceSequence(std::shared_ptr<const Backend> backend, const State* state, const Taps* taps)
      : StepwiseSequence(std::move(backend)),
        state_(state != nullptr ? *state : new_state(this->backend().config())),
        taps_(taps) {
    state_.logits.clear();  // the base class keeps them
  }

  std::int64_t position() const override { return state_.position; }
  std::size_t bytes() const override {
    return (state_.conv.size() + state_.ssm.size()) * sizeof(float);
  }
  std::unique_ptr<Sequence> fork() const override {
    return std::make_unique<ReferenceSequence>(*this);
  }

 private:
  void run_decode(TokenId token, std::span<float> logits) override {
    forward(
        weights(), state_, std::span(&token, 1), Scan::recurrent,
        logits.empty() ? LogitsFor::none : LogitsFor::last,
        [&](std::int64_t /*index*/, std::span<const float> row) {
          std::copy(row.begin(), row.end(), logits.begin());
        },
        taps_);
  }
  void run_prefill(std::span<const TokenId> tokens, LogitsFor wanted, const LogitsFn& logits,
                   const std::stop_token& stop) override {
    forward(weights(), state_, tokens, Scan::chunked, wanted, logits, taps_, stop);
  }
  void become(const Sequence& earlier) override {
    state_ = static_cast<const ReferenceSequence&>(earlier).state_;
  }
  State numbers() const override { return state_; }

  const Weights& weights() const { return backend().model().weights(); }

  State state_;
  const Taps* taps_;
};

class ReferenceBackend : public Backend {
 public:
  explicit ReferenceBackend(Model model) : Backend(std::move(model)) {}

  std::string_view name() const override { return "reference"; }

 private:
  std::unique_ptr<Sequence> open_from(const State* state) const override {
    return std::make_unique<ReferenceSequence>(shared_from_this(), state, nullptr);
  }
  std::unique_ptr<Sequence> open_tapped(const State* state, const Taps& taps) const override {
    return std::make_unique<ReferenceSequence>(shared_from_this(), state, &taps);
  }
};

}  // namespace

std::shared_ptr<const Backend> reference_backend(Model model) {
  if (model.weights().layers.empty()) fail("{}: holds no weights for the reference", model.path());
  return std::make_shared<const ReferenceBackend>(std::move(model));
}

}  // namespace lightmamba
