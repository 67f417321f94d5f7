// The recurrence of the SSM and its state's codes for the instruction set of the including file.
//
// A row is processed as vectors of 16 words of memory. A word holds kPlanes codes; masks and shifts
// alone widen each plane of them: vector v = block * kPlanes + plane of a row has the numbers block
// * 16 * kPlanes + lane * kPlanes + plane. B, C and the thresholds, which meet the row there, are
// put in the same order once. A row of floats is the case of one plane.
#pragma once

#include "kernels/elements.h"
#include "kernels/lanes.h"
#include "quant/dither.h"

namespace lightmamba {
namespace {

inline constexpr int kLargestRow = static_cast<int>(kLargestDState);
inline constexpr std::uint32_t kLowHalf = 0xFFFFU;
inline constexpr std::uint32_t kHighHalf = 0xFFFF0000U;

// Loads the blocks of `from` as vectors, with 0 beyond `count`.
template <int kPlanes>
LIGHTMAMBA_INLINE void spread(const float* from, std::int64_t count, std::int64_t vectors,
                              float* to) {
  for (std::int64_t v = 0; v < vectors; v += kPlanes) {
    Floats x[kPlanes];
    for (int i = 0; i < kPlanes; ++i) {
      const std::int64_t at = (v + i) * kLanes;
      x[i] = at < count ? load_up_to(from + at, count - at) : all(0.0F);
    }
    if constexpr (kPlanes == 2) {
      const Floats odd = odds(x[0], x[1]);
      x[0] = evens(x[0], x[1]);
      x[1] = odd;
    } else if constexpr (kPlanes == 4) {
      const Floats even[2] = {evens(x[0], x[1]), evens(x[2], x[3])};
      const Floats odd[2] = {odds(x[0], x[1]), odds(x[2], x[3])};
      x[0] = evens(even[0], even[1]);
      x[1] = evens(odd[0], odd[1]);
      x[2] = odds(even[0], even[1]);
      x[3] = odds(odd[0], odd[1]);
    }
    for (int i = 0; i < kPlanes; ++i) store(to + (v + i) * kLanes, x[i]);
  }
}

// The thresholds of a row minus that of its first number; a word holds those of two vectors.
struct Thresholds {
  alignas(64) std::uint32_t words[kLargestRow / 2];
};

template <int kPlanes>
constexpr Thresholds make_thresholds() {
  Thresholds thresholds = {};
  for (int i = 0; i < kLargestRow / 2; ++i) {
    const int vector = i / kLanes * 2;
    const int number =
        vector / kPlanes * kPlanes * kLanes + i % kLanes * kPlanes + vector % kPlanes;
    const std::uint32_t low = static_cast<std::uint32_t>(number) * kDitherIndex;
    thresholds.words[i] = (low & kLowHalf) | (low + kDitherIndex) << 16;
  }
  return thresholds;
}

template <int kPlanes>
inline constexpr Thresholds kThresholds = make_thresholds<kPlanes>();

constexpr int code_bits(StateFormat format) {
  return format == StateFormat::int16 ? 16 : format == StateFormat::int8_feedback ? 12 : 8;
}

// Codes are at the top of the words, so they are multiplied by 2^(32 - 32 / kPlanes).
template <int kPlanes>
LIGHTMAMBA_INLINE void widen(const Bits& words, Floats* to) {
  if constexpr (kPlanes == 2) {
    to[0] = to_float(words << 16);
    to[1] = to_float(words & all(kHighHalf));
  } else {
    to[0] = to_float(words << 24);
    to[1] = to_float((words << 16) & all(0xFF000000U));
    to[2] = to_float((words << 8) & all(0xFF000000U));
    to[3] = to_float(words & all(0xFF000000U));
  }
}

template <int kPlanes>
inline constexpr float kUnit = kPlanes == 2 ? 0x1p-16F : 0x1p-24F;

// The code of a number is bits 16 and up of its sum with the threshold.
template <int kPlanes>
LIGHTMAMBA_INLINE Bits pack(const Bits* sums) {
  if constexpr (kPlanes == 2) {
    return (sums[0] >> 16) | (sums[1] & all(kHighHalf));
  } else {
    return ((sums[0] >> 16) & all(0xFFU)) | ((sums[1] >> 8) & all(0xFF00U)) |
           (sums[2] & all(0xFF0000U)) | ((sums[3] << 8) & all(0xFF000000U));
  }
}

// No scale is smaller than this, at which the factor to fixed point is the largest power of two.
inline constexpr std::uint32_t kSmallestScale = 16U << 23;  // 2^-111

inline constexpr std::uint32_t kUsual = 37U << 23;  // 2^-90

// Tells whether a row with this largest magnitude needs unusual_scale().
LIGHTMAMBA_INLINE bool is_unusual(std::uint32_t largest) {
  return largest - kUsual >= kInfinityBits - kUsual;
}

// Returns the scale of a row that is tiny or not finite, or else 0 or NaN; `h` has its numbers in
// any order.
[[gnu::cold]] inline float unusual_scale(std::uint32_t largest, int bits, const float* h,
                                         std::int64_t count) {
  if (largest >= kInfinityBits) return __builtin_nanf("");
  if (range_of(h, count) < kZeroRange) return 0;
  const std::uint32_t scale = scale_bits(largest, bits);
  return float_from(scale < kSmallestScale ? kSmallestScale : scale);
}

// Rounds the row h to codes in `words`. `first` is the threshold of its first number.
template <int kPlanes>
LIGHTMAMBA_INLINE void round_row(const float* h, std::int64_t vectors, float scale, float to_fixed,
                                 std::uint32_t first, std::byte* words) {
  if (!(scale > 0)) {
    for (std::int64_t v = 0; v < vectors; v += kPlanes) {
      store_bits(words + v / kPlanes * 64, all(0U));
    }
    return;
  }
  const Floats factor = all(to_fixed);
  const Bits start = all((first & kLowHalf) * 0x10001U);
  for (std::int64_t v = 0; v < vectors; v += kPlanes) {
    // No clamp is needed: a scale is never so small that the code of the largest number is too
    // high.
    Bits sums[kPlanes];
    for (int i = 0; i < kPlanes; i += 2) {
      const Bits pair =
          add_shorts(load_bits(kThresholds<kPlanes>.words + (v + i) / 2 * kLanes), start);
      const float* two = h + (v + i) * kLanes;
      sums[i] = truncate(load(two) * factor) + (pair & all(kLowHalf));
      sums[i + 1] = truncate(load(two + kLanes) * factor) + (pair >> 16);
    }
    store_bits(words + v / kPlanes * 64, pack<kPlanes>(sums));
  }
}

LIGHTMAMBA_INLINE std::uint32_t first_threshold(const StateLayout& layout, std::uint32_t dither,
                                                std::int64_t row) {
  return dither + static_cast<std::uint32_t>(row * layout.d_state) * kDitherIndex;
}

// B and C of a group in the order of a row's vectors.
struct RowOrder {
  alignas(64) float B[kLargestRow];
  alignas(64) float C[kLargestRow];
};

// The values of a row before it is rounded that y and its scale are computed from.
struct RowResult {
  Floats products;  // products of y, not yet summed
  Floats largest;   // magnitudes
};

template <int kPlanes>
LIGHTMAMBA_INLINE RowResult step_row(const std::byte* words, std::int64_t vectors, float scale,
                                     float decay, float input, const RowOrder& order, float* h) {
  const Floats inputs = all(input);
  const float unit = scale * kUnit<kPlanes>;
  // The factor is exactly decay times the scale, unless that is too small for a normal number.
  const bool is_exact = decay * unit >= 0x1p-126F || !(unit > 0) || decay == 0;
  const Floats first_factor = all(is_exact ? decay * unit : unit);
  const Floats second_factor = all(is_exact ? 1.0F : decay);
  Floats sums[2] = {all(0.0F), all(0.0F)};
  Bits largest = all(0U);
  const auto take = [&](auto kept_of) __attribute__((always_inline)) {
    for (std::int64_t v = 0; v < vectors; v += kPlanes) {
      Floats code[kPlanes];
      widen<kPlanes>(load_bits(words + v / kPlanes * 64), code);
      for (int i = 0; i < kPlanes; ++i) {
        const std::int64_t at = (v + i) * kLanes;
        const Floats number = kept_of(code[i]) + inputs * load(order.B + at);
        store(h + at, number);
        sums[i % 2] = sums[i % 2] + number * load(order.C + at);
        largest = larger(largest, bits_of(magnitude(number)));
      }
    }
  };
  if (is_exact) {
    take([&](const Floats& code) { return code * first_factor; });
  } else {
    take([&](const Floats& code) { return code * first_factor * second_factor; });
  }
  return {sums[0] + sums[1], float_of(largest)};
}

LIGHTMAMBA_INLINE Floats step_float_row(float* numbers, std::int64_t vectors, float decay,
                                        float input, const RowOrder& order) {
  const Floats decays = all(decay);
  const Floats inputs = all(input);
  Floats sums[2] = {all(0.0F), all(0.0F)};
  for (std::int64_t v = 0; v < vectors; v += 2) {
    for (int i = 0; i < 2; ++i) {
      const std::int64_t at = (v + i) * kLanes;
      const Floats h = decays * load(numbers + at) + inputs * load(order.B + at);
      store(numbers + at, h);
      sums[i] = sums[i] + h * load(order.C + at);
    }
  }
  return sums[0] + sums[1];
}

struct LargerMagnitude {
  LIGHTMAMBA_INLINE Floats operator()(const Floats& a, const Floats& b) const {
    return float_of(larger(bits_of(a), bits_of(b)));
  }
};

struct Add {
  LIGHTMAMBA_INLINE Floats operator()(const Floats& a, const Floats& b) const { return a + b; }
};

// Runs one head, 16 rows at a time, so that the work for each row is done in vectors. kKnown is the
// number of vectors of a row, or 0 if only the layout tells.
template <int kPlanes, int kKnown>
[[gnu::noinline]] void step_head(const SsmStepArguments& a, std::int64_t head,
                                 const RowOrder& order) {
  const StateLayout layout = a.layout;
  const std::int64_t vectors = kKnown > 0 ? kKnown : layout.row / kLanes;
  const std::int64_t row_bytes = layout.row * (4 / kPlanes);
  std::byte* const memory = a.state + head * layout.head_bytes;
  const std::byte* const end = a.state + a.end_head * layout.head_bytes;
  const float dt = a.dt[head];
  const float decay = a.decay[head];
  const int bits = code_bits(layout.format);
  alignas(64) float h[kPlanes == 1 ? 1 : kLanes * (kKnown > 0 ? kKnown * kLanes : kLargestRow)];
  for (std::int64_t begin = 0; begin < layout.headdim; begin += kLanes) {
    const std::int64_t rows = layout.headdim - begin < kLanes ? layout.headdim - begin : kLanes;
    const float* x = a.x + head * layout.headdim + begin;
    float* const scales = reinterpret_cast<float*>(memory) + begin;
    std::byte* const words = memory + layout.codes_at + begin * row_bytes;
    Floats products[kLanes];
    Floats largest[kLanes];
    for (std::int64_t r = 0; r < rows; ++r) {
      // The row of the next block, which the processor would not fetch in time.
      const std::byte* const ahead = words + (kLanes + r) * row_bytes;
      for (std::int64_t at = 0; at < row_bytes && ahead < end; at += 64) {
        __builtin_prefetch(ahead + at);
      }
      if constexpr (kPlanes == 1) {
        auto* const numbers = reinterpret_cast<float*>(words + r * row_bytes);
        products[r] = step_float_row(numbers, vectors, decay, dt * x[r], order);
      } else {
        const RowResult result = step_row<kPlanes>(words + r * row_bytes, vectors, scales[r], decay,
                                                   dt * x[r], order, h + r * vectors * kLanes);
        products[r] = result.products;
        largest[r] = result.largest;
      }
    }
    for (std::int64_t r = rows; r < kLanes; ++r) products[r] = largest[r] = all(1.0F);
    const Floats y = fold_each(products, Add()) + all(a.D[head]) * load_up_to(x, rows);
    store_up_to(a.y + head * layout.headdim + begin, y, rows);
    if constexpr (kPlanes > 1) {
      const Bits largest_bits = bits_of(fold_each(largest, LargerMagnitude()));
      const Bits scale = ((largest_bits + all((1U << (25 - bits)) - 1U)) & all(kInfinityBits)) -
                         all(static_cast<std::uint32_t>(bits - 2) << 23);
      std::uint32_t magnitudes[kLanes];
      float new_scales[kLanes];
      float factors[kLanes];
      store_bits(magnitudes, largest_bits);
      store(new_scales, float_of(scale));
      store(factors, float_of(all((254U + kDitherBits) << 23) - scale));
      int unusual = 0;
      for (const std::uint32_t value : magnitudes) unusual |= static_cast<int>(is_unusual(value));
      if (unusual != 0) {
        for (std::int64_t r = 0; r < rows; ++r) {
          if (!is_unusual(magnitudes[r])) continue;
          new_scales[r] =
              unusual_scale(magnitudes[r], bits, h + r * vectors * kLanes, vectors * kLanes);
          factors[r] = static_cast<float>(1 << kDitherBits) / new_scales[r];
        }
      }
      const std::uint32_t first = first_threshold(layout, a.dither, head * layout.headdim + begin);
      const auto row_step = static_cast<std::uint32_t>(layout.d_state) * kDitherIndex;
      for (std::int64_t r = 0; r < rows; ++r) {
        scales[r] = new_scales[r];
        round_row<kPlanes>(h + r * vectors * kLanes, vectors, new_scales[r], factors[r],
                           first + static_cast<std::uint32_t>(r) * row_step, words + r * row_bytes);
      }
    }
  }
}

template <int kPlanes>
void step_heads(const SsmStepArguments& a) {
  RowOrder order;
  const std::int64_t vectors = a.layout.row / kLanes;
  std::int64_t group = -1;
  for (std::int64_t head = a.first_head; head < a.end_head; ++head) {
    if (head / a.heads_per_group != group) {
      group = head / a.heads_per_group;
      spread<kPlanes>(a.B + group * a.layout.d_state, a.layout.d_state, vectors, order.B);
      spread<kPlanes>(a.C + group * a.layout.d_state, a.layout.d_state, vectors, order.C);
    }
    if (vectors == 8) {
      step_head<kPlanes, 8>(a, head, order);
    } else {
      step_head<kPlanes, 0>(a, head, order);
    }
  }
}

inline void ssm_step(const SsmStepArguments& arguments) {
  switch (arguments.layout.format) {
    case StateFormat::floating:
      return step_heads<1>(arguments);
    case StateFormat::int16:
    case StateFormat::int8_feedback:
      return step_heads<2>(arguments);
    case StateFormat::int8:
      return step_heads<4>(arguments);
  }
}

template <int kPlanes>
void encode_row(const StateLayout& layout, const float* from, std::uint32_t first, float* scale,
                std::byte* words) {
  const std::int64_t vectors = layout.row / kLanes;
  const int bits = code_bits(layout.format);
  float row[kLargestRow];
  spread<kPlanes>(from, layout.d_state, vectors, row);
  Bits magnitudes = all(0U);
  for (std::int64_t v = 0; v < vectors; ++v) {
    magnitudes = larger(magnitudes, bits_of(magnitude(load(row + v * kLanes))));
  }
  const std::uint32_t largest = largest_of(magnitudes);
  *scale = is_unusual(largest) ? unusual_scale(largest, bits, row, layout.row)
                               : float_from(scale_bits(largest, bits));
  round_row<kPlanes>(row, vectors, *scale, static_cast<float>(1 << kDitherBits) / *scale, first,
                     words);
}

inline void encode_state(const StateLayout& layout, std::int64_t first_head, std::int64_t end_head,
                         std::uint32_t dither, const float* from, std::byte* state) {
  const bool bytes = layout.format == StateFormat::int8;
  for (std::int64_t r = first_head * layout.headdim; r < end_head * layout.headdim; ++r) {
    std::byte* const memory = state + r / layout.headdim * layout.head_bytes;
    const std::int64_t p = r % layout.headdim;
    const float* row = from + r * layout.d_state;
    const std::uint32_t first = first_threshold(layout, dither, r);
    float* const scale = reinterpret_cast<float*>(memory) + p;
    if (layout.format == StateFormat::floating) {
      auto* const numbers = reinterpret_cast<float*>(memory) + p * layout.row;
      spread<1>(row, layout.d_state, layout.row / kLanes, numbers);
    } else if (bytes) {
      encode_row<4>(layout, row, first, scale, memory + layout.codes_at + p * layout.row);
    } else {
      encode_row<2>(layout, row, first, scale, memory + layout.codes_at + p * layout.row * 2);
    }
  }
}

inline void decode_state(const StateLayout& layout, std::int64_t first_head, std::int64_t end_head,
                         const std::byte* state, float* to) {
  for (std::int64_t r = first_head * layout.headdim; r < end_head * layout.headdim; ++r) {
    const std::byte* const memory = state + r / layout.headdim * layout.head_bytes;
    const std::int64_t p = r % layout.headdim;
    const float scale = reinterpret_cast<const float*>(memory)[p];
    const std::byte* const codes = memory + layout.codes_at;
    float* const row = to + r * layout.d_state;
    for (std::int64_t n = 0; n < layout.d_state; ++n) {
      const std::int64_t at = p * layout.row + n;
      if (layout.format == StateFormat::floating) {
        row[n] = reinterpret_cast<const float*>(codes)[at];
      } else if (layout.format == StateFormat::int8) {
        row[n] = static_cast<float>(reinterpret_cast<const std::int8_t*>(codes)[at]) * scale;
      } else {
        row[n] = static_cast<float>(reinterpret_cast<const std::int16_t*>(codes)[at]) * scale;
      }
    }
  }
}

}  // namespace
}  // namespace lightmamba
