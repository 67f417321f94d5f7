// The accelerator as a host sees it, on any device.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
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

class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual void reset() = 0;  // the next token begins a new sequence
  // Return the state of the sequence, and continue from another one. Both must be called between
  // two tokens.
  virtual GoldenState state() const = 0;
  virtual void restore(const GoldenState& state) = 0;
  // Computes the next token of the sequence. Throws Error for an id outside the vocabulary.
  virtual StepResult step(TokenId token, Output output) = 0;
  // From now on `probe` sees the results of each unit; an empty one ends that.
  virtual void set_probe(Probe probe) = 0;
  // Likewise for the cycles of the units. An accelerator without a clock does not call it.
  virtual void set_activity_probe(ActivityProbe /*probe*/) {}
};

std::unique_ptr<Accelerator> make_golden_accelerator(std::shared_ptr<const IntegerModel> model);

}  // namespace lightmamba::accel
