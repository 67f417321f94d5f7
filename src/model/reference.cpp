#include <algorithm>
#include <utility>
#include <vector>

#include <lightmamba/sequence.h>

#include "base/fail.h"
#include "model/forward.h"

namespace lightmamba {
namespace {

class ReferenceSequence : public Sequence {
 public:
  ReferenceSequence(std::shared_ptr<const Backend> backend, const State* state, const Taps* taps)
      : Sequence(std::move(backend)),
        state_(state != nullptr ? *state : new_state(this->backend().config())),
        taps_(taps) {
    state_.logits.clear();  // the base class keeps them
  }

  std::int64_t position() const override { return state_.position; }
  std::size_t bytes() const override {
    return (state_.conv.size() + state_.ssm.size()) * sizeof(float);
  }
  std::unique_ptr<Sequence> fork() const override {
    auto copy = std::make_unique<ReferenceSequence>(*this);
    copy->earlier_.clear();
    return copy;
  }

 private:
  void run_decode(TokenId token, std::span<float> logits) override {
    earlier_.clear();
    step(token, logits);
  }
  void step(TokenId token, std::span<float> logits) {
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
    earlier_.clear();
    forward(weights(), state_, tokens, Scan::chunked, wanted, logits, taps_, stop);
  }
  // One token after the other, with the state before each that may be taken back.
  void run_verify(std::span<const TokenId> tokens, std::int64_t certain,
                  std::span<float> logits) override {
    const std::size_t vocab = logits.size() / tokens.size();
    earlier_.clear();
    certain_ = static_cast<std::size_t>(certain);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i >= certain_) earlier_.push_back(state_);
      step(tokens[i], logits.subspan(i * vocab, vocab));
    }
  }
  void run_keep(std::int64_t count) override {
    const std::size_t index = static_cast<std::size_t>(count) - certain_;
    if (index < earlier_.size()) state_ = std::move(earlier_[index]);
    earlier_.clear();
  }
  State numbers() const override { return state_; }

  const Weights& weights() const { return backend().model().weights(); }

  State state_;
  const Taps* taps_;
  std::size_t certain_ = 0;     // verified tokens that stay
  std::vector<State> earlier_;  // [i] has seen certain_ + i of them
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
