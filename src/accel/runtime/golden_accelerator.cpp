#include <algorithm>
#include <utility>

#include "accel/runtime/accelerator.h"
#include "model/forward.h"

namespace lightmamba::accel {
namespace {

class GoldenAccelerator : public Accelerator {
 public:
  explicit GoldenAccelerator(std::shared_ptr<const IntegerModel> model)
      : model_(std::move(model)), state_(model_->config) {}

  void reset() override { state_ = GoldenState(model_->config); }
  GoldenState state() const override { return state_; }
  void restore(const GoldenState& state) override { state_ = state; }

  StepResult step(TokenId token, Output output) override {
    check_tokens(model_->config, {&token, 1});
    StepResult step;
    if (output != Output::none) {
      step.logits.resize(static_cast<std::size_t>(model_->config.vocab_size));
    }
    golden_decode(*model_, state_, token, step.logits, probe_);
    if (output != Output::none) {
      const auto best = std::max_element(step.logits.begin(), step.logits.end());
      step.argmax = {static_cast<TokenId>(best - step.logits.begin()), *best};
    }
    if (output != Output::logits) step.logits.clear();
    return step;
  }

  void set_probe(Probe probe) override { probe_ = std::move(probe); }

 private:
  std::shared_ptr<const IntegerModel> model_;
  GoldenState state_;
  Probe probe_;
};

}  // namespace

Counters& Counters::operator+=(const Counters& other) {
  for (const CounterName& each : kCounters) this->*each.counter += other.*each.counter;
  return *this;
}

Counters& Counters::operator-=(const Counters& other) {
  for (const CounterName& each : kCounters) this->*each.counter -= other.*each.counter;
  return *this;
}

Traffic& Traffic::operator-=(const Traffic& other) {
  weights -= other.weights;
  ssm_state -= other.ssm_state;
  parameters -= other.parameters;
  conv_state -= other.conv_state;
  return *this;
}

Traffic& Traffic::operator+=(const Traffic& other) {
  weights += other.weights;
  ssm_state += other.ssm_state;
  parameters += other.parameters;
  conv_state += other.conv_state;
  return *this;
}

Usage& Usage::operator+=(const StepResult& step) {
  ++tokens;
  counters += step.counters;
  traffic += step.traffic;
  return *this;
}

std::unique_ptr<Accelerator> make_golden_accelerator(std::shared_ptr<const IntegerModel> model) {
  return std::make_unique<GoldenAccelerator>(std::move(model));
}

}  // namespace lightmamba::accel
