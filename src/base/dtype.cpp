#include "base/dtype.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/fail.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lightmamba {
namespace {

template <typename T>
T load(const std::byte* source, std::size_t index) {
  T value;
  std::memcpy(&value, source + index * sizeof(T), sizeof(T));
  return value;
}

void half_to_float_scalar(const std::byte* source, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = half_to_float(load<std::uint16_t>(source, i));
  }
}

#if defined(__x86_64__)
__attribute__((target("avx,f16c"))) void half_to_float_f16c(const std::byte* source,
                                                            std::span<float> out) {
  const std::size_t vectors = out.size() / 8;
  for (std::size_t i = 0; i < vectors; ++i) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + i * 16));
    _mm256_storeu_ps(out.data() + i * 8, _mm256_cvtph_ps(halves));
  }
  half_to_float_scalar(source + vectors * 16, out.subspan(vectors * 8));
}
#endif

void halves_to_float(const std::byte* source, std::span<float> out) {
#if defined(__x86_64__)
  // clang 14 cannot ask for F16C by name; every processor with AVX2 has it.
  static const bool has_f16c = __builtin_cpu_supports("avx2");
  if (has_f16c) return half_to_float_f16c(source, out);
#endif
  half_to_float_scalar(source, out);
}

}  // namespace

std::size_t dtype_size(DType type) {
  switch (type) {
    case DType::f64:
    case DType::i64:
      return 8;
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16:
      return 2;
    case DType::i8:
    case DType::u8:
    case DType::boolean:
      return 1;
  }
  return 0;
}

std::string_view dtype_name(DType type) {
  switch (type) {
    case DType::f32:
      return "F32";
    case DType::f16:
      return "F16";
    case DType::bf16:
      return "BF16";
    case DType::f64:
      return "F64";
    case DType::i8:
      return "I8";
    case DType::u8:
      return "U8";
    case DType::i16:
      return "I16";
    case DType::i32:
      return "I32";
    case DType::i64:
      return "I64";
    case DType::boolean:
      return "BOOL";
  }
  return "?";
}

bool is_floating(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16 || type == DType::f64;
}

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide_exponent = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // >= 65520
  if (magnitude < 0x38800000u) {  // below 2^-14: the sum's lowest bits are the subnormal
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t odd = (magnitude >> 13) & 1u;
  const std::uint32_t rounded = magnitude + 0xfffu + odd - ((127u - 15u) << 23);
  return static_cast<std::uint16_t>(sign | rounded >> 13);
}

float bfloat16_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

std::uint16_t float_to_bfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

void to_float(DType type, const std::byte* source, std::span<float> out) {
  switch (type) {
    case DType::f32:
      if (!out.empty()) std::memcpy(out.data(), source, out.size_bytes());
      return;
    case DType::f16:
      return halves_to_float(source, out);
    case DType::bf16:
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = bfloat16_to_float(load<std::uint16_t>(source, i));
      }
      return;
    case DType::f64:
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<float>(load<double>(source, i));
      }
      return;
    default:
      fail("cannot convert {} to float", dtype_name(type));
  }
}

}  // namespace lightmamba
