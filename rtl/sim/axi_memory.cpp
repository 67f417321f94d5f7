#include "axi_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <utility>

#include "base/fail.h"

namespace lightmamba::accel {
namespace {

constexpr int kMaxBytes = 128;
constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kKeptErrors = 100;
constexpr std::byte kNothing[kMaxBytes] = {};

bool is_port_width(int bytes) {
  return bytes >= 1 && bytes <= kMaxBytes && std::has_single_bit(static_cast<unsigned>(bytes));
}

void require_port_width(const std::string& name, int bytes) {
  if (!is_port_width(bytes)) {
    fail("AXI port {}: width is {} bytes, expected a power of two up to {}", name, bytes,
         kMaxBytes);
  }
}

std::uint8_t size_of_width(int bytes) {
  return static_cast<std::uint8_t>(std::countr_zero(static_cast<unsigned>(bytes)));
}

std::uint64_t unsigned_of(int count) { return static_cast<std::uint64_t>(count); }

std::string access_text(std::string_view name, const char* channel, std::uint64_t address,
                        int beats) {
  return fmt::format("{} {}: {} beats at {:#x}", name, channel, beats, address);
}

// Adds what a cycle brings; what is not used is lost, but for a word of the widest port.
void refill(double& credit, double per_cycle, int widest) {
  credit = std::min(credit + per_cycle, per_cycle + widest);
}

}  // namespace

AxiMemory::AxiMemory(const AxiMemoryOptions& options) : options_(options), random_(options.seed) {
  if (options.latency < 1) fail("AXI memory: latency is {}, expected at least 1", options.latency);
  if (options.outstanding < 1) {
    fail("AXI memory: outstanding is {}, expected at least 1", options.outstanding);
  }
  if (options.stall_percent < 0 || options.stall_percent > 99) {
    fail("AXI memory: stall_percent is {}, expected 0 to 99", options.stall_percent);
  }
}

void AxiMemory::add_read_only(std::uint64_t address, std::span<const std::byte> bytes) {
  add_region({address, bytes.size(), bytes.data(), nullptr});
}

void AxiMemory::add_writable(std::uint64_t address, std::span<std::byte> bytes) {
  add_region({address, bytes.size(), bytes.data(), bytes.data()});
}

void AxiMemory::add_region(const Region& region) {
  for (const Region& other : regions_) {
    if (region.address < other.address + other.bytes &&
        other.address < region.address + region.bytes) {
      fail("AXI memory: the region at {:#x} overlaps that at {:#x}", region.address, other.address);
    }
  }
  regions_.push_back(region);
}

AxiReadPort& AxiMemory::add_read_port(std::string name, int bytes) {
  require_port_width(name, bytes);
  readers_.push_back({{}, std::move(name), bytes, Bursts(options_.outstanding), {}});
  Reader& reader = readers_.back();
  reader.port.ar_size = size_of_width(bytes);
  channels_.push_back({&reader, nullptr});
  widest_ = std::max(widest_, bytes);
  return reader.port;
}

AxiWritePort& AxiMemory::add_write_port(std::string name, int bytes) {
  require_port_width(name, bytes);
  writers_.push_back({{}, std::move(name), bytes, Bursts(options_.outstanding), {}});
  Writer& writer = writers_.back();
  writer.port.aw_size = size_of_width(bytes);
  channels_.push_back({nullptr, &writer});
  widest_ = std::max(widest_, bytes);
  return writer.port;
}

void AxiMemory::cycle() {
  for (Reader& reader : readers_) take(reader);
  for (Writer& writer : writers_) take(writer);
  grant_beats();
  for (Reader& reader : readers_) offer(reader);
  for (Writer& writer : writers_) offer(writer);
  ++now_;
}

void AxiMemory::reset() {
  for (Reader& reader : readers_) {
    reader.bursts.clear();
    reader.waiting = {};
    reader.port.ar_ready = false;
    reader.port.r_valid = false;
  }
  for (Writer& writer : writers_) {
    writer.bursts.clear();
    writer.waiting = {};
    writer.is_word_waiting = false;
    writer.is_granted = false;
    writer.filled = 0;
    writer.port.aw_ready = false;
    writer.port.w_ready = false;
    writer.port.b_valid = false;
  }
}

std::int64_t AxiMemory::bytes_read() const {
  std::int64_t bytes = 0;
  for (const Reader& reader : readers_) bytes += reader.bytes;
  return bytes;
}

std::int64_t AxiMemory::bytes_written() const {
  std::int64_t bytes = 0;
  for (const Writer& writer : writers_) bytes += writer.bytes;
  return bytes;
}

bool AxiMemory::is_idle() const {
  return std::ranges::all_of(readers_, [](const Reader& r) { return r.bursts.size() == 0; }) &&
         std::ranges::all_of(writers_, [](const Writer& w) { return w.bursts.size() == 0; });
}

// What the unit and the port have agreed on in this cycle.
void AxiMemory::take(Reader& reader) {
  AxiReadPort& port = reader.port;
  if (port.r_valid && port.r_ready) {
    port.r_valid = false;
    reader.bytes += reader.width;
    Burst& burst = reader.bursts[0];
    if (++burst.done == burst.beats) reader.bursts.pop();
  }
  const Request request{port.ar_address, port.ar_length + 1, port.ar_size, port.ar_burst};
  check_waiting(reader.name, "AR", reader.waiting, port.ar_valid, port.ar_ready, request);
  if (port.ar_valid && port.ar_ready) {
    const Burst burst = checked(reader.name, "AR", request, reader.width, false);
    check_order(reader, burst);
    reader.bursts.push(burst);
  }
}

void AxiMemory::take(Writer& writer) {
  AxiWritePort& port = writer.port;
  if (port.b_valid && port.b_ready) {
    port.b_valid = false;
    writer.bursts.pop();
    --writer.filled;
  }
  if (port.w_valid && port.w_ready) take_word(writer);
  if (writer.is_word_waiting && !port.w_valid) {
    report(fmt::format("{} W: valid fell before ready", writer.name));
  }
  writer.is_word_waiting = port.w_valid && !port.w_ready;
  const Request request{port.aw_address, port.aw_length + 1, port.aw_size, port.aw_burst};
  check_waiting(writer.name, "AW", writer.waiting, port.aw_valid, port.aw_ready, request);
  if (port.aw_valid && port.aw_ready) {
    const Burst burst = checked(writer.name, "AW", request, writer.width, true);
    check_order(writer, burst);
    writer.bursts.push(burst);
  }
}

void AxiMemory::take_word(Writer& writer) {
  const AxiWritePort& port = writer.port;
  Burst& burst = writer.bursts[writer.filled];
  writer.is_granted = false;
  writer.bytes += writer.width;
  if (burst.target != nullptr) {
    const auto width = static_cast<std::size_t>(writer.width);
    std::memcpy(burst.target + static_cast<std::size_t>(burst.done) * width, port.w_data, width);
  }
  ++burst.done;
  const bool is_last = burst.done == burst.beats;
  if (port.w_last != is_last) {
    report(fmt::format("{}: last is {} in beat {}",
                       access_text(writer.name, "W", burst.address, burst.beats), port.w_last,
                       burst.done - 1));
  }
  if (is_last) {
    ++writer.filled;
    burst.due = now_ + options_.latency;
  }
}

// Whether there is a beat that may go in the next cycle.
bool AxiMemory::wants(const Reader& reader) {
  const bool has_credit = options_.bytes_per_port_cycle <= 0 || reader.credit >= reader.width;
  return !reader.port.r_valid && reader.bursts.size() != 0 && reader.bursts[0].due <= now_ + 1 &&
         has_credit && !stalls();
}

bool AxiMemory::wants(const Writer& writer) {
  const bool has_credit = options_.bytes_per_port_cycle <= 0 || writer.credit >= writer.width;
  return !writer.is_granted && writer.bursts.size() > writer.filled && has_credit && !stalls();
}

void AxiMemory::grant(Reader& reader) {
  const Burst& burst = reader.bursts[0];
  const auto offset = static_cast<std::size_t>(burst.done) * static_cast<std::size_t>(reader.width);
  AxiReadPort& port = reader.port;
  port.r_valid = true;
  port.r_data = burst.source == nullptr ? kNothing : burst.source + offset;
  port.r_response = burst.source == nullptr ? kAxiSlaveError : kAxiOkay;
  port.r_last = burst.done + 1 == burst.beats;
  reader.credit -= reader.width;
}

void AxiMemory::grant(Writer& writer) {
  writer.is_granted = true;
  writer.credit -= writer.width;
}

// Serves the ports in turn, as far as the bandwidth allows. The first port that must wait is the
// first one in the next cycle.
void AxiMemory::grant_beats() {
  const bool is_limited = options_.bytes_per_cycle > 0;
  if (is_limited) refill(credit_, options_.bytes_per_cycle, widest_);
  if (options_.bytes_per_port_cycle > 0) {
    for (Reader& r : readers_) refill(r.credit, options_.bytes_per_port_cycle, r.width);
    for (Writer& w : writers_) refill(w.credit, options_.bytes_per_port_cycle, w.width);
  }
  const std::size_t count = channels_.size();
  std::size_t next = first_channel_;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = next;
    const auto [reader, writer] = channels_[at];
    next = at + 1 == count ? 0 : at + 1;
    if (reader != nullptr ? !wants(*reader) : !wants(*writer)) continue;
    const int width = reader != nullptr ? reader->width : writer->width;
    if (is_limited && credit_ < width) {
      first_channel_ = at;
      return;
    }
    credit_ -= width;
    if (reader != nullptr) {
      grant(*reader);
    } else {
      grant(*writer);
    }
    first_channel_ = next;
  }
}

void AxiMemory::offer(Reader& reader) {
  reader.port.ar_ready = reader.bursts.has_room() && !stalls();
}

void AxiMemory::offer(Writer& writer) {
  AxiWritePort& port = writer.port;
  port.aw_ready = writer.bursts.has_room() && !stalls();
  port.w_ready = writer.is_granted && !stalls();
  if (!port.b_valid && writer.filled != 0 && writer.bursts[0].due <= now_ + 1 && !stalls()) {
    port.b_valid = true;
    port.b_response = writer.bursts[0].target == nullptr ? kAxiSlaveError : kAxiOkay;
  }
}

AxiMemory::Burst AxiMemory::checked(std::string_view name, const char* channel,
                                    const Request& request, int width, bool is_write) {
  const std::uint64_t address = request.address;
  const std::uint64_t bytes = unsigned_of(request.beats * width);
  Burst burst{address, request.beats, 0, nullptr, nullptr, now_ + options_.latency};
  const auto refuse = [&](std::string_view reason) {
    report(fmt::format("{}: {}", access_text(name, channel, address, request.beats), reason));
    return burst;
  };
  if (request.size != size_of_width(width)) {
    return refuse(fmt::format("beats of {} bytes at a port of {}", 1 << request.size, width));
  }
  if (request.burst != 1) return refuse("the burst does not increment");
  if (address % unsigned_of(width) != 0) {
    return refuse(fmt::format("the address is no multiple of {}", width));
  }
  if (address / kPage != (address + bytes - 1) / kPage) return refuse("crosses 4 KiB");
  const Region* region = region_of(address, bytes);
  if (region == nullptr) return refuse("outside of all regions");
  if (is_write && region->writable == nullptr) return refuse("the region may not be written");
  burst.source = region->data + (address - region->address);
  if (is_write) burst.target = region->writable + (address - region->address);
  return burst;
}

const AxiMemory::Region* AxiMemory::region_of(std::uint64_t address, std::uint64_t bytes) const {
  for (const Region& region : regions_) {
    if (address >= region.address && address - region.address < region.bytes &&
        bytes <= region.bytes - (address - region.address)) {
      return &region;
    }
  }
  return nullptr;
}

void AxiMemory::check_waiting(std::string_view name, const char* channel, Waiting& waiting,
                              bool is_valid, bool is_ready, const Request& request) {
  if (waiting.is_waiting &&
      (!is_valid || request.address != waiting.address || request.beats != waiting.beats)) {
    report(fmt::format("{}: changed before ready",
                       access_text(name, channel, waiting.address, waiting.beats)));
  }
  waiting = {is_valid && !is_ready, request.address, request.beats};
}

// What reads now may see the bytes before or after a write whose response has not been taken.
void AxiMemory::check_order(const Reader& reader, const Burst& burst) {
  for (const Writer& writer : writers_) {
    for (int i = 0; i < writer.bursts.size(); ++i) {
      if (overlap(burst, reader.width, writer.bursts[i], 0, writer.width)) {
        report(fmt::format("{}: is still written by {}",
                           access_text(reader.name, "AR", burst.address, burst.beats),
                           writer.name));
      }
    }
  }
}

// What writes now may come before what another port still writes, or before beats that are read.
void AxiMemory::check_order(const Writer& writer, const Burst& burst) {
  const auto report_one = [&](const char* verb, const std::string& name) {
    report(fmt::format("{}: is still {} by {}",
                       access_text(writer.name, "AW", burst.address, burst.beats), verb, name));
  };
  for (const Reader& reader : readers_) {
    for (int i = 0; i < reader.bursts.size(); ++i) {
      const Burst& other = reader.bursts[i];
      if (overlap(burst, writer.width, other, other.done, reader.width)) {
        report_one("read", reader.name);
      }
    }
  }
  for (const Writer& other : writers_) {
    if (&other == &writer) continue;
    for (int i = 0; i < other.bursts.size(); ++i) {
      if (overlap(burst, writer.width, other.bursts[i], 0, other.width)) {
        report_one("written", other.name);
      }
    }
  }
}

// Whether a burst has bytes of another's beats from `from` on. What is refused has none.
bool AxiMemory::overlap(const Burst& a, int a_width, const Burst& b, int from, int b_width) {
  if (a.source == nullptr || b.source == nullptr) return false;
  const std::uint64_t a_end = a.address + unsigned_of(a.beats * a_width);
  const std::uint64_t b_end = b.address + unsigned_of(b.beats * b_width);
  return a.address < b_end && b.address + unsigned_of(from * b_width) < a_end;
}

void AxiMemory::report(std::string text) {
  ++error_count_;
  if (errors_.size() < kKeptErrors) {
    errors_.push_back(fmt::format("cycle {}: {}", now_, std::move(text)));
  }
}

// SplitMix64.
bool AxiMemory::stalls() {
  if (options_.stall_percent == 0) return false;
  std::uint64_t x = random_ += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  x ^= x >> 31;
  return (x >> 32) * 100 >> 32 < unsigned_of(options_.stall_percent);
}

}  // namespace lightmamba::accel
