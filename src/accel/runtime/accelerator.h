// The accelerator as a host sees it, on any device.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "accel/numerics/golden_model.h"
#include "accel/numerics/integer_model.h"
#include "accel/numerics/probe.h"
#include "accel/runtime/activity.h"

namespace lightmamba::accel {

// Cycles of one token (docs/memory-map.md). They are 0 without a clock, as Traffic is without a
// memory.
struct Counters {
  std::int64_t cycles = 0;
  std::int64_t mmu_busy = 0;
  std::int64_t mmu_waits_for_weights = 0;
  std::int64_t mmu_has_no_product = 0;
  std::int64_t mmu_waits_for_output = 0;
  std::int64_t ssm_busy = 0;
  std::int64_t ssm_waits_for_state = 0;
  std::int64_t ssm_waits_for_input = 0;

  Counters& operator+=(const Counters& other);
  Counters& operator-=(const Counters& other);
  bool operator==(const Counters&) const = default;
};

// Each counter with its name, in the order of the registers.
struct CounterName {
  std::string_view name;
  std::int64_t Counters::*counter;
};
inline constexpr std::array<CounterName, 8> kCounters = {{
    {"cycles", &Counters::cycles},
    {"mmu_busy", &Counters::mmu_busy},
    {"mmu_waits_for_weights", &Counters::mmu_waits_for_weights},
    {"mmu_has_no_product", &Counters::mmu_has_no_product},
    {"mmu_waits_for_output", &Counters::mmu_waits_for_output},
    {"ssm_busy", &Counters::ssm_busy},
    {"ssm_waits_for_state", &Counters::ssm_waits_for_state},
    {"ssm_waits_for_input", &Counters::ssm_waits_for_input},
}};

// Bytes between the core and its memory, read and written, by port.
struct Traffic {
  std::int64_t weights = 0;
  std::int64_t ssm_state = 0;
  std::int64_t parameters = 0;  // and the row of the embedding
  std::int64_t conv_state = 0;  // and the logits

  Traffic& operator+=(const Traffic& other);
  Traffic& operator-=(const Traffic& other);
  std::int64_t total() const { return weights + ssm_state + parameters + conv_state; }
  bool operator==(const Traffic&) const = default;
};

// The token of the largest logit, the first among equal ones.
struct Argmax {
  TokenId token;
  std::int32_t logit;  // kLogitFractionBits

  bool operator==(const Argmax&) const = default;
};

enum class Output { none, argmax, logits };

struct StepResult {
  std::optional<Argmax> argmax;
  std::vector<std::int32_t> logits;  // [vocab_size], kLogitFractionBits, or empty
  Counters counters;
  Traffic traffic;
};

// The total cost of some tokens.
struct Usage {
  std::int64_t tokens = 0;
  Counters counters;
  Traffic traffic;

  Usage& operator+=(const StepResult& step);
};

// A sequence whose state lies in the memory of an accelerator.
using SequenceId = int;
inline constexpr SequenceId kFirstSequence = 0;  // always exists

// The next token of a sequence. Slots of one pass that name the same sequence are its next tokens
// in their order.
struct Slot {
  SequenceId sequence = kFirstSequence;
  TokenId token;
  Output output = Output::none;
};

// All functions but pass() and step() must be called between two passes. Each throws Error for a
// sequence that does not exist.
class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual void reset() = 0;  // only kFirstSequence is left, and begins anew

  // Adds a sequence without tokens, or a copy of one; close() ends one other than the first.
  virtual SequenceId open() = 0;
  virtual SequenceId open_copy(SequenceId sequence) = 0;
  virtual void close(SequenceId sequence) = 0;

  // Return the state of a sequence, and let it continue from another one.
  virtual GoldenState state(SequenceId sequence = kFirstSequence) const = 0;
  virtual void restore(const GoldenState& state, SequenceId sequence = kFirstSequence) = 0;

  // The number of slots whose tokens one pass computes, reading each weight once.
  virtual int max_slots() const = 0;
  // Computes the tokens of 1 to max_slots() slots; results are in their order. The numbers do not
  // depend on how tokens are spread over passes. Throws Error, before anything starts, for another
  // number of slots or for a token or sequence that does not exist.
  virtual std::vector<StepResult> pass(std::span<const Slot> slots) = 0;
  // Computes the next token of the first sequence.
  StepResult step(TokenId token, Output output);
  // From now on `probe` sees the results of each unit; an empty one ends that.
  virtual void set_probe(Probe probe) = 0;
  // Likewise for the cycles of the units. An accelerator without a clock does not call it.
  virtual void set_activity_probe(ActivityProbe /*probe*/) {}
};

// `max_slots` is at least 1.
std::unique_ptr<Accelerator> make_golden_accelerator(std::shared_ptr<const IntegerModel> model,
                                                     int max_slots = 8);

// What pass() requires of its slots, for implementations of it: `exists` tells of a sequence.
void check_slots(std::span<const Slot> slots, int max_slots, const Mamba2Config& config,
                 const std::function<bool(SequenceId)>& exists);

}  // namespace lightmamba::accel
