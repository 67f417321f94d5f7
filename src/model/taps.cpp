#include <array>

#include <lightmamba/taps.h>

namespace lightmamba {

std::string_view tap_name(Tap tap) {
  static constexpr std::array<std::string_view, kTapCount> kNames = {
      "embedding", "in_proj_input", "z",          "conv_input", "conv_output",    "dt",
      "decay",     "state",         "ssm_output", "gated",      "out_proj_input", "out_proj_output",
      "residual",  "head_input",    "logits"};
  return kNames[static_cast<std::size_t>(tap)];
}

}  // namespace lightmamba
