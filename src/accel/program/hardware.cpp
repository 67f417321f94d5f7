#include "accel/program/hardware.h"

#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"

namespace lightmamba::accel {
namespace {

constexpr std::array kPresets = {
    Hardware{.name = "tiny",
             .rows = 2,
             .columns = 8,
             .weight_channels = 1,
             .ssm_lanes = 2,
             .state_channels = 1,
             .mix_lanes = 2,
             .out_lanes = 1},
    Hardware{.name = "vck190",
             .rows = 2,
             .columns = 32,
             .weight_channels = 1,
             .ssm_lanes = 4,
             .state_channels = 1,
             .mix_lanes = 2,
             .out_lanes = 1},
    Hardware{.name = "u280",
             .rows = 16,
             .columns = 128,
             .weight_channels = 16,
             .ssm_lanes = 64,
             .state_channels = 2,
             .mix_lanes = 32,
             .out_lanes = 16},
};

constexpr std::int64_t kMostLayers = 4095;
constexpr std::int64_t kMostTokens = (std::int64_t{1} << 20) - 1;

std::optional<std::string> is_not(std::string_view name, std::int64_t value,
                                  std::int64_t expected) {
  if (value == expected) return {};
  return fmt::format("{} is {}, not {}", name, value, expected);
}

std::optional<std::string> is_beyond(std::string_view name, std::int64_t value, std::int64_t most,
                                     std::int64_t step) {
  if (value >= step && value <= most && value % step == 0) return {};
  return step == 1 ? fmt::format("{} is {}, not 1 to {}", name, value, most)
                   : fmt::format("{} is {}, no multiple of {} up to {}", name, value, step, most);
}

}  // namespace

std::span<const Hardware> hardware_presets() { return kPresets; }

const Hardware& hardware_preset(std::string_view name) {
  std::array<std::string_view, kPresets.size()> names;
  for (std::size_t i = 0; i < kPresets.size(); ++i) {
    if (kPresets[i].name == name) return kPresets[i];
    names[i] = kPresets[i].name;
  }
  fail("there is no preset '{}', only {}", name, fmt::join(names, ", "));
}

std::optional<std::string> does_not_fit(const Mamba2Config& c) {
  for (const auto& reason :
       {is_not("headdim", c.headdim, kHeaddim), is_not("d_state", c.d_state, kStates),
        is_not("d_conv", c.d_conv, kTaps), is_not("ngroups", c.ngroups, 1),
        is_beyond("n_layer", c.n_layer, kMostLayers, 1),
        is_beyond("vocab_size", c.vocab_size, kMostTokens, 1),
        is_beyond("nheads", c.nheads, kMostHeads, 1),
        is_not("d_inner", c.d_inner, c.nheads * kHeaddim),
        is_beyond("d_inner", c.d_inner, kMostHeads * kHeaddim, kGroup),
        is_beyond("d_model", c.d_model, kMostModel, kGroup)}) {
    if (reason) return reason;
  }
  return {};
}

std::optional<std::string> does_not_fit(const Mamba2Config& c, std::int64_t hadamard_m,
                                        std::int64_t hadamard_n) {
  if (auto reason = does_not_fit(c)) return reason;
  for (const auto& reason : {is_beyond("m of the rotation", hadamard_m, kMostHadamardM, 1),
                             is_beyond("n of the rotation", hadamard_n, kMostHadamardN, 1),
                             is_not("m n of the rotation", hadamard_m * hadamard_n, c.d_inner)}) {
    if (reason) return reason;
  }
  if ((hadamard_n & (hadamard_n - 1)) != 0) {
    return fmt::format("n of the rotation is {}, no power of two", hadamard_n);
  }
  return {};
}

std::optional<std::string> does_not_fit(const Network& network) {
  for (const auto& reason :
       {is_not("the group", network.group, kGroup),
        is_not("the state's number of bits", network.state_bits, kImageStateBits)}) {
    if (reason) return reason;
  }
  return does_not_fit(network.config, network.hadamard_m, network.hadamard_n);
}

}  // namespace lightmamba::accel
