// Drives the whole core: registers over AXI4-Lite, memory over AXI4.
#include "accel/runtime/rtlsim.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#ifdef LIGHTMAMBA_RTLSIM_TINY
#include "VLightmamba_tiny.h"
#include "VLightmamba_tiny___024root.h"
#endif
#ifdef LIGHTMAMBA_RTLSIM_VCK190
#include "VLightmamba_vck190.h"
#include "VLightmamba_vck190___024root.h"
#endif
#ifdef LIGHTMAMBA_RTLSIM_U280
#include "VLightmamba_u280.h"
#include "VLightmamba_u280___024root.h"
#endif
#ifdef LIGHTMAMBA_RTLSIM_TINY_CHECKPOINT
#include "VLightmamba_tiny_checkpoint.h"
#include "VLightmamba_tiny_checkpoint___024root.h"
#endif
#ifdef LIGHTMAMBA_RTLSIM_VCK190_CHECKPOINT
#include "VLightmamba_vck190_checkpoint.h"
#include "VLightmamba_vck190_checkpoint___024root.h"
#endif
#ifdef LIGHTMAMBA_RTLSIM_U280_CHECKPOINT
#include "VLightmamba_u280_checkpoint.h"
#include "VLightmamba_u280_checkpoint___024root.h"
#endif
#include "accel/image/image_state.h"
#include "accel/numerics/golden_model.h"
#include "accel/numerics/residual_unit.h"
#include "axi_memory.h"
#include "axi_ports.h"
#include "base/fail.h"
#include "core_probes.h"
#include "model/forward.h"
#include "ports.h"

namespace lightmamba::accel {
namespace {

// Registers, see docs/memory-map.md.
constexpr std::uint32_t kControl = 0x00;
constexpr std::uint32_t kStart = 1;
constexpr std::uint32_t kDone = 2;
constexpr std::uint32_t kToken = 0x10;
constexpr std::uint32_t kPosition = 0x18;
constexpr std::uint32_t kWants = 0x20;
constexpr std::uint32_t kHead = 1;
constexpr std::uint32_t kLogits = 2;
constexpr std::uint32_t kParametersAddress = 0x28;
constexpr std::uint32_t kEmbeddingAddress = 0x34;
constexpr std::uint32_t kConvStateAddress = 0x40;
constexpr std::uint32_t kLogitsAddress = 0x4c;
constexpr std::uint32_t kSsmStateAddresses = 0x58;
constexpr std::uint32_t kWeightsAddresses = 0x70;
constexpr std::uint32_t kAddressStep = 12;
constexpr std::uint32_t kBestToken = 0x200;
constexpr std::uint32_t kBestLogit = 0x204;
constexpr std::uint32_t kErrors = 0x208;
constexpr std::uint32_t kCounterRegisters = 0x210;

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

template <typename Top>
class Rtlsim final : public Accelerator {
 public:
  Rtlsim(const Image& image, const RtlsimOptions& options)
      : image_(image),
        options_(options),
        state_(
            to_image_state(GoldenState(image.config), image.config, image.hardware, image.order)),
        logits_(static_cast<std::size_t>(image.layout().logit_bytes)),
        probes_(image),
        memory_({.latency = options.latency,
                 .bytes_per_cycle = options.bytes_per_cycle,
                 .stall_percent = options.stall_percent,
                 .seed = options.seed}) {
    const Hardware& h = image.hardware;
    std::uint64_t next = kRegionAlignment;
    const auto place = [&](std::uint32_t offset, auto bytes) {
      addresses_.push_back({offset, next});
      if constexpr (std::is_const_v<typename decltype(bytes)::element_type>) {
        memory_.add_read_only(next, bytes);
      } else {
        memory_.add_writable(next, bytes);
      }
      // A gap, so that what reads too far is seen.
      next = align(next + bytes.size()) + kRegionAlignment;
    };
    place(kParametersAddress, image_.parameters.bytes);
    place(kEmbeddingAddress, image_.embedding.bytes);
    place(kConvStateAddress, std::span(state_.conv));
    place(kLogitsAddress, std::span(logits_));
    for (std::size_t c = 0; c < state_.ssm.size(); ++c) {
      place(kSsmStateAddresses + static_cast<std::uint32_t>(c) * kAddressStep,
            std::span(state_.ssm[c]));
    }
    for (std::size_t c = 0; c < image_.weights.size(); ++c) {
      place(kWeightsAddresses + static_cast<std::uint32_t>(c) * kAddressStep,
            image_.weights[c].bytes);
    }
    weights_ = Interface::make(memory_, "weights", h.weight_channels, h.weight_word_bytes(), false);
    ssm_ = Interface::make(memory_, "state", h.state_channels, h.state_word_bytes(), true);
    parameters_ = Interface::make(memory_, "params", 1, kParametersBytes, false);
    conv_ = Interface::make(memory_, "conv", 1, kConvBytes, true);
    reset();
  }

  ~Rtlsim() override { top_.final(); }

  void reset() override {
    restore(GoldenState(image_.config));
    memory_.reset();
    reset_core();
    last_beat_ = cycle_;
    for (const auto& [offset, address] : addresses_) {
      write(offset, static_cast<std::uint32_t>(address));
      write(offset + 4, static_cast<std::uint32_t>(address >> 32));
    }
  }

  GoldenState state() const override {
    return from_image_state(state_, position_, image_.config, image_.hardware, image_.order);
  }

  // In place: the memory knows where the bytes lie.
  void restore(const GoldenState& state) override {
    const ImageState bytes = to_image_state(state, image_.config, image_.hardware, image_.order);
    std::copy(bytes.conv.begin(), bytes.conv.end(), state_.conv.begin());
    for (std::size_t c = 0; c < state_.ssm.size(); ++c) {
      std::copy(bytes.ssm[c].begin(), bytes.ssm[c].end(), state_.ssm[c].begin());
    }
    position_ = state.position;
  }

  StepResult step(TokenId token, Output output) override {
    check_tokens(image_.config, {&token, 1});
    probes_.begin_token();
    const Traffic before = traffic();
    std::fill(logits_.begin(), logits_.end(), std::byte{0x55});
    last_beat_ = cycle_;
    try {
      write(kToken, static_cast<std::uint32_t>(token));
      write(kPosition, static_cast<std::uint32_t>(position_));
      write(kWants,
            (output != Output::none ? kHead : 0) | (output == Output::logits ? kLogits : 0));
      write(kControl, kStart);
      while ((read(kControl) & kDone) == 0) {
      }
      last_beat_ = cycle_;
      check_errors();
    } catch (const Error&) {
      probes_.flush(probe_);
      throw;
    }
    ++position_;
    return answer(output, before);
  }

  void set_probe(Probe probe) override { probe_ = std::move(probe); }

 private:
  // What has gone over the registers' bus in a cycle.
  struct Control {
    bool aw_goes = false, w_goes = false, b_goes = false, ar_goes = false, r_goes = false;
    std::uint32_t data = 0;
    std::uint32_t response = 0;
  };

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
      for (int lane = 0; lane < image_.hardware.out_lanes; ++lane) {
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

  void write(std::uint32_t offset, std::uint32_t value) {
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

  std::uint32_t read(std::uint32_t offset) {
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

  void check_errors() {
    const std::uint32_t errors = read(kErrors);
    if (errors == 0) return;
    std::vector<std::string_view> names;
    if ((errors & 1) != 0) names.emplace_back("no image at the address of the parameters");
    if ((errors & 2) != 0) names.emplace_back("a model beyond its size");
    if ((errors & 4) != 0) names.emplace_back("an error of the bus");
    fail("the core reports {}", fmt::join(names, ", "));
  }

  std::uint64_t read_64(std::uint32_t offset) {
    const std::uint64_t low = read(offset);
    return low | std::uint64_t{read(offset + 4)} << 32;
  }

  StepResult answer(Output output, const Traffic& before) {
    StepResult step;
    if (output != Output::none) {
      step.argmax = {static_cast<TokenId>(read(kBestToken)),
                     static_cast<std::int32_t>(read(kBestLogit))};
    }
    if (output == Output::logits) {
      step.logits.resize(static_cast<std::size_t>(image_.config.vocab_size));
      std::memcpy(step.logits.data(), logits_.data(), step.logits.size() * sizeof(std::int32_t));
    }
    for (std::size_t i = 0; i < kCounters.size(); ++i) {
      step.counters.*kCounters[i].counter =
          static_cast<std::int64_t>(read_64(kCounterRegisters + 8 * static_cast<std::uint32_t>(i)));
    }
    const Traffic now = traffic();
    step.traffic = {.weights = now.weights - before.weights,
                    .ssm_state = now.ssm_state - before.ssm_state,
                    .parameters = now.parameters - before.parameters,
                    .conv_state = now.conv_state - before.conv_state};
    return step;
  }

  Traffic traffic() const {
    return {.weights = weights_.moved,
            .ssm_state = ssm_.moved,
            .parameters = parameters_.moved,
            .conv_state = conv_.moved};
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

  Image image_;
  RtlsimOptions options_;
  ImageState state_;
  std::vector<std::byte> logits_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> addresses_;  // by register
  CoreProbes probes_;
  AxiMemory memory_;
  Interface weights_, ssm_, parameters_, conv_;
  Probe probe_;
  Top top_;
  Control control_;
  std::int64_t position_ = 0;
  std::int64_t cycle_ = 0;
  std::int64_t last_beat_ = 0;
  std::int64_t reported_errors_ = 0;
};

}  // namespace

std::unique_ptr<Accelerator> make_rtlsim(const Image& image, const RtlsimOptions& options) {
  const std::string_view name = image.hardware.name;
  if (image.order == RowOrder::checkpoint) {
#ifdef LIGHTMAMBA_RTLSIM_TINY_CHECKPOINT
    if (name == "tiny") {
      return std::make_unique<Rtlsim<VLightmamba_tiny_checkpoint>>(image, options);
    }
#endif
#ifdef LIGHTMAMBA_RTLSIM_VCK190_CHECKPOINT
    if (name == "vck190") {
      return std::make_unique<Rtlsim<VLightmamba_vck190_checkpoint>>(image, options);
    }
#endif
#ifdef LIGHTMAMBA_RTLSIM_U280_CHECKPOINT
    if (name == "u280") {
      return std::make_unique<Rtlsim<VLightmamba_u280_checkpoint>>(image, options);
    }
#endif
  }
#ifdef LIGHTMAMBA_RTLSIM_TINY
  if (name == "tiny") return std::make_unique<Rtlsim<VLightmamba_tiny>>(image, options);
#endif
#ifdef LIGHTMAMBA_RTLSIM_VCK190
  if (name == "vck190") return std::make_unique<Rtlsim<VLightmamba_vck190>>(image, options);
#endif
#ifdef LIGHTMAMBA_RTLSIM_U280
  if (name == "u280") return std::make_unique<Rtlsim<VLightmamba_u280>>(image, options);
#endif
  fail("this program was built without the simulation of the core of size {}", name);
}

}  // namespace lightmamba::accel
