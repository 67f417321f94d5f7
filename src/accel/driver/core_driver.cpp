#include "accel/driver/core_driver.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>

#include "accel/hardware/registers.h"
#include "accel/image/check_image.h"
#include "accel/image/image_state.h"
#include "base/fail.h"
#include "base/index.h"
#include "model/forward.h"

namespace lightmamba::accel {
namespace {

constexpr Register kControl = register_named("CONTROL");
constexpr Register kGlobalEnable = register_named("GLOBAL_ENABLE");
constexpr Register kEnable = register_named("ENABLE");
constexpr Register kStatus = register_named("STATUS");
constexpr Register kErrors = register_named("ERRORS");
constexpr std::uint32_t kDone = register_bit("CONTROL", "DONE");
constexpr std::uint32_t kIdle = register_bit("CONTROL", "IDLE");

static_assert(register_named("COUNTERS").count == std::ssize(kCounters));

// Logits that no core writes, so that missing ones are noticed.
constexpr std::byte kNotWritten{0x55};

void check_fits(const Image& image, const Hardware& core) {
  if (!have_same_layout(image.hardware, core)) {
    fail("the image is for a core of the size {}, the device has {}", image.hardware.name,
         core.name);
  }
  const Mamba2Config& c = image.config;
  const std::int64_t m = image.hadamard_m;
  if (const auto reason = does_not_fit(c, m, m > 0 ? c.d_inner / m : 0)) {
    fail("the model does not fit the core: {}", *reason);
  }
  if (image.order != core.row_order) {
    fail("the core {} runs rows in the order '{}', not '{}'", core.name,
         row_order_name(core.row_order), row_order_name(image.order));
  }
  if (image.order == RowOrder::checkpoint && c.d_inner > core.queue_depth) {
    fail("rows in the order of the checkpoint need queues of {} channels, the core {} has {}",
         c.d_inner, core.name, core.queue_depth);
  }
}

std::string error_names(std::uint32_t errors) {
  std::vector<std::string> names;
  for (const RegisterBit& each : kRegisterBits) {
    if (each.of != kErrors.name || (errors >> each.bit & 1) == 0) continue;
    names.emplace_back(each.meaning);
    errors &= ~(std::uint32_t{1} << each.bit);
  }
  if (errors != 0) names.push_back(fmt::format("{:#x}, which is not known", errors));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

CoreDriver::CoreDriver(Image image, Device& device, const DriverOptions& options)
    : image_(std::move(image)), device_(device), options_(options) {
  check_fits(image_, device_.core());
  check_image(image_);
  const ImageLayout layout = image_.layout();
  const auto upload = [&](const Register& to, MemoryPort port, int channel, const Region& region) {
    place(to, channel, device_.upload(port, channel, region.bytes));
  };
  const auto allocate = [&](const Register& to, MemoryPort port, int channel, std::int64_t bytes) {
    const DeviceBuffer buffer = device_.allocate(port, channel, at(bytes));
    place(to, channel, buffer.address);
    return buffer;
  };
  upload(register_named("PARAMETERS"), MemoryPort::parameters, 0, image_.parameters);
  upload(register_named("EMBEDDING"), MemoryPort::parameters, 0, image_.embedding);
  conv_ =
      allocate(register_named("CONV_STATE"), MemoryPort::conv_state, 0, layout.conv_state_bytes);
  logits_ = allocate(register_named("LOGITS"), MemoryPort::conv_state, 0, layout.logit_bytes);
  for (int c = 0; c < image_.hardware.state_channels; ++c) {
    ssm_.push_back(
        allocate(register_named("SSM_STATE"), MemoryPort::ssm_state, c, layout.ssm_state_bytes));
  }
  for (int c = 0; c < image_.hardware.weight_channels; ++c) {
    upload(register_named("WEIGHTS"), MemoryPort::weights, c, image_.weights[at(c)]);
  }
  reset();
}

void CoreDriver::place(const Register& to, int channel, std::uint64_t address) {
  if (address % kRegionAlignment != 0) {
    fail("the device places {} {} at {:#x}, which is no multiple of {}", to.name, channel, address,
         kRegionAlignment);
  }
  addresses_.push_back({to.at(channel), address});
}

void CoreDriver::reset() {
  device_.reset();
  restore(GoldenState(image_.config));
  for (const auto& [offset, address] : addresses_) {
    device_.write32(offset, static_cast<std::uint32_t>(address));
    device_.write32(offset + 4, static_cast<std::uint32_t>(address >> 32));
  }
  if (options_.use_interrupt) {
    device_.write32(kEnable.offset, register_bit("ENABLE", "DONE"));
    device_.write32(kGlobalEnable.offset, 1);
  }
}

GoldenState CoreDriver::state() const {
  const auto bytes_of = [&](const DeviceBuffer& buffer) {
    device_.sync(buffer, Sync::from_device);
    return std::vector<std::byte>(buffer.host.begin(), buffer.host.end());
  };
  ImageState bytes;
  bytes.conv = bytes_of(conv_);
  for (const DeviceBuffer& channel : ssm_) bytes.ssm.push_back(bytes_of(channel));
  return from_image_state(bytes, position_, image_.config, image_.state_bits, image_.hardware,
                          image_.order);
}

void CoreDriver::restore(const GoldenState& state) {
  const ImageState bytes =
      to_image_state(state, image_.config, image_.state_bits, image_.hardware, image_.order);
  const auto put = [&](const DeviceBuffer& buffer, const std::vector<std::byte>& from) {
    std::copy(from.begin(), from.end(), buffer.host.begin());
    device_.sync(buffer, Sync::to_device);
  };
  put(conv_, bytes.conv);
  for (std::size_t c = 0; c < ssm_.size(); ++c) put(ssm_[c], bytes.ssm[c]);
  position_ = state.position;
}

StepResult CoreDriver::step(TokenId token, Output output) {
  check_tokens(image_.config, {&token, 1});
  start(token, output);
  wait();
  check_errors();
  StepResult result = answer(output);
  ++position_;
  return result;
}

void CoreDriver::start(TokenId token, Output output) {
  const std::uint32_t control = device_.read32(kControl.offset);
  if ((control & kDone) != 0) fail("the core has answered a token that was not started");
  if ((control & kIdle) == 0) fail("the core is busy with a token that has no answer yet");
  std::uint32_t flags = 0;
  if (output != Output::none) flags |= register_bit("FLAGS", "HEAD");
  if (output == Output::logits) {
    flags |= register_bit("FLAGS", "LOGITS");
    std::fill(logits_.host.begin(), logits_.host.end(), kNotWritten);
    device_.sync(logits_, Sync::to_device);
  }
  device_.write32(register_named("TOKEN").offset, static_cast<std::uint32_t>(token));
  device_.write32(register_named("POSITION").offset, static_cast<std::uint32_t>(position_));
  device_.write32(register_named("FLAGS").offset, flags);
  device_.write32(kControl.offset, register_bit("CONTROL", "START"));
}

void CoreDriver::wait() {
  if (options_.use_interrupt) {
    wait_for_interrupt();
    return;
  }
  const Device::Duration begin = device_.now();
  std::uint32_t control = device_.read32(kControl.offset);
  while ((control & kDone) == 0) {
    if (options_.time_limit.count() > 0 && device_.now() - begin >= options_.time_limit) {
      fail_late(control);
    }
    control = device_.read32(kControl.offset);
  }
}

void CoreDriver::wait_for_interrupt() {
  const bool has_come = device_.wait_for_interrupt(options_.time_limit);
  const std::uint32_t control = device_.read32(kControl.offset);
  if (!has_come) {
    if ((control & kDone) != 0) fail("the core has answered, but its interrupt has not come");
    fail_late(control);
  }
  if ((control & kDone) == 0) fail("the core interrupts, but has not answered");
  // The set bits are written back, which clears them.
  device_.write32(kStatus.offset, device_.read32(kStatus.offset));
}

void CoreDriver::fail_late(std::uint32_t control) const {
  fail(
      "the core has not answered the token at position {} within {} ms; its control register is "
      "{:#x}",
      position_, std::chrono::duration_cast<std::chrono::milliseconds>(options_.time_limit).count(),
      control);
}

void CoreDriver::check_errors() {
  const std::uint32_t errors = device_.read32(kErrors.offset);
  if (errors != 0) fail("the core reports {}", error_names(errors));
}

std::uint64_t CoreDriver::read64(std::uint32_t offset) {
  const std::uint64_t low = device_.read32(offset);
  return low | std::uint64_t{device_.read32(offset + 4)} << 32;
}

StepResult CoreDriver::answer(Output output) {
  StepResult result;
  if (output != Output::none) {
    const std::uint32_t token = device_.read32(register_named("NEXT_TOKEN").offset);
    if (token >= image_.config.vocab_size) {
      fail("the core answers with token {} of {}", token, image_.config.vocab_size);
    }
    result.argmax = {
        static_cast<TokenId>(token),
        static_cast<std::int32_t>(device_.read32(register_named("NEXT_LOGIT").offset))};
  }
  if (output == Output::logits) {
    device_.sync(logits_, Sync::from_device);
    result.logits.resize(at(image_.config.vocab_size));
    std::memcpy(result.logits.data(), logits_.host.data(),
                result.logits.size() * sizeof(std::int32_t));
  }
  for (std::size_t i = 0; i < kCounters.size(); ++i) {
    result.counters.*kCounters[i].counter =
        static_cast<std::int64_t>(read64(register_named("COUNTERS").at(static_cast<int>(i))));
  }
  return result;
}

}  // namespace lightmamba::accel
