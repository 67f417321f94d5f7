// Runs a model on the core of a device, token by token (docs/memory-map.md). The states of its
// sequences lie in the memory of the device; a token names the one that it continues.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "accel/driver/device.h"
#include "accel/hardware/registers.h"
#include "accel/image/image.h"
#include "accel/runtime/accelerator.h"

namespace lightmamba::accel {

struct DriverOptions {
  bool use_interrupt = false;  // otherwise the control register is read until the core is done
  // The time limit for a token, by the clock of the device; 0 means no limit.
  Device::Duration time_limit = std::chrono::seconds(10);
};

class CoreDriver {
 public:
  // Places the regions of the image in the memory of the device, which must outlive the driver.
  // Throws Error if the image contradicts itself (check_image), is laid out for another core, or
  // needs longer queues than the core has.
  CoreDriver(Image image, Device& device, const DriverOptions& options);

  // Also resets the core. Only the first sequence is left, and begins anew.
  void reset();

  // As those of Accelerator. The memory of a sequence that is closed is used again.
  SequenceId open();
  SequenceId open_copy(SequenceId sequence);
  void close(SequenceId sequence);
  bool exists(SequenceId sequence) const;

  // Read the state of a sequence from memory, and write another one to continue from.
  GoldenState state(SequenceId sequence = kFirstSequence) const;
  void restore(const GoldenState& state, SequenceId sequence = kFirstSequence);

  // Computes the next token of a sequence; traffic is left empty. Throws Error for an id outside
  // the vocabulary, a sequence that does not exist, an error that the core reports, an answer that
  // cannot be right, and if the core does not answer in time; it must then be reset before it is
  // used again.
  StepResult step(const Slot& slot);
  StepResult step(TokenId token, Output output) { return step({.token = token, .output = output}); }

 private:
  // The state of a sequence in memory.
  struct SequenceMemory {
    DeviceBuffer conv;
    std::vector<DeviceBuffer> ssm;  // one for each channel
    std::int64_t position = 0;
    bool is_open = false;
  };

  DeviceBuffer allocate(std::string_view name, MemoryPort port, int channel, std::int64_t bytes);
  SequenceId take_sequence();
  SequenceId open_with(const std::function<void(SequenceId)>& fill);
  void copy_state(SequenceId sequence, SequenceId copy);
  const SequenceMemory& at_sequence(SequenceId sequence) const;
  SequenceMemory& at_sequence(SequenceId sequence);
  void select(SequenceId sequence);
  void write_address(std::uint32_t offset, std::uint64_t address);
  std::uint64_t read64(std::uint32_t offset);
  void start(const Slot& slot);
  void wait();
  void wait_for_interrupt();
  [[noreturn]] void fail_late(std::uint32_t control) const;
  void check_errors();
  StepResult answer(Output output);

  Image image_;
  Device& device_;
  DriverOptions options_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> addresses_;  // by register
  DeviceBuffer logits_;
  std::vector<SequenceMemory> sequences_;  // by SequenceId
  std::optional<SequenceId> selected_;     // whose addresses the registers have
};

}  // namespace lightmamba::accel
