// Memory behind AXI ports, cycle by cycle, for simulations of the hardware.
//
//   copy the outputs of all ports to the unit; settle; copy its signals to the inputs of the ports;
//   memory.cycle(); rise.
//
// An access that no memory allows is answered with SLVERR and kept as a text in errors().
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lightmamba::accel {

inline constexpr std::uint8_t kAxiOkay = 0;
inline constexpr std::uint8_t kAxiSlaveError = 2;

struct AxiReadPort {
  // What the unit drives. Size and burst need to be set only where the unit has such ports.
  bool ar_valid = false;
  std::uint64_t ar_address = 0;
  std::uint8_t ar_length = 0;  // beats - 1
  std::uint8_t ar_size = 0;    // log2 of bytes; add_read_port sets that of the port
  std::uint8_t ar_burst = 1;   // incrementing
  bool r_ready = false;
  // What the memory drives.
  bool ar_ready = false;
  bool r_valid = false;
  const std::byte* r_data = nullptr;  // as many bytes as the port has, where r_valid
  std::uint8_t r_response = kAxiOkay;
  bool r_last = false;
};

struct AxiWritePort {
  // What the unit drives. All bytes of a word are written.
  bool aw_valid = false;
  std::uint64_t aw_address = 0;
  std::uint8_t aw_length = 0;
  std::uint8_t aw_size = 0;
  std::uint8_t aw_burst = 1;
  bool w_valid = false;
  const std::byte* w_data = nullptr;  // as many bytes as the port has, where w_valid
  bool w_last = false;
  bool b_ready = false;
  // What the memory drives.
  bool aw_ready = false;
  bool w_ready = false;
  bool b_valid = false;
  std::uint8_t b_response = kAxiOkay;
};

struct AxiMemoryOptions {
  int latency =
      100;  // cycles from an address to its first data, and from the last data to the response
  double bytes_per_cycle = 0;       // limit of all ports together, reads and writes; 0 means none
  double bytes_per_port_cycle = 0;  // limit of each port
  int stall_percent = 0;            // percentage of cycles, on each channel
  int outstanding = 64;             // bursts of a port at most, before AR or AW waits
  std::uint64_t seed = 1;
};

class AxiMemory {
 public:
  explicit AxiMemory(const AxiMemoryOptions& options);

  // Adds bytes that are read, or also written, at an address. They must outlive the memory.
  void add_read_only(std::uint64_t address, std::span<const std::byte> bytes);
  void add_writable(std::uint64_t address, std::span<std::byte> bytes);

  // Ports stay where they are. Bytes is the width: a power of two up to 128.
  AxiReadPort& add_read_port(std::string name, int bytes);
  AxiWritePort& add_write_port(std::string name, int bytes);

  void cycle();
  // Forgets what is on its way, as a reset does. What has been written stays, and so do errors and
  // counts.
  void reset();

  // The first 100 errors, and how many there were. Besides forbidden accesses they are valids that
  // fall before ready, a last that is not where the length says, and bursts whose order is
  // undefined: one that writes what another still reads or writes, or reads what is still written.
  const std::vector<std::string>& errors() const { return errors_; }
  std::int64_t error_count() const { return error_count_; }

  // Bytes that have gone through a port, in the order in which ports were added; of all.
  std::int64_t bytes_read(std::size_t port) const { return readers_[port].bytes; }
  std::int64_t bytes_written(std::size_t port) const { return writers_[port].bytes; }
  std::int64_t bytes_read() const;
  std::int64_t bytes_written() const;
  std::int64_t cycles() const { return now_; }
  bool is_idle() const;  // nothing is on its way

 private:
  struct Region {
    std::uint64_t address;
    std::uint64_t bytes;
    const std::byte* data;
    std::byte* writable;  // null where it may not be written
  };

  struct Request {
    std::uint64_t address;
    int beats;
    int size;
    int burst;
  };

  struct Burst {
    std::uint64_t address;
    int beats;
    int done;                 // beats that have gone
    const std::byte* source;  // null in a burst that is refused
    std::byte* target;
    std::int64_t due;  // the first cycle in which data or the response may be seen
  };

  // Bursts in order. There is room for all that may be outstanding.
  class Bursts {
   public:
    explicit Bursts(int room) : slots_(static_cast<std::size_t>(room)) {}
    int size() const { return size_; }
    bool has_room() const { return size_ < static_cast<int>(slots_.size()); }
    Burst& operator[](int i) { return slots_[at(i)]; }
    const Burst& operator[](int i) const { return slots_[at(i)]; }
    void push(const Burst& burst) { slots_[at(size_++)] = burst; }
    void pop() {
      first_ = at(1);
      --size_;
    }
    void clear() { size_ = 0; }

   private:
    std::size_t at(int i) const {
      const std::size_t place = first_ + static_cast<std::size_t>(i);
      return place < slots_.size() ? place : place - slots_.size();
    }
    std::vector<Burst> slots_;
    std::size_t first_ = 0;
    int size_ = 0;
  };

  // A channel of addresses as it was when its wait began.
  struct Waiting {
    bool is_waiting = false;
    std::uint64_t address = 0;
    int beats = 0;
  };

  struct Reader {
    AxiReadPort port;
    std::string name;
    int width;
    Bursts bursts;
    Waiting waiting;
    double credit = 0;  // bytes, of the port's own limit
    std::int64_t bytes = 0;
  };

  struct Writer {
    AxiWritePort port;
    std::string name;
    int width;
    Bursts bursts;
    Waiting waiting;
    bool is_word_waiting = false;
    bool is_granted = false;  // the next word may come
    int filled = 0;           // bursts that have all of their words
    double credit = 0;
    std::int64_t bytes = 0;
  };

  // One of the channels that share the bandwidth.
  struct Channel {
    Reader* reader;
    Writer* writer;
  };

  void add_region(const Region& region);
  void take(Reader& reader);
  void take(Writer& writer);
  void take_word(Writer& writer);
  bool wants(const Reader& reader);
  bool wants(const Writer& writer);
  void grant(Reader& reader);
  void grant(Writer& writer);
  void grant_beats();
  void offer(Reader& reader);
  void offer(Writer& writer);

  Burst checked(std::string_view name, const char* channel, const Request& request, int width,
                bool is_write);
  const Region* region_of(std::uint64_t address, std::uint64_t bytes) const;
  void check_waiting(std::string_view name, const char* channel, Waiting& waiting, bool is_valid,
                     bool is_ready, const Request& request);
  void check_order(const Reader& reader, const Burst& burst);
  void check_order(const Writer& writer, const Burst& burst);
  static bool overlap(const Burst& a, int a_width, const Burst& b, int from, int b_width);
  void report(std::string text);
  bool stalls();

  AxiMemoryOptions options_;
  std::vector<Region> regions_;
  std::deque<Reader> readers_;
  std::deque<Writer> writers_;
  std::vector<Channel> channels_;
  std::size_t first_channel_ = 0;  // the one whose turn is next
  double credit_ = 0;
  int widest_ = 0;
  std::int64_t now_ = 0;
  std::uint64_t random_;
  std::vector<std::string> errors_;
  std::int64_t error_count_ = 0;
};

}  // namespace lightmamba::accel
