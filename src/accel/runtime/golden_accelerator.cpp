#include <algorithm>
#include <map>
#include <utility>

#include "accel/runtime/accelerator.h"
#include "base/fail.h"
#include "model/forward.h"

namespace lightmamba::accel {
namespace {

class GoldenAccelerator : public Accelerator {
 public:
  GoldenAccelerator(std::shared_ptr<const IntegerModel> model, int max_slots)
      : model_(std::move(model)), max_slots_(max_slots) {
    GoldenAccelerator::reset();
  }

  void reset() override {
    states_.clear();
    states_.emplace(kFirstSequence, model_->config);
  }

  SequenceId open() override { return add(GoldenState(model_->config)); }
  SequenceId open_copy(SequenceId sequence) override { return add(at_sequence(sequence)); }
  void close(SequenceId sequence) override {
    at_sequence(sequence);
    if (sequence == kFirstSequence) fail("the first sequence cannot be closed");
    states_.erase(sequence);
  }

  GoldenState state(SequenceId sequence) const override { return at_sequence(sequence); }
  void restore(const GoldenState& state, SequenceId sequence) override {
    at_sequence(sequence);
    states_.insert_or_assign(sequence, state);
  }

  int max_slots() const override { return max_slots_; }

  std::vector<StepResult> pass(std::span<const Slot> slots) override {
    check_slots(slots, max_slots_, model_->config,
                [&](SequenceId sequence) { return states_.count(sequence) != 0; });
    std::vector<StepResult> results(slots.size());
    std::vector<GoldenSlot> golden;
    golden.reserve(slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (slots[i].output != Output::none) {
        results[i].logits.resize(static_cast<std::size_t>(model_->config.vocab_size));
      }
      golden.push_back({states_.at(slots[i].sequence), slots[i].token, results[i].logits});
    }
    golden_pass(*model_, golden, probe_);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      std::vector<std::int32_t>& logits = results[i].logits;
      if (slots[i].output != Output::none) {
        const auto best = std::max_element(logits.begin(), logits.end());
        results[i].argmax = {static_cast<TokenId>(best - logits.begin()), *best};
      }
      if (slots[i].output != Output::logits) logits.clear();
    }
    return results;
  }

  void set_probe(Probe probe) override { probe_ = std::move(probe); }

 private:
  const GoldenState& at_sequence(SequenceId sequence) const {
    const auto found = states_.find(sequence);
    if (found == states_.end()) fail("there is no sequence {}", sequence);
    return found->second;
  }

  SequenceId add(GoldenState state) {
    SequenceId id = kFirstSequence;
    while (states_.count(id) != 0) ++id;
    states_.emplace(id, std::move(state));
    return id;
  }

  std::shared_ptr<const IntegerModel> model_;
  int max_slots_;
  std::map<SequenceId, GoldenState> states_;
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

StepResult Accelerator::step(TokenId token, Output output) {
  const Slot slot = {.token = token, .output = output};
  return std::move(pass({&slot, 1}).front());
}

void check_slots(std::span<const Slot> slots, int max_slots, const Mamba2Config& config,
                 const std::function<bool(SequenceId)>& exists) {
  if (slots.empty() || std::ssize(slots) > max_slots) {
    fail("a pass has 1 to {} slots, not {}", max_slots, slots.size());
  }
  for (const Slot& slot : slots) {
    check_tokens(config, {&slot.token, 1});
    if (!exists(slot.sequence)) fail("there is no sequence {}", slot.sequence);
  }
}

std::unique_ptr<Accelerator> make_golden_accelerator(std::shared_ptr<const IntegerModel> model,
                                                     int max_slots) {
  if (max_slots < 1) fail("a pass has at least one slot, not {}", max_slots);
  return std::make_unique<GoldenAccelerator>(std::move(model), max_slots);
}

}  // namespace lightmamba::accel
