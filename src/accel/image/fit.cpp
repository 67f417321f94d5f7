#include "accel/image/fit.h"

#include <fmt/format.h>
#include <string_view>

namespace lightmamba::accel {
namespace {

constexpr std::int64_t kMaxLayers = 4095;
constexpr std::int64_t kMaxTokens = (std::int64_t{1} << 20) - 1;

std::optional<std::string> is_not(std::string_view name, std::int64_t value,
                                  std::int64_t expected) {
  if (value == expected) return {};
  return fmt::format("{} is {}, not {}", name, value, expected);
}

std::optional<std::string> is_beyond(std::string_view name, std::int64_t value, std::int64_t max,
                                     std::int64_t step) {
  if (value >= step && value <= max && value % step == 0) return {};
  return step == 1 ? fmt::format("{} is {}, not 1 to {}", name, value, max)
                   : fmt::format("{} is {}, no multiple of {} up to {}", name, value, step, max);
}

}  // namespace

std::optional<std::string> does_not_fit(const Mamba2Config& c) {
  for (const auto& reason :
       {is_not("headdim", c.headdim, kHeaddim), is_not("d_state", c.d_state, kStates),
        is_not("d_conv", c.d_conv, kTaps), is_not("ngroups", c.ngroups, 1),
        is_beyond("n_layer", c.n_layer, kMaxLayers, 1),
        is_beyond("vocab_size", c.vocab_size, kMaxTokens, 1),
        is_beyond("nheads", c.nheads, kMaxHeads, 1),
        is_not("d_inner", c.d_inner, c.nheads * kHeaddim),
        is_beyond("d_inner", c.d_inner, kMaxHeads * kHeaddim, kGroup),
        is_beyond("d_model", c.d_model, kMaxDModel, kGroup)}) {
    if (reason) return reason;
  }
  return {};
}

std::optional<std::string> does_not_fit(const Mamba2Config& c, std::int64_t hadamard_m,
                                        std::int64_t hadamard_n) {
  if (auto reason = does_not_fit(c)) return reason;
  for (const auto& reason : {is_beyond("m of the rotation", hadamard_m, kMaxHadamardM, 1),
                             is_beyond("n of the rotation", hadamard_n, kMaxHadamardN, 1),
                             is_not("m n of the rotation", hadamard_m * hadamard_n, c.d_inner)}) {
    if (reason) return reason;
  }
  if ((hadamard_n & (hadamard_n - 1)) != 0) {
    return fmt::format("n of the rotation is {}, no power of two", hadamard_n);
  }
  return {};
}

std::optional<std::string> does_not_fit(const IntegerModel& model) {
  for (const auto& reason : {is_not("the group", model.group, kGroup)}) {
    if (reason) return reason;
  }
  if (!is_image_state(model.state_bits)) {
    return fmt::format("the state's number of bits is {}, not 16 or 8", model.state_bits);
  }
  return does_not_fit(model.config, model.hadamard_m, model.hadamard_n);
}

}  // namespace lightmamba::accel
