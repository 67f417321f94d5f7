// Runs a model on the core of a device, token by token (docs/memory-map.md).
#pragma once

#include <cstdint>
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

  // Also resets the core. The next token begins a sequence.
  void reset();

  // Read the state of the sequence from memory, and write another one to continue from.
  GoldenState state() const;
  void restore(const GoldenState& state);

  // Computes the next token of the sequence; traffic is left empty. Throws Error for an id outside
  // the vocabulary, for an error that the core reports, for an answer that cannot be right, and if
  // the core does not answer in time; it must then be reset before it is used again.
  StepResult step(TokenId token, Output output);

 private:
  void place(const Register& to, int channel, std::uint64_t address);
  std::uint64_t read64(std::uint32_t offset);
  void start(TokenId token, Output output);
  void wait();
  void wait_for_interrupt();
  [[noreturn]] void fail_late(std::uint32_t control) const;
  void check_errors();
  StepResult answer(Output output);

  Image image_;
  Device& device_;
  DriverOptions options_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> addresses_;  // by register
  DeviceBuffer conv_, logits_;
  std::vector<DeviceBuffer> ssm_;  // one for each channel
  std::int64_t position_ = 0;
};

}  // namespace lightmamba::accel
