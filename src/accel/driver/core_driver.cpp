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

void check_aligned(std::string_view name, int channel, std::uint64_t address) {
  if (address % kRegionAlignment != 0) {
    fail("the device places {} {} at {:#x}, which is no multiple of {}", name, channel, address,
         kRegionAlignment);
  }
}

}  // namespace

CoreDriver::CoreDriver(Image image, Device& device, const DriverOptions& options)
    : image_(std::move(image)), device_(device), options_(options) {
  check_fits(image_, device_.core());
  check_image(image_);
  const auto upload = [&](const Register& to, MemoryPort port, int channel, const Region& region) {
    const std::uint64_t address = device_.upload(port, channel, region.bytes);
    check_aligned(to.name, channel, address);
    addresses_.emplace_back(to.at(channel), address);
  };
  upload(register_named("PARAMETERS"), MemoryPort::parameters, 0, image_.parameters);
  upload(register_named("EMBEDDING"), MemoryPort::parameters, 0, image_.embedding);
  logits_ = allocate("LOGITS", MemoryPort::conv_state, 0, image_.layout().logit_bytes);
  addresses_.emplace_back(register_named("LOGITS").offset, logits_.address);
  for (int c = 0; c < image_.hardware.weight_channels; ++c) {
    upload(register_named("WEIGHTS"), MemoryPort::weights, c, image_.weights[at(c)]);
  }
  take_sequence();
  reset();
}

DeviceBuffer CoreDriver::allocate(std::string_view name, MemoryPort port, int channel,
                                  std::int64_t bytes) {
  const DeviceBuffer buffer = device_.allocate(port, channel, at(bytes));
  check_aligned(name, channel, buffer.address);
  return buffer;
}

void CoreDriver::write_address(std::uint32_t offset, std::uint64_t address) {
  device_.write32(offset, static_cast<std::uint32_t>(address));
  device_.write32(offset + 4, static_cast<std::uint32_t>(address >> 32));
}

void CoreDriver::reset() {
  device_.reset();
  for (SequenceMemory& each : sequences_) each.is_open = false;
  take_sequence();
  restore(GoldenState(image_.config));
  selected_.reset();
  for (const auto& [offset, address] : addresses_) write_address(offset, address);
  if (options_.use_interrupt) {
    device_.write32(kEnable.offset, register_bit("ENABLE", "DONE"));
    device_.write32(kGlobalEnable.offset, 1);
  }
}

// Returns the first sequence that is not open; its memory holds what it did.
SequenceId CoreDriver::take_sequence() {
  const auto found = std::find_if(sequences_.begin(), sequences_.end(),
                                  [](const SequenceMemory& each) { return !each.is_open; });
  if (found != sequences_.end()) {
    found->is_open = true;
    return static_cast<SequenceId>(found - sequences_.begin());
  }
  const ImageLayout layout = image_.layout();
  SequenceMemory memory = {
      .conv = allocate("CONV_STATE", MemoryPort::conv_state, 0, layout.conv_state_bytes),
      .ssm = {},
      .is_open = true};
  for (int c = 0; c < image_.hardware.state_channels; ++c) {
    memory.ssm.push_back(allocate("SSM_STATE", MemoryPort::ssm_state, c, layout.ssm_state_bytes));
  }
  sequences_.push_back(std::move(memory));
  return static_cast<SequenceId>(sequences_.size() - 1);
}

SequenceId CoreDriver::open() {
  return open_with([&](SequenceId sequence) { restore(GoldenState(image_.config), sequence); });
}

// Opens a sequence whose state `fill` writes.
SequenceId CoreDriver::open_with(const std::function<void(SequenceId)>& fill) {
  const SequenceId sequence = take_sequence();
  try {
    fill(sequence);
  } catch (...) {
    sequences_[at(sequence)].is_open = false;
    throw;
  }
  return sequence;
}

SequenceId CoreDriver::open_copy(SequenceId sequence) {
  at_sequence(sequence);
  return open_with([&](SequenceId copy) { copy_state(sequence, copy); });
}

void CoreDriver::copy_state(SequenceId sequence, SequenceId copy) {
  const SequenceMemory& from = at_sequence(sequence);
  SequenceMemory& to = at_sequence(copy);
  const auto copy_bytes = [&](const DeviceBuffer& source, const DeviceBuffer& target) {
    device_.sync(source, Sync::from_device);
    std::copy(source.host.begin(), source.host.end(), target.host.begin());
    device_.sync(target, Sync::to_device);
  };
  copy_bytes(from.conv, to.conv);
  for (std::size_t c = 0; c < from.ssm.size(); ++c) copy_bytes(from.ssm[c], to.ssm[c]);
  to.position = from.position;
}

void CoreDriver::close(SequenceId sequence) {
  if (sequence == kFirstSequence) fail("the first sequence cannot be closed");
  at_sequence(sequence).is_open = false;
}

bool CoreDriver::exists(SequenceId sequence) const {
  return sequence >= 0 && sequence < std::ssize(sequences_) && sequences_[at(sequence)].is_open;
}

const CoreDriver::SequenceMemory& CoreDriver::at_sequence(SequenceId sequence) const {
  if (!exists(sequence)) fail("there is no sequence {}", sequence);
  return sequences_[at(sequence)];
}

CoreDriver::SequenceMemory& CoreDriver::at_sequence(SequenceId sequence) {
  return const_cast<SequenceMemory&>(std::as_const(*this).at_sequence(sequence));
}

GoldenState CoreDriver::state(SequenceId sequence) const {
  const SequenceMemory& memory = at_sequence(sequence);
  const auto bytes_of = [&](const DeviceBuffer& buffer) {
    device_.sync(buffer, Sync::from_device);
    return std::vector<std::byte>(buffer.host.begin(), buffer.host.end());
  };
  ImageState bytes;
  bytes.conv = bytes_of(memory.conv);
  for (const DeviceBuffer& channel : memory.ssm) bytes.ssm.push_back(bytes_of(channel));
  return from_image_state(bytes, memory.position, image_.config, image_.state_bits, image_.hardware,
                          image_.order);
}

void CoreDriver::restore(const GoldenState& state, SequenceId sequence) {
  SequenceMemory& memory = at_sequence(sequence);
  const ImageState bytes =
      to_image_state(state, image_.config, image_.state_bits, image_.hardware, image_.order);
  const auto put = [&](const DeviceBuffer& buffer, const std::vector<std::byte>& from) {
    std::copy(from.begin(), from.end(), buffer.host.begin());
    device_.sync(buffer, Sync::to_device);
  };
  put(memory.conv, bytes.conv);
  for (std::size_t c = 0; c < memory.ssm.size(); ++c) put(memory.ssm[c], bytes.ssm[c]);
  memory.position = state.position;
}

// Lets the registers have the addresses of a sequence.
void CoreDriver::select(SequenceId sequence) {
  if (selected_ == sequence) return;
  const SequenceMemory& memory = at_sequence(sequence);
  selected_.reset();  // until all are written
  write_address(register_named("CONV_STATE").offset, memory.conv.address);
  for (std::size_t c = 0; c < memory.ssm.size(); ++c) {
    write_address(register_named("SSM_STATE").at(static_cast<int>(c)), memory.ssm[c].address);
  }
  selected_ = sequence;
}

StepResult CoreDriver::step(const Slot& slot) {
  check_slots({&slot, 1}, 1, image_.config, [&](SequenceId each) { return exists(each); });
  start(slot);
  wait();
  check_errors();
  StepResult result = answer(slot.output);
  ++at_sequence(slot.sequence).position;
  return result;
}

void CoreDriver::start(const Slot& slot) {
  const std::uint32_t control = device_.read32(kControl.offset);
  if ((control & kDone) != 0) fail("the core has answered a token that was not started");
  if ((control & kIdle) == 0) fail("the core is busy with a token that has no answer yet");
  select(slot.sequence);
  std::uint32_t flags = 0;
  if (slot.output != Output::none) flags |= register_bit("FLAGS", "HEAD");
  if (slot.output == Output::logits) {
    flags |= register_bit("FLAGS", "LOGITS");
    std::fill(logits_.host.begin(), logits_.host.end(), kNotWritten);
    device_.sync(logits_, Sync::to_device);
  }
  device_.write32(register_named("TOKEN").offset, static_cast<std::uint32_t>(slot.token));
  device_.write32(register_named("POSITION").offset,
                  static_cast<std::uint32_t>(at_sequence(slot.sequence).position));
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
      at_sequence(*selected_).position,
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.time_limit).count(), control);
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
