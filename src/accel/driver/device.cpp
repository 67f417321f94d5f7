#include "accel/driver/device.h"

#include <algorithm>

#include "base/fail.h"

namespace lightmamba::accel {

std::uint64_t Device::upload(MemoryPort port, int channel, std::span<const std::byte> bytes) {
  const DeviceBuffer buffer = allocate(port, channel, bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer.host.begin());
  sync(buffer, Sync::to_device);
  return buffer.address;
}

bool Device::wait_for_interrupt(Duration) { fail("the device has no interrupt"); }

Device::Duration Device::now() const {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace lightmamba::accel
