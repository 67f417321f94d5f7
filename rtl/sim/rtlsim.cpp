// The whole core in simulation as a device: registers over AXI4-Lite, memory over AXI4.
#include "accel/runtime/rtlsim.h"

#include <array>
#include <cstring>
#include <deque>
#include <fmt/format.h>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "accel/driver/core_driver.h"
#include "accel/numerics/golden_model.h"
#include "accel/numerics/residual_unit.h"
#include "axi_memory.h"
#include "axi_ports.h"
#include "base/fail.h"
#include "core_probes.h"
#include "ports.h"
#include "simulated_cores.h"

namespace lightmamba::accel {
namespace {

constexpr int kParametersBytes = 16;  // width of the ports
constexpr int kConvBytes = 8;
constexpr int kResetCycles = 4;

std::uint64_t align(std::uint64_t address) {
  return (address + kRegionAlignment - 1) / kRegionAlignment * kRegionAlignment;
}

// A read and, where it has one, a write port for each channel of an interface.
struct Interface {
  std::string name;
  int bytes;  // width
  std::vector<AxiReadPort*> readers;
  std::vector<AxiWritePort*> writers;
  std::int64_t moved = 0;  // bytes

  static Interface make(AxiMemory& memory, const std::string& name, int channels, int bytes,
                        bool is_written) {
    Interface made{name, bytes, {}, {}};
    for (int c = 0; c < channels; ++c) {
      const std::string own = channels > 1 ? fmt::format("{}.{}", name, c) : name;
      made.readers.push_back(&memory.add_read_port(own, bytes));
      if (is_written) made.writers.push_back(&memory.add_write_port(own, bytes));
    }
    return made;
  }

  template <typename ArReady, typename RValid, typename RData, typename RResponse, typename RLast>
  void drive_reads(ArReady& ar_ready, RValid& r_valid, RData& r_data, RResponse& r_response,
                   RLast& r_last) const {
    for (std::size_t c = 0; c < readers.size(); ++c) {
      const AxiReadPort& port = *readers[c];
      const auto bit = static_cast<int>(c);
      set_field(ar_ready, bit, 1, port.ar_ready);
      set_field(r_valid, bit, 1, port.r_valid);
      if (!port.r_valid) continue;
      std::memcpy(bytes_of(r_data) + c * static_cast<std::size_t>(bytes), port.r_data,
                  static_cast<std::size_t>(bytes));
      set_field(r_response, 2 * bit, 2, port.r_response);
      set_field(r_last, bit, 1, port.r_last);
    }
  }

  template <typename AwReady, typename WReady, typename BValid, typename BResponse>
  void drive_writes(AwReady& aw_ready, WReady& w_ready, BValid& b_valid,
                    BResponse& b_response) const {
    for (std::size_t c = 0; c < writers.size(); ++c) {
      const AxiWritePort& port = *writers[c];
      const auto bit = static_cast<int>(c);
      set_field(aw_ready, bit, 1, port.aw_ready);
      set_field(w_ready, bit, 1, port.w_ready);
      set_field(b_valid, bit, 1, port.b_valid);
      set_field(b_response, 2 * bit, 2, port.b_response);
    }
  }

  // Both return the words that move in this cycle.
  template <typename ArValid, typename ArAddress, typename ArLength, typename RReady>
  int sample_reads(const ArValid& ar_valid, const ArAddress& ar_address, const ArLength& ar_length,
                   const RReady& r_ready) {
    int words = 0;
    for (std::size_t c = 0; c < readers.size(); ++c) {
      AxiReadPort& port = *readers[c];
      const auto bit = static_cast<int>(c);
      port.ar_valid = get_field(ar_valid, bit, 1) != 0;
      port.ar_address = get_field(ar_address, 64 * bit, 64);
      port.ar_length = static_cast<std::uint8_t>(get_field(ar_length, 8 * bit, 8));
      port.r_ready = get_field(r_ready, bit, 1) != 0;
      words += port.r_valid && port.r_ready ? 1 : 0;
    }
    moved += words * bytes;
    return words;
  }

  template <typename AwValid, typename AwAddress, typename AwLength, typename WValid,
            typename WData, typename WLast, typename BReady>
  int sample_writes(const AwValid& aw_valid, const AwAddress& aw_address, const AwLength& aw_length,
                    const WValid& w_valid, WData& w_data, const WLast& w_last,
                    const BReady& b_ready) {
    int words = 0;
    for (std::size_t c = 0; c < writers.size(); ++c) {
      AxiWritePort& port = *writers[c];
      const auto bit = static_cast<int>(c);
      port.aw_valid = get_field(aw_valid, bit, 1) != 0;
      port.aw_address = get_field(aw_address, 64 * bit, 64);
      port.aw_length = static_cast<std::uint8_t>(get_field(aw_length, 8 * bit, 8));
      port.w_valid = get_field(w_valid, bit, 1) != 0;
      port.w_data = bytes_of(w_data) + c * static_cast<std::size_t>(bytes);
      port.w_last = get_field(w_last, bit, 1) != 0;
      port.b_ready = get_field(b_ready, bit, 1) != 0;
      words += port.w_valid && port.w_ready ? 1 : 0;
    }
    moved += words * bytes;
    return words;
  }

  // What each channel does, for a core that is stuck.
  void append_text(std::string& text) const {
    fmt::format_to(std::back_inserter(text), "; {}: {} bytes moved", name, moved);
    for (std::size_t c = 0; c < readers.size(); ++c) {
      const AxiReadPort& port = *readers[c];
      fmt::format_to(std::back_inserter(text), ", read {}: {}", c,
                     port.ar_valid  ? "an address is offered"
                     : port.r_valid ? "data wait for the core"
                     : port.r_ready ? "the core waits for data"
                                    : "quiet");
    }
    for (std::size_t c = 0; c < writers.size(); ++c) {
      const AxiWritePort& port = *writers[c];
      fmt::format_to(std::back_inserter(text), ", write {}: {}", c,
                     port.aw_valid  ? "an address is offered"
                     : port.w_valid ? "data wait for the memory"
                     : port.b_valid ? "a response waits for the core"
                                    : "quiet");
    }
  }
};

// The core at its pins, clock cycle by clock cycle, with its memory.
template <typename Top>
class SimulatedDevice final : public Device {
 public:
  SimulatedDevice(const Image& image, const Hardware& core, const RtlsimOptions& options)
      : core_(core),
        options_(options),
        probes_(image),
        memory_({.latency = options.latency,
                 .bytes_per_cycle = options.bytes_per_cycle,
                 .stall_percent = options.stall_percent,
                 .seed = options.seed}),
        weights_(Interface::make(memory_, "weights", core.weight_channels, core.weight_word_bytes(),
                                 false)),
        ssm_(Interface::make(memory_, "state", core.state_channels, core.state_word_bytes(), true)),
        parameters_(Interface::make(memory_, "params", 1, kParametersBytes, false)),
        conv_(Interface::make(memory_, "conv", 1, kConvBytes, true)) {}

  ~SimulatedDevice() override { top_.final(); }

  const Hardware& core() const override { return core_; }

  void reset() override {
    memory_.reset();
    reset_core();
    last_beat_ = cycle_;
  }

  std::uint32_t read32(std::uint32_t offset) override {
    top_.s_axi_control_araddr = static_cast<SData>(offset);
    top_.s_axi_control_arvalid = 1;
    top_.s_axi_control_rready = 1;
    do {
      run_cycle();
      if (control_.ar_goes) top_.s_axi_control_arvalid = 0;
    } while (!control_.r_goes);
    top_.s_axi_control_rready = 0;
    check_response("the read of", offset, control_.response);
    return control_.data;
  }

  void write32(std::uint32_t offset, std::uint32_t value) override {
    top_.s_axi_control_awaddr = static_cast<SData>(offset);
    top_.s_axi_control_awvalid = 1;
    top_.s_axi_control_wdata = value;
    top_.s_axi_control_wstrb = 0xf;
    top_.s_axi_control_wvalid = 1;
    top_.s_axi_control_bready = 1;
    do {
      run_cycle();
      if (control_.aw_goes) top_.s_axi_control_awvalid = 0;
      if (control_.w_goes) top_.s_axi_control_wvalid = 0;
    } while (!control_.b_goes);
    top_.s_axi_control_bready = 0;
    check_response("the write to", offset, control_.response);
  }

  // Host and core share the memory, and each port reaches all of it.
  DeviceBuffer allocate(MemoryPort, int, std::size_t bytes) override {
    std::vector<std::byte>& buffer = buffers_.emplace_back(bytes);
    const std::uint64_t address = take_addresses(bytes);
    memory_.add_writable(address, buffer);
    return {address, buffer};
  }
  void sync(const DeviceBuffer&, Sync) override {}
  std::uint64_t upload(MemoryPort, int, std::span<const std::byte> bytes) override {
    const std::uint64_t address = take_addresses(bytes.size());
    memory_.add_read_only(address, bytes);
    return address;
  }

  bool wait_for_interrupt(Duration limit) override {
    const Duration begin = now();
    while (top_.__SYM__interrupt ==
           0) {  // the name that Verilator gives to a word of SystemVerilog
      if (limit.count() > 0 && now() - begin >= limit) return false;
      run_cycle();
    }
    return true;
  }

  // What a simulation shows and a board does not.
  void begin_token() {
    probes_.begin_token();
    last_beat_ = cycle_;
  }
  void flush_probes() { probes_.flush(probe_); }
  void set_probe(Probe probe) { probe_ = std::move(probe); }
  void set_activity_probe(ActivityProbe probe) { activity_probe_ = std::move(probe); }
  Traffic traffic() const {
    return {.weights = weights_.moved,
            .ssm_state = ssm_.moved,
            .parameters = parameters_.moved,
            .conv_state = conv_.moved};
  }

 private:
  // What has gone over the registers' bus in a cycle.
  struct Control {
    bool aw_goes = false, w_goes = false, b_goes = false, ar_goes = false, r_goes = false;
    std::uint32_t data = 0;
    std::uint32_t response = 0;
  };

  // There is a gap behind each region, so that what reads too far is seen.
  std::uint64_t take_addresses(std::size_t bytes) {
    const std::uint64_t address = next_address_;
    next_address_ = align(address + bytes) + kRegionAlignment;
    return address;
  }

  void reset_core() {
    top_.ap_rst_n = 0;
    top_.s_axi_control_awvalid = 0;
    top_.s_axi_control_wvalid = 0;
    top_.s_axi_control_arvalid = 0;
    drive();
    for (int i = 0; i < kResetCycles; ++i) {
      top_.ap_clk = 0;
      top_.eval();
      top_.ap_clk = 1;
      top_.eval();
    }
    top_.ap_rst_n = 1;
  }

  void run_cycle() {
    drive();
    top_.ap_clk = 0;
    top_.eval();
    sample();
    memory_.cycle();
    top_.ap_clk = 1;
    top_.eval();
    ++cycle_;
    if (memory_.error_count() != reported_errors_) {
      reported_errors_ = memory_.error_count();
      fail("AXI, in cycle {}: {}", cycle_, memory_.errors().back());
    }
    if (cycle_ - last_beat_ > options_.max_idle_cycles) fail("{}", stuck_text());
  }

  void drive() {
    weights_.drive_reads(top_.m_axi_weights_arready, top_.m_axi_weights_rvalid,
                         top_.m_axi_weights_rdata, top_.m_axi_weights_rresp,
                         top_.m_axi_weights_rlast);
    ssm_.drive_reads(top_.m_axi_state_arready, top_.m_axi_state_rvalid, top_.m_axi_state_rdata,
                     top_.m_axi_state_rresp, top_.m_axi_state_rlast);
    ssm_.drive_writes(top_.m_axi_state_awready, top_.m_axi_state_wready, top_.m_axi_state_bvalid,
                      top_.m_axi_state_bresp);
    parameters_.drive_reads(top_.m_axi_params_arready, top_.m_axi_params_rvalid,
                            top_.m_axi_params_rdata, top_.m_axi_params_rresp,
                            top_.m_axi_params_rlast);
    conv_.drive_reads(top_.m_axi_conv_state_arready, top_.m_axi_conv_state_rvalid,
                      top_.m_axi_conv_state_rdata, top_.m_axi_conv_state_rresp,
                      top_.m_axi_conv_state_rlast);
    conv_.drive_writes(top_.m_axi_conv_state_awready, top_.m_axi_conv_state_wready,
                       top_.m_axi_conv_state_bvalid, top_.m_axi_conv_state_bresp);
  }

  void sample() {
    int words = weights_.sample_reads(top_.m_axi_weights_arvalid, top_.m_axi_weights_araddr,
                                      top_.m_axi_weights_arlen, top_.m_axi_weights_rready);
    words += ssm_.sample_reads(top_.m_axi_state_arvalid, top_.m_axi_state_araddr,
                               top_.m_axi_state_arlen, top_.m_axi_state_rready);
    words +=
        ssm_.sample_writes(top_.m_axi_state_awvalid, top_.m_axi_state_awaddr,
                           top_.m_axi_state_awlen, top_.m_axi_state_wvalid, top_.m_axi_state_wdata,
                           top_.m_axi_state_wlast, top_.m_axi_state_bready);
    words += parameters_.sample_reads(top_.m_axi_params_arvalid, top_.m_axi_params_araddr,
                                      top_.m_axi_params_arlen, top_.m_axi_params_rready);
    words += conv_.sample_reads(top_.m_axi_conv_state_arvalid, top_.m_axi_conv_state_araddr,
                                top_.m_axi_conv_state_arlen, top_.m_axi_conv_state_rready);
    words += conv_.sample_writes(top_.m_axi_conv_state_awvalid, top_.m_axi_conv_state_awaddr,
                                 top_.m_axi_conv_state_awlen, top_.m_axi_conv_state_wvalid,
                                 top_.m_axi_conv_state_wdata, top_.m_axi_conv_state_wlast,
                                 top_.m_axi_conv_state_bready);
    if (words > 0) last_beat_ = cycle_;
    sample_control();
    if (probe_) sample_probes();
    if (activity_probe_) sample_activity();
  }

  void sample_activity() {
    const auto& root = *top_.rootp;
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_running == 0) return;
    CycleActivity cycle = {.units =
                               root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_units};
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_in_proj_starts != 0) {
      cycle.begins = Begins::in_proj;
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_out_proj_starts != 0) {
      cycle.begins = Begins::out_proj;
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_lm_head_starts != 0) {
      cycle.begins = Begins::lm_head;
    }
    activity_probe_(cycle);
  }

  void sample_probes() {
    const auto& root = *top_.rootp;
    const auto give = [&](ProbePoint unit, auto... fields) {
      probes_.add(unit, std::array<std::int64_t, sizeof...(fields)>{fields...}, probe_);
      last_beat_ = cycle_;
    };
    const auto byte = [](std::uint32_t value, int index) {
      return sign_extend(value >> (8 * index) & 0xff, 8);
    };
    const auto magnitude = [](std::uint32_t value, int index) {
      return static_cast<std::int64_t>(value >> (8 * index) & 0xff);
    };
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_block_valid != 0) {
      const std::uint32_t value = root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_block;
      give(ProbePoint::blocks, byte(value, 0), byte(value, 1));
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_z_valid != 0) {
      const std::uint32_t value = root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_z;
      probes_.add_z(std::array{byte(value, 0), byte(value, 1)}, probe_);
      last_beat_ = cycle_;
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_decay_valid != 0) {
      const std::uint32_t value = root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_decay;
      give(ProbePoint::decay, magnitude(value, 0), byte(value, 1), magnitude(value, 2),
           byte(value, 3));
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_conv_valid != 0) {
      const std::uint32_t value = root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_conv;
      give(ProbePoint::conv, byte(value, 0), byte(value, 1));
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_y_valid != 0) {
      give(ProbePoint::y,
           sign_extend(root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_y, kOutputBits));
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_gated_valid != 0) {
      give(ProbePoint::gated,
           sign_extend(root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_gated, 32));
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_rotated_valid != 0) {
      for (int lane = 0; lane < core_.out_lanes; ++lane) {
        give(ProbePoint::rotated,
             get_lane(root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_rotated,
                      static_cast<std::size_t>(lane), 40));
      }
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_residual_valid != 0) {
      give(ProbePoint::residual,
           sign_extend(root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_residual,
                       kResidualBits));
    }
    if (root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_logit_valid != 0) {
      give(ProbePoint::logits,
           sign_extend(root.lm_accelerator__DOT__u_core__DOT__u_probes__DOT__probe_logit,
                       kLogitBits));
    }
  }

  void sample_control() {
    control_ = {.aw_goes = top_.s_axi_control_awvalid != 0 && top_.s_axi_control_awready != 0,
                .w_goes = top_.s_axi_control_wvalid != 0 && top_.s_axi_control_wready != 0,
                .b_goes = top_.s_axi_control_bvalid != 0 && top_.s_axi_control_bready != 0,
                .ar_goes = top_.s_axi_control_arvalid != 0 && top_.s_axi_control_arready != 0,
                .r_goes = top_.s_axi_control_rvalid != 0 && top_.s_axi_control_rready != 0,
                .data = top_.s_axi_control_rdata,
                .response = top_.s_axi_control_bvalid != 0
                                ? std::uint32_t{top_.s_axi_control_bresp}
                                : std::uint32_t{top_.s_axi_control_rresp}};
  }

  static void check_response(const char* what, std::uint32_t offset, std::uint32_t response) {
    if (response != kAxiOkay) fail("{} register {:#x} is answered by {}", what, offset, response);
  }

  std::string stuck_text() const {
    std::string text =
        fmt::format("no word has moved for {} cycles, cycle {}", options_.max_idle_cycles, cycle_);
    for (const Interface* each : {&weights_, &ssm_, &parameters_, &conv_}) {
      each->append_text(text);
    }
    if (probe_) text += "; " + probes_.text();
    return text;
  }

  const Hardware& core_;
  RtlsimOptions options_;
  CoreProbes probes_;
  AxiMemory memory_;
  Interface weights_, ssm_, parameters_, conv_;
  std::deque<std::vector<std::byte>> buffers_;
  std::uint64_t next_address_ = kRegionAlignment;
  Probe probe_;
  ActivityProbe activity_probe_;
  Top top_;
  Control control_;
  std::int64_t cycle_ = 0;
  std::int64_t last_beat_ = 0;
  std::int64_t reported_errors_ = 0;
};

// The driver over the simulation, which sees by itself when the core is stuck.
template <typename Top>
class Rtlsim final : public Accelerator {
 public:
  Rtlsim(const Image& image, const Hardware& core, const RtlsimOptions& options)
      : image_(image),
        device_(image_, core, options),
        driver_(image_, device_, {.use_interrupt = options.use_interrupt, .time_limit = {}}) {}

  void reset() override { driver_.reset(); }
  SequenceId open() override { return driver_.open(); }
  SequenceId open_copy(SequenceId sequence) override { return driver_.open_copy(sequence); }
  void close(SequenceId sequence) override { driver_.close(sequence); }
  GoldenState state(SequenceId sequence) const override { return driver_.state(sequence); }
  void restore(const GoldenState& state, SequenceId sequence) override {
    driver_.restore(state, sequence);
  }

  int max_slots() const override { return 1; }

  std::vector<StepResult> pass(std::span<const Slot> slots) override {
    check_slots(slots, max_slots(), image_.config,
                [&](SequenceId sequence) { return driver_.exists(sequence); });
    const Traffic before = device_.traffic();
    device_.begin_token();
    try {
      StepResult result = driver_.step(slots.front());
      result.traffic = device_.traffic();
      result.traffic -= before;
      return {std::move(result)};
    } catch (const Error&) {
      device_.flush_probes();
      throw;
    }
  }

  void set_probe(Probe probe) override { device_.set_probe(std::move(probe)); }
  void set_activity_probe(ActivityProbe probe) override {
    device_.set_activity_probe(std::move(probe));
  }

 private:
  Image image_;
  SimulatedDevice<Top> device_;
  CoreDriver driver_;
};

}  // namespace

std::unique_ptr<Accelerator> make_rtlsim(const Image& image, const RtlsimOptions& options) {
  const Hardware& core = core_for(image.hardware, image.order);
#define MAKE_SIMULATED_CORE(size) \
  if (core.name == #size) return std::make_unique<Rtlsim<VLightmamba_##size>>(image, core, options);
  FOR_EACH_SIMULATED_CORE(MAKE_SIMULATED_CORE)
#undef MAKE_SIMULATED_CORE
  fail("this program was built without the simulation of the core {}", core.name);
}

}  // namespace lightmamba::accel
