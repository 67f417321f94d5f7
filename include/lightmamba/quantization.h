// How a model was quantized.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <lightmamba/export.h>

namespace LIGHTMAMBA_EXPORT lightmamba {

// What is done to the float weights before they are rounded.
//   rtn          nothing: round to nearest
//   smoothquant  per-channel scales from activations to weights (Xiao et al., arXiv 2211.10438)
//   os_plus      per-channel shifts and scales (Outlier Suppression+, Wei et al., arXiv 2304.09145)
//   lightmamba   rotation by Hadamard matrices (arXiv 2502.15260)
enum class Method { rtn, smoothquant, os_plus, lightmamba };

// The element-wise part of a block: floats, or INT8 with a power-of-two scale for each group.
enum class SsmFormat { floating, pot8 };

// How the SSM state is kept between tokens: a power-of-two scale for each head and channel over
// its d_state numbers. int8_feedback keeps a 4-bit remainder of each code's rounding and adds it at
// the next token.
enum class StateFormat { floating, int16, int8_feedback, int8 };

std::string_view method_name(Method method);         // "rtn", "smoothquant", "os+", "lightmamba"
std::string_view ssm_format_name(SsmFormat format);  // "float", "pot8"
std::string_view state_format_name(StateFormat format);  // "float", "int16", "int8ef", "int8"
Method parse_method(std::string_view name);              // these throw Error that lists the names
SsmFormat parse_ssm_format(std::string_view name);
StateFormat parse_state_format(std::string_view name);

// Bits of the linear layers: "w4a4", "w8a8", "w4a8", "w4a16" and so on; 16 is no quantization.
struct Scheme {
  int weight_bits = 4;      // 4 or 8
  int activation_bits = 4;  // 4, 8 or 16

  bool operator==(const Scheme&) const = default;
};
std::string scheme_name(const Scheme& scheme);
Scheme parse_scheme(std::string_view name);  // throws Error

struct Quantization {
  Method method = Method::lightmamba;
  Scheme scheme = {};
  int head_bits = 8;         // of embedding and LM head: 4 or 8
  std::int64_t group = 128;  // columns that share a scale; a multiple of 8
  SsmFormat ssm = SsmFormat::floating;
  StateFormat state = StateFormat::floating;
  bool clip = false;       // scales found by least mean squared error
  bool gptq = false;       // error compensation (Frantar et al., arXiv 2210.17323)
  std::uint64_t seed = 0;  // of the rotation's signs
  std::string source;      // name of the model it was made from

  bool operator==(const Quantization&) const = default;
};

}  // namespace lightmamba
