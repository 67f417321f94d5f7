// How a model was quantized.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <lightmamba/export.h>

namespace lightmamba {

// How the float weights are changed before they are rounded.
//   rtn          not at all: round to nearest
//   smoothquant  per-channel scales from activations to weights (Xiao et al., arXiv 2211.10438)
//   os_plus      per-channel shifts and scales (Outlier Suppression+, Wei et al., arXiv 2304.09145)
//   lightmamba   rotation by Hadamard matrices (arXiv 2502.15260)
enum class Method { rtn, smoothquant, os_plus, lightmamba };

// Format of the element-wise part of a block: floats, or INT8 with a power-of-two scale per group.
enum class SsmFormat { floating, pot8 };

// Format of the SSM state between tokens. In the integer formats the d_state numbers of a head's
// channel share a power-of-two scale. int8_feedback keeps a 4-bit remainder of the rounding of each
// code and adds it at the next token.
enum class StateFormat { floating, int16, int8_feedback, int8 };

// "rtn", "smoothquant", "os+", "lightmamba"; "float", "pot8"; "float", "int16", "int8ef", "int8".
// Parsing throws Error that lists the names.
LIGHTMAMBA_EXPORT std::string_view method_name(Method method);
LIGHTMAMBA_EXPORT std::string_view ssm_format_name(SsmFormat format);
LIGHTMAMBA_EXPORT std::string_view state_format_name(StateFormat format);
LIGHTMAMBA_EXPORT Method parse_method(std::string_view name);
LIGHTMAMBA_EXPORT SsmFormat parse_ssm_format(std::string_view name);
LIGHTMAMBA_EXPORT StateFormat parse_state_format(std::string_view name);

// Bits of the linear layers: "w4a4", "w8a8", "w4a8", "w4a16" and so on; a16 leaves activations in
// float.
struct Scheme {
  int weight_bits = 4;      // 4 or 8
  int activation_bits = 4;  // 4, 8 or 16

  bool operator==(const Scheme&) const = default;
};
LIGHTMAMBA_EXPORT std::string scheme_name(const Scheme& scheme);
LIGHTMAMBA_EXPORT Scheme parse_scheme(std::string_view name);  // throws Error

struct Quantization {
  Method method = Method::lightmamba;
  Scheme scheme = {};
  int head_bits = 8;         // bits of embedding and LM head: 4 or 8
  std::int64_t group = 128;  // columns that share a scale; a multiple of 8
  SsmFormat ssm = SsmFormat::floating;
  StateFormat state = StateFormat::floating;
  bool clip = false;       // scales have the least mean squared error
  bool gptq = false;       // error compensation (Frantar et al., arXiv 2210.17323)
  std::uint64_t seed = 0;  // seed of the random signs of the rotation
  std::string source;      // name of the model it was quantized from

  bool operator==(const Quantization&) const = default;
};

}  // namespace lightmamba
