// Element types of stored tensors, and their conversion to float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lightmamba {

enum class DType { f32, f16, bf16, f64, i8, u8, i16, i32, i64, boolean };

std::size_t dtype_size(DType type);       // bytes per element
std::string_view dtype_name(DType type);  // the name in safetensors: "F32", "BF16", "BOOL", ...
bool is_floating(DType type);             // f32, f16, bf16 or f64

float half_to_float(std::uint16_t half);       // IEEE 754 binary16; exact
std::uint16_t float_to_half(float value);      // to nearest, ties to even; overflow gives infinity
float bfloat16_to_float(std::uint16_t value);  // exact
std::uint16_t float_to_bfloat16(float value);  // to nearest, ties to even

// Converts out.size() elements of a floating type, at any alignment. `type` must be floating.
void to_float(DType type, const std::byte* source, std::span<float> out);

}  // namespace lightmamba
