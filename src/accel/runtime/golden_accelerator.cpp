#include <algorithm>
#include <utility>

#include "accel/runtime/accelerator.h"
#include "model/forward.h"

namespace lightmamba::accel {
namespace {

class GoldenAccelerator : public Accelerator {
 public:
  explicit GoldenAccelerator(std::shared_ptr<const Network> network)
      : network_(std::move(network)), state_(network_->config) {}

  void reset() override { state_ = GoldenState(network_->config); }
  GoldenState state() const override { return state_; }
  void restore(const GoldenState& state) override { state_ = state; }

  Step step(TokenId token, Wants wants) override {
    check_tokens(network_->config, {&token, 1});
    Step step;
    if (wants != Wants::nothing) {
      step.logits.resize(static_cast<std::size_t>(network_->config.vocab_size));
    }
    golden_decode(*network_, state_, token, step.logits, trace_);
    if (wants != Wants::nothing) {
      const auto best = std::max_element(step.logits.begin(), step.logits.end());
      step.best = {static_cast<TokenId>(best - step.logits.begin()), *best};
    }
    if (wants != Wants::logits) step.logits.clear();
    return step;
  }

  void observe(Trace trace) override { trace_ = std::move(trace); }

 private:
  std::shared_ptr<const Network> network_;
  GoldenState state_;
  Trace trace_;
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

Usage& Usage::operator+=(const Step& step) {
  ++tokens;
  counters += step.counters;
  traffic += step.traffic;
  return *this;
}

std::unique_ptr<Accelerator> make_golden_accelerator(std::shared_ptr<const Network> network) {
  return std::make_unique<GoldenAccelerator>(std::move(network));
}

}  // namespace lightmamba::accel
