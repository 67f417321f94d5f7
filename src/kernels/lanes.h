// Vectors of 16 numbers as one, two or four registers of the instruction set that the including
// file is compiled for. Everything has internal linkage, since each such file needs its own.
#pragma once

#include <cstdint>

namespace lightmamba {
namespace {

#define LIGHTMAMBA_INLINE inline __attribute__((always_inline))

#if defined(__AVX512F__)
inline constexpr int kNative = 16;
#define LIGHTMAMBA_EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define LIGHTMAMBA_ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif defined(__AVX2__)
inline constexpr int kNative = 8;
#define LIGHTMAMBA_EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define LIGHTMAMBA_ODDS 1, 3, 5, 7, 9, 11, 13, 15
#else
inline constexpr int kNative = 4;
#define LIGHTMAMBA_EVENS 0, 2, 4, 6
#define LIGHTMAMBA_ODDS 1, 3, 5, 7
#endif

inline constexpr int kLanes = 16;
inline constexpr int kParts = kLanes / kNative;

using NativeFloat = float __attribute__((vector_size(kNative * 4)));
using NativeInt = std::int32_t __attribute__((vector_size(kNative * 4)));
using NativeBits = std::uint32_t __attribute__((vector_size(kNative * 4)));
using NativeShorts = std::uint16_t __attribute__((vector_size(kNative * 4)));
using NativeDouble = double __attribute__((vector_size(kNative * 4)));

template <typename Register>
struct Lanes {
  Register part[kParts];
};
using Floats = Lanes<NativeFloat>;
using Bits = Lanes<NativeBits>;  // 32-bit words, as unsigned numbers

#define LIGHTMAMBA_OPERATOR(Type, op)                                         \
  LIGHTMAMBA_INLINE Type operator op(const Type& a, const Type& b) {          \
    Type result;                                                              \
    for (int i = 0; i < kParts; ++i) result.part[i] = a.part[i] op b.part[i]; \
    return result;                                                            \
  }
LIGHTMAMBA_OPERATOR(Floats, +)
LIGHTMAMBA_OPERATOR(Floats, -)
LIGHTMAMBA_OPERATOR(Floats, *)
LIGHTMAMBA_OPERATOR(Floats, /)
LIGHTMAMBA_OPERATOR(Bits, +)
LIGHTMAMBA_OPERATOR(Bits, -)
LIGHTMAMBA_OPERATOR(Bits, &)
LIGHTMAMBA_OPERATOR(Bits, |)
#undef LIGHTMAMBA_OPERATOR

LIGHTMAMBA_INLINE Bits operator<<(const Bits& a, int count) {
  Bits result;
  for (int i = 0; i < kParts; ++i) result.part[i] = a.part[i] << count;
  return result;
}

LIGHTMAMBA_INLINE Bits operator>>(const Bits& a, int count) {
  Bits result;
  for (int i = 0; i < kParts; ++i) result.part[i] = a.part[i] >> count;
  return result;
}

LIGHTMAMBA_INLINE Floats all(float value) {
  Floats result;
  for (int i = 0; i < kParts; ++i) result.part[i] = value - NativeFloat{};
  return result;
}

LIGHTMAMBA_INLINE Bits all(std::uint32_t value) {
  Bits result;
  for (int i = 0; i < kParts; ++i) result.part[i] = value + NativeBits{};
  return result;
}

LIGHTMAMBA_INLINE Floats load(const float* from) {
  Floats result;
  for (int i = 0; i < kParts; ++i) {
    __builtin_memcpy(&result.part[i], from + i * kNative, sizeof(NativeFloat));
  }
  return result;
}

LIGHTMAMBA_INLINE void store(float* to, const Floats& value) {
  for (int i = 0; i < kParts; ++i) {
    __builtin_memcpy(to + i * kNative, &value.part[i], sizeof(NativeFloat));
  }
}

LIGHTMAMBA_INLINE Bits load_bits(const void* from) {
  Bits result;
  for (int i = 0; i < kParts; ++i) {
    __builtin_memcpy(&result.part[i], static_cast<const char*>(from) + i * sizeof(NativeBits),
                     sizeof(NativeBits));
  }
  return result;
}

LIGHTMAMBA_INLINE void store_bits(void* to, const Bits& value) {
  for (int i = 0; i < kParts; ++i) {
    __builtin_memcpy(static_cast<char*>(to) + i * sizeof(NativeBits), &value.part[i],
                     sizeof(NativeBits));
  }
}

// Loads up to `count` lanes; the others are 0.
LIGHTMAMBA_INLINE Floats load_up_to(const float* from, std::int64_t count) {
  if (count >= kLanes) return load(from);
  float lanes[kLanes];
  for (int i = 0; i < kLanes; ++i) lanes[i] = i < count ? from[i] : 0;
  return load(lanes);
}

LIGHTMAMBA_INLINE void store_up_to(float* to, const Floats& value, std::int64_t count) {
  if (count >= kLanes) return store(to, value);
  float lanes[kLanes];
  store(lanes, value);
  for (int i = 0; i < count; ++i) to[i] = lanes[i];
}

LIGHTMAMBA_INLINE Bits bits_of(const Floats& a) {
  Bits result;
  for (int i = 0; i < kParts; ++i) result.part[i] = reinterpret_cast<NativeBits>(a.part[i]);
  return result;
}

LIGHTMAMBA_INLINE Floats float_of(const Bits& a) {
  Floats result;
  for (int i = 0; i < kParts; ++i) result.part[i] = reinterpret_cast<NativeFloat>(a.part[i]);
  return result;
}

LIGHTMAMBA_INLINE Floats to_float(const Bits& signed_integers) {
  Floats result;
  for (int i = 0; i < kParts; ++i) {
    result.part[i] =
        __builtin_convertvector(reinterpret_cast<NativeInt>(signed_integers.part[i]), NativeFloat);
  }
  return result;
}

// Rounds towards zero to signed integers; the values must fit.
LIGHTMAMBA_INLINE Bits truncate(const Floats& a) {
  Bits result;
  for (int i = 0; i < kParts; ++i) {
    result.part[i] = reinterpret_cast<NativeBits>(__builtin_convertvector(a.part[i], NativeInt));
  }
  return result;
}

// These treat a word as two numbers.
LIGHTMAMBA_INLINE Bits add_shorts(const Bits& a, const Bits& b) {
  Bits result;
  for (int i = 0; i < kParts; ++i) {
    result.part[i] = reinterpret_cast<NativeBits>(reinterpret_cast<NativeShorts>(a.part[i]) +
                                                  reinterpret_cast<NativeShorts>(b.part[i]));
  }
  return result;
}

// If a is NaN, so is the result.
LIGHTMAMBA_INLINE Floats clamp(const Floats& a, float low, float high) {
  Floats result;
  for (int i = 0; i < kParts; ++i) {
    const NativeFloat lows = low - NativeFloat{};
    const NativeFloat highs = high - NativeFloat{};
    const NativeFloat raised = a.part[i] < lows ? lows : a.part[i];
    result.part[i] = raised > highs ? highs : raised;
  }
  return result;
}

// As signed integers.
LIGHTMAMBA_INLINE Bits larger(const Bits& a, const Bits& b) {
  Bits result;
  for (int i = 0; i < kParts; ++i) {
    const auto left = reinterpret_cast<NativeInt>(a.part[i]);
    const auto right = reinterpret_cast<NativeInt>(b.part[i]);
    result.part[i] = reinterpret_cast<NativeBits>(left > right ? left : right);
  }
  return result;
}

LIGHTMAMBA_INLINE Floats magnitude(const Floats& a) {
  return float_of(bits_of(a) & all(0x7FFFFFFFU));
}

LIGHTMAMBA_INLINE Floats negated(const Floats& a) {
  Floats result;
  for (int i = 0; i < kParts; ++i) result.part[i] = -a.part[i];
  return result;
}

// Returns the lanes of even (odd) place of a, followed by those of b.
LIGHTMAMBA_INLINE Floats evens(const Floats& a, const Floats& b) {
  NativeFloat both[2 * kParts];
  for (int i = 0; i < kParts; ++i) both[i] = a.part[i];
  for (int i = 0; i < kParts; ++i) both[kParts + i] = b.part[i];
  Floats result;
  for (int i = 0; i < kParts; ++i) {
    result.part[i] = __builtin_shufflevector(both[2 * i], both[2 * i + 1], LIGHTMAMBA_EVENS);
  }
  return result;
}

LIGHTMAMBA_INLINE Floats odds(const Floats& a, const Floats& b) {
  NativeFloat both[2 * kParts];
  for (int i = 0; i < kParts; ++i) both[i] = a.part[i];
  for (int i = 0; i < kParts; ++i) both[kParts + i] = b.part[i];
  Floats result;
  for (int i = 0; i < kParts; ++i) {
    result.part[i] = __builtin_shufflevector(both[2 * i], both[2 * i + 1], LIGHTMAMBA_ODDS);
  }
  return result;
}

// Combines lane i with i + 8, then i + 4, i + 2, i + 1.
template <typename Register, typename Op>
LIGHTMAMBA_INLINE auto fold(const Lanes<Register>& a, const Op& op) {
#if defined(__AVX512F__)
  const auto eight =
      op(__builtin_shufflevector(a.part[0], a.part[0], 0, 1, 2, 3, 4, 5, 6, 7),
         __builtin_shufflevector(a.part[0], a.part[0], 8, 9, 10, 11, 12, 13, 14, 15));
  const auto four = op(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
                       __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#elif defined(__AVX2__)
  const auto eight = op(a.part[0], a.part[1]);
  const auto four = op(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
                       __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#else
  const auto four = op(op(a.part[0], a.part[2]), op(a.part[1], a.part[3]));
#endif
  const auto two = op(four, __builtin_shufflevector(four, four, 2, 3, 0, 1));
  return op(two, __builtin_shufflevector(two, two, 1, 0, 3, 2))[0];
}

// Folds 16 vectors, neighbouring lanes first: lane i of the result is the sum of values[i]. It
// overwrites `values`.
template <typename Op>
LIGHTMAMBA_INLINE Floats fold_each(Floats* values, const Op& op) {
  for (int count = kLanes / 2; count > 0; count /= 2) {
    for (int i = 0; i < count; ++i) {
      values[i] =
          op(evens(values[2 * i], values[2 * i + 1]), odds(values[2 * i], values[2 * i + 1]));
    }
  }
  return values[0];
}

struct Larger {
  template <typename T>
  LIGHTMAMBA_INLINE T operator()(const T& a, const T& b) const {
    return a > b ? a : b;
  }
};

LIGHTMAMBA_INLINE std::uint32_t largest_of(const Bits& a) {
  return fold(a, Larger());  // unsigned
}

// 1.5 * 2^23: beyond it a float has no fraction, so adding and subtracting it rounds to the nearest
// integer, ties to even.
inline constexpr float kRounder = 12582912.0F;

LIGHTMAMBA_INLINE Floats round_to_even(const Floats& a) {
  return (a + all(kRounder)) - all(kRounder);
}

LIGHTMAMBA_INLINE float float_from(std::uint32_t bits) {
  float value = 0;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline constexpr std::uint32_t kInfinityBits = 0x7F800000U;

// Returns the bits of the smallest power of two s with (2^(bits-1) - 1) s at least the magnitude,
// given by its bits. This equals dividing and rounding the quotient up to a power of two: a
// magnitude above (2^(bits-1) - 1) s exceeds it by more than half a unit of the quotient.
LIGHTMAMBA_INLINE std::uint32_t scale_bits(std::uint32_t magnitude_bits, int bits) {
  return ((magnitude_bits + (1U << (25 - bits)) - 1U) & kInfinityBits) -
         (static_cast<std::uint32_t>(bits - 2) << 23);
}

// Groups of a smaller range are zero when they are rounded, as in quant/range.h.
inline constexpr float kZeroRange = 1e-30F;

inline float range_of(const float* x, std::int64_t count) {
  float low = 0;
  float high = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  return high - low;
}

}  // namespace
}  // namespace lightmamba
