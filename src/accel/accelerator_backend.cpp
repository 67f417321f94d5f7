#include "accel/accelerator_backend.h"

#include <cmath>
#include <mutex>
#include <utility>
#include <vector>

#include "accel/image/lower_to_integers.h"
#include "accel/runtime/float_state.h"
#include "base/fail.h"
#include "model/stepwise_sequence.h"

namespace lightmamba::accel {

// The accelerator, and the sequence whose state it holds.
class AcceleratorBackend::Turns {
 public:
  explicit Turns(std::unique_ptr<Accelerator> accelerator) : accelerator_(std::move(accelerator)) {}

  // Runs the next token of the sequence whose state is `state`.
  StepResult step(GoldenState& state, TokenId token, Output output) {
    const std::lock_guard lock(mutex_);
    if (holder_ != &state) {
      if (holder_ != nullptr) *holder_ = accelerator_->state();
      holder_ = nullptr;
      accelerator_->restore(state);
      holder_ = &state;
    }
    StepResult step = accelerator_->step(token, output);
    usage_ += step;
    return step;
  }

  GoldenState up_to_date(const GoldenState& state) const {
    const std::lock_guard lock(mutex_);
    return holder_ == &state ? accelerator_->state() : state;
  }

  void leave(const GoldenState& state) {
    const std::lock_guard lock(mutex_);
    if (holder_ == &state) holder_ = nullptr;
  }

  Usage usage() const {
    const std::lock_guard lock(mutex_);
    return usage_;
  }

 private:
  mutable std::mutex mutex_;
  std::unique_ptr<Accelerator> accelerator_;
  GoldenState* holder_ = nullptr;
  Usage usage_;
};

class AcceleratorBackend::TakingTurns : public StepwiseSequence {
 public:
  TakingTurns(std::shared_ptr<const Backend> backend, Turns& turns, GoldenState state)
      : StepwiseSequence(std::move(backend)),
        turns_(turns),
        state_(std::move(state)),
        bytes_(state_.conv_codes.size() + state_.conv_exponents.size() +
               state_.ssm_exponents.size() + state_.ssm_codes.size() * sizeof(std::int16_t)),
        position_(state_.position) {}
  TakingTurns(const TakingTurns& other)
      : StepwiseSequence(other),
        turns_(other.turns_),
        state_(turns_.up_to_date(other.state_)),
        bytes_(other.bytes_),
        position_(other.position_) {}
  TakingTurns& operator=(const TakingTurns&) = delete;
  ~TakingTurns() override { turns_.leave(state_); }

  std::int64_t position() const override { return position_; }
  std::size_t bytes() const override { return bytes_; }
  std::unique_ptr<Sequence> fork() const override { return std::make_unique<TakingTurns>(*this); }

 private:
  void run_decode(TokenId token, std::span<float> logits) override {
    const StepResult step =
        turns_.step(state_, token, logits.empty() ? Output::none : Output::logits);
    ++position_;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      logits[i] =
          static_cast<float>(std::ldexp(static_cast<double>(step.logits[i]), -kLogitFractionBits));
    }
  }

  void run_prefill(std::span<const TokenId> tokens, LogitsFor wanted, const LogitsFn& logits,
                   const std::stop_token& stop) override {
    std::vector<float> row(static_cast<std::size_t>(backend().config().vocab_size));
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      throw_if_stopped(stop);
      const bool is_wanted =
          wanted == LogitsFor::all || (wanted == LogitsFor::last && i + 1 == tokens.size());
      run_decode(tokens[i], is_wanted ? std::span(row) : std::span<float>());
      if (is_wanted) logits(static_cast<std::int64_t>(i), row);
    }
  }

  void become(const Sequence& earlier) override {
    const auto& other = static_cast<const TakingTurns&>(earlier);
    GoldenState state = turns_.up_to_date(other.state_);
    turns_.leave(state_);
    state_ = std::move(state);
    position_ = other.position_;
  }

  State numbers() const override { return to_float(turns_.up_to_date(state_)); }

  Turns& turns_;  // turns of the back end
  // Out of date while the accelerator holds it. The token of another sequence writes it then, so
  // only Turns may look at it.
  GoldenState state_;
  const std::size_t bytes_;
  std::int64_t position_;
};

AcceleratorBackend::AcceleratorBackend(std::string_view name, Model model, int state_bits,
                                       std::unique_ptr<Accelerator> accelerator)
    : Backend(std::move(model)),
      name_(name),
      state_bits_(state_bits),
      turns_(std::make_unique<Turns>(std::move(accelerator))) {}

AcceleratorBackend::~AcceleratorBackend() = default;

Usage AcceleratorBackend::usage() const { return turns_->usage(); }

std::unique_ptr<Sequence> AcceleratorBackend::open_from(const State* state) const {
  return std::make_unique<TakingTurns>(
      shared_from_this(), *turns_,
      state != nullptr ? from_float(*state, config(), state_bits_) : GoldenState(config()));
}

std::shared_ptr<const AcceleratorBackend> golden_backend(
    Model model, std::shared_ptr<const IntegerModel> integers) {
  const int state_bits = integers->state_bits;
  return std::make_shared<const AcceleratorBackend>("golden", std::move(model), state_bits,
                                                    make_golden_accelerator(std::move(integers)));
}

}  // namespace lightmamba::accel

namespace lightmamba {

bool accelerator_supports(const Model& model) {
  return !accel::unsupported_reason(model.weights());
}

std::shared_ptr<const Backend> golden_backend(Model model) {
  auto integers =
      std::make_shared<const accel::IntegerModel>(accel::lower_to_integers(model.weights()));
  return accel::golden_backend(std::move(model), std::move(integers));
}

}  // namespace lightmamba
