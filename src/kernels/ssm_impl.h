// The recurrence of the SSM and its state's codes for the instruction set of the including file.
//
// A row is worked on as vectors of 16 words of memory. A word holds kPlanes codes, each plane of
// which is widened by masks and shifts alone: vector v = block * kPlanes + plane of a row has the
// numbers block * 16 * kPlanes + lane * kPlanes + plane. What meets the row there, B and C and the
// thresholds, is put in the same order once. A row of floats is the case of one plane.
#pragma once

#include "kernels/elements.h"
#include "kernels/lanes.h"

namespace lightmamba {
namespace {

constexpr int kLargestRow = static_cast<int>(kLargestDState);
constexpr std::uint32_t kIndexStep = 37345;  // of the thresholds, along a layer's state
constexpr int kFractionBits = 16;
constexpr std::uint32_t kLowHalf = 0xFFFFU;
constexpr std::uint32_t kHighHalf = 0xFFFF0000U;

// The number at a lane of a vector.
template <int kPlanes>
LIGHTMAMBA_INLINE std::int64_t place(std::int64_t vector, int lane) {
  return vector / kPlanes * kPlanes * kLanes + lane * kPlanes + vector % kPlanes;
}

template <int kPlanes>
LIGHTMAMBA_INLINE void spread(const float* from, std::int64_t count, std::int64_t vectors,
                              float* to) {
  for (std::int64_t v = 0; v < vectors; ++v) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const std::int64_t n = place<kPlanes>(v, lane);
      to[v * kLanes + lane] = n < count ? from[n] : 0.0F;
    }
  }
}

// Thresholds less that of the row's first number; those of two vectors in a word.
template <int kPlanes>
LIGHTMAMBA_INLINE void fill_thresholds(std::int64_t vectors, std::uint32_t* to) {
  for (std::int64_t v = 0; v < vectors; v += 2) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const auto low = static_cast<std::uint32_t>(place<kPlanes>(v, lane)) * kIndexStep;
      const auto high = static_cast<std::uint32_t>(place<kPlanes>(v + 1, lane)) * kIndexStep;
      to[v / 2 * kLanes + lane] = (low & kLowHalf) | high << 16;
    }
  }
}

constexpr int code_bits(StateFormat format) {
  return format == StateFormat::int16 ? 16 : format == StateFormat::int8_feedback ? 12 : 8;
}

// Codes at the top of the words, so times 2^(32 - 32 / kPlanes).
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
constexpr float kUnit = kPlanes == 2 ? 0x1p-16F : 0x1p-24F;

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

// Scales are held at this, where the factor to fixed point is the largest power of two.
constexpr std::uint32_t kSmallestScale = 16U << 23;  // 2^-111

// The scale of a row that is tiny or not finite; `h` has its numbers in any order.
[[gnu::noinline]] float unusual_scale(std::uint32_t largest, int bits, const Floats* h,
                                      std::int64_t vectors) {
  if (largest >= kInfinityBits) return __builtin_nanf("");
  float row[kLargestRow];
  for (std::int64_t v = 0; v < vectors; ++v) store(row + v * kLanes, h[v]);
  if (range_of(row, vectors * kLanes) < kZeroRange) return 0;
  const std::uint32_t scale = scale_bits(largest, bits);
  return float_from(scale < kSmallestScale ? kSmallestScale : scale);
}

// Rounds the row h, whose largest magnitude has the bits `largest`: codes to `words`, and the scale
// is returned. `first` is the threshold of its first number.
template <int kPlanes>
LIGHTMAMBA_INLINE float round_row(const Floats* h, std::int64_t vectors, std::uint32_t largest,
                                  int bits, const std::uint32_t* thresholds, std::uint32_t first,
                                  std::byte* words) {
  float scale = float_from(scale_bits(largest, bits));
  constexpr std::uint32_t kUsual = 37U << 23;  // 2^-90
  if (largest - kUsual >= kInfinityBits - kUsual) {
    scale = unusual_scale(largest, bits, h, vectors);
    if (!(scale > 0)) {
      for (std::int64_t v = 0; v < vectors; v += kPlanes) {
        store_bits(words + v / kPlanes * 64, all(0U));
      }
      return scale;
    }
  }
  std::uint32_t pattern = 0;
  __builtin_memcpy(&pattern, &scale, sizeof pattern);
  const Floats to_fixed = all(float_from(((254U + kFractionBits) << 23) - pattern));
  const Bits start = all((first & kLowHalf) * 0x10001U);
  for (std::int64_t v = 0; v < vectors; v += kPlanes) {
    // No clamp: a scale is never so small that the largest number would have a code too high.
    Bits sums[kPlanes];
    for (int p = 0; p < kPlanes; p += 2) {
      const Bits pair = add_shorts(load_bits(thresholds + (v + p) / 2 * kLanes), start);
      sums[p] = truncate(h[v + p] * to_fixed) + (pair & all(kLowHalf));
      sums[p + 1] = truncate(h[v + p + 1] * to_fixed) + (pair >> 16);
    }
    store_bits(words + v / kPlanes * 64, pack<kPlanes>(sums));
  }
  return scale;
}

LIGHTMAMBA_INLINE std::uint32_t first_threshold(const StateLayout& layout, std::uint32_t dither,
                                                std::int64_t row) {
  return dither + static_cast<std::uint32_t>(row * layout.d_state) * kIndexStep;
}

// One head; kKnown is the vectors of a row, or 0 for what the layout says.
template <int kPlanes, int kKnown>
void step_head(const SsmStepArguments& a, std::int64_t head, const float* B, const float* C,
               const std::uint32_t* thresholds) {
  const std::int64_t vectors = kKnown > 0 ? kKnown : a.layout.row / kLanes;
  const std::int64_t headdim = a.layout.headdim;
  std::byte* const memory = a.state + head * a.layout.head_bytes;
  auto* const scales = reinterpret_cast<float*>(memory);
  const Floats decay = all(a.decay[head]);
  const int bits = code_bits(a.layout.format);
  for (std::int64_t p = 0; p < headdim; ++p) {
    const std::int64_t row = head * headdim + p;
    const float x = a.x[row];
    const Floats input = all(a.dt[head] * x);
    std::byte* const words = memory + a.layout.codes_at + p * a.layout.row * (4 / kPlanes);
    Floats sum[2] = {all(0.0F), all(0.0F)};
    if constexpr (kPlanes == 1) {
      auto* const numbers = reinterpret_cast<float*>(words);
      for (std::int64_t v = 0; v < vectors; ++v) {
        const Floats h = decay * load(numbers + v * kLanes) + input * load(B + v * kLanes);
        store(numbers + v * kLanes, h);
        sum[v % 2] = sum[v % 2] + h * load(C + v * kLanes);
      }
    } else {
      Floats h[kKnown > 0 ? kKnown : kLargestRow / kLanes];
      Bits largest = all(0U);
      const Floats unit = all(scales[p] * kUnit<kPlanes>);
      for (std::int64_t v = 0; v < vectors; v += kPlanes) {
        Floats code[kPlanes];
        widen<kPlanes>(load_bits(words + v / kPlanes * 64), code);
        for (int i = 0; i < kPlanes; ++i) {
          const Floats number = decay * (code[i] * unit) + input * load(B + (v + i) * kLanes);
          h[v + i] = number;
          sum[i % 2] = sum[i % 2] + number * load(C + (v + i) * kLanes);
          largest = larger(largest, bits_of(magnitude(number)));
        }
      }
      scales[p] = round_row<kPlanes>(h, vectors, largest_of(largest), bits, thresholds,
                                     first_threshold(a.layout, a.dither, row), words);
    }
    a.y[row] = sum_of(sum[0] + sum[1]) + a.D[head] * x;
  }
}

template <int kPlanes>
void step_heads(const SsmStepArguments& a) {
  alignas(64) float B[kLargestRow];
  alignas(64) float C[kLargestRow];
  alignas(64) std::uint32_t thresholds[kLargestRow / 2];
  const std::int64_t vectors = a.layout.row / kLanes;
  if (kPlanes > 1) fill_thresholds<kPlanes>(vectors, thresholds);
  std::int64_t group = -1;
  for (std::int64_t head = a.first_head; head < a.end_head; ++head) {
    if (head / a.heads_per_group != group) {
      group = head / a.heads_per_group;
      spread<kPlanes>(a.B + group * a.layout.d_state, a.layout.d_state, vectors, B);
      spread<kPlanes>(a.C + group * a.layout.d_state, a.layout.d_state, vectors, C);
    }
    if (vectors == 8) {
      step_head<kPlanes, 8>(a, head, B, C, thresholds);
    } else {
      step_head<kPlanes, 0>(a, head, B, C, thresholds);
    }
  }
}

void ssm_step(const SsmStepArguments& arguments) {
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
void encode_row(const StateLayout& layout, const float* from, std::uint32_t first,
                const std::uint32_t* thresholds, float* scale, std::byte* words) {
  const std::int64_t vectors = layout.row / kLanes;
  float row[kLargestRow];
  Floats h[kLargestRow / kLanes];
  spread<kPlanes>(from, layout.d_state, vectors, row);
  Bits largest = all(0U);
  for (std::int64_t v = 0; v < vectors; ++v) {
    h[v] = load(row + v * kLanes);
    largest = larger(largest, bits_of(magnitude(h[v])));
  }
  *scale = round_row<kPlanes>(h, vectors, largest_of(largest), code_bits(layout.format), thresholds,
                              first, words);
}

void encode_state(const StateLayout& layout, std::int64_t first_head, std::int64_t end_head,
                  std::uint32_t dither, const float* from, std::byte* state) {
  std::uint32_t thresholds[kLargestRow / 2];
  const bool bytes = layout.format == StateFormat::int8;
  if (bytes) {
    fill_thresholds<4>(layout.row / kLanes, thresholds);
  } else {
    fill_thresholds<2>(layout.row / kLanes, thresholds);
  }
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
      encode_row<4>(layout, row, first, thresholds, scale,
                    memory + layout.codes_at + p * layout.row);
    } else {
      encode_row<2>(layout, row, first, thresholds, scale,
                    memory + layout.codes_at + p * layout.row * 2);
    }
  }
}

void decode_state(const StateLayout& layout, std::int64_t first_head, std::int64_t end_head,
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
