// The machine that a core runs on, as the driver sees it: registers, and memory that both reach.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "accel/hardware/sizes.h"

namespace lightmamba::accel {

// The memory ports of the core. On a board a port reaches the bank that it is connected to.
enum class MemoryPort : std::uint8_t {
  parameters,  // and the embedding
  conv_state,  // and the logits
  ssm_state,   // one for each state channel
  weights,     // one for each weight channel
};

// Memory of the device and the host's view of it. A sync copies the bytes from one to the other.
struct DeviceBuffer {
  std::uint64_t address = 0;  // for the core; a multiple of kRegionAlignment
  std::span<std::byte> host;
};

enum class Sync : std::uint8_t { to_device, from_device };

// Every function throws Error if the device fails.
class Device {
 public:
  using Duration = std::chrono::nanoseconds;

  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  // The size of its core.
  virtual const Hardware& core() const = 0;

  // Stops the core and clears its registers. Memory keeps its contents.
  virtual void reset() = 0;
  // Read and write a register, by its offset.
  virtual std::uint32_t read32(std::uint32_t offset) = 0;
  virtual void write32(std::uint32_t offset, std::uint32_t value) = 0;

  // Returns memory that exists as long as the device. Its contents are undefined.
  virtual DeviceBuffer allocate(MemoryPort port, int channel, std::size_t bytes) = 0;
  virtual void sync(const DeviceBuffer& buffer, Sync direction) = 0;
  // Returns the address of bytes that the core reads and nobody writes; they must outlive the
  // device. A device that reads the memory of the host need not copy them.
  virtual std::uint64_t upload(MemoryPort port, int channel, std::span<const std::byte> bytes);

  // Waits until the core interrupts, or for `limit`, where 0 means no limit. Returns whether it
  // interrupts.
  virtual bool wait_for_interrupt(Duration limit);
  // A clock for limits.
  virtual Duration now() const;
};

}  // namespace lightmamba::accel
