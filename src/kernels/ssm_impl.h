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

// Returns what widen() gives before it converts to float, of one plane from its sum.
template <int kPlanes>
LIGHTMAMBA_INLINE Bits code_at_top(const Bits& sum) {
  if constexpr (kPlanes == 2) {
    return sum & all(kHighHalf);
  } else {
    return (sum << 8) & all(0xFF000000U);
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

// How a row is rounded: to multiples of a scale, with the thresholds that begin with `first`.
struct Rounding {
  float scale;  // no number but 0 is a multiple of 0 or NaN
  float to_fixed;
  std::uint32_t first;
};

// The sums of numbers and thresholds from which codes are cut, for rows with a scale above 0.
template <int kPlanes>
struct RoundedRow {
  const float* h;
  Floats factor;
  Bits start;

  LIGHTMAMBA_INLINE RoundedRow(const float* row, const Rounding& rounding)
      : h(row),
        factor(all(rounding.to_fixed)),
        start(all((rounding.first & kLowHalf) * 0x10001U)) {}

  // No clamp is needed: a scale is never so small that the code of the largest number is too high.
  LIGHTMAMBA_INLINE void sums(std::int64_t v, Bits* to) const {
    for (int i = 0; i < kPlanes; i += 2) {
      const Bits pair =
          add_shorts(load_bits(kThresholds<kPlanes>.words + (v + i) / 2 * kLanes), start);
      const float* two = h + (v + i) * kLanes;
      to[i] = truncate(load(two) * factor) + (pair & all(kLowHalf));
      to[i + 1] = truncate(load(two + kLanes) * factor) + (pair >> 16);
    }
  }
};

inline void clear_row(std::int64_t bytes, std::byte* words) {
  for (std::int64_t at = 0; at < bytes; at += 64) store_bits(words + at, all(0U));
}

// Rounds the row h to codes in `words`.
template <int kPlanes>
LIGHTMAMBA_INLINE void round_row(const float* h, std::int64_t vectors, const Rounding& rounding,
                                 std::byte* words) {
  if (!(rounding.scale > 0)) return clear_row(vectors / kPlanes * 64, words);
  const RoundedRow<kPlanes> row(h, rounding);
  for (std::int64_t v = 0; v < vectors; v += kPlanes) {
    Bits sums[kPlanes];
    row.sums(v, sums);
    store_bits(words + v / kPlanes * 64, pack<kPlanes>(sums));
  }
}

LIGHTMAMBA_INLINE std::uint32_t first_threshold(const StateLayout& layout, std::uint32_t dither,
                                                std::int64_t row) {
  return dither + static_cast<std::uint32_t>(row * layout.d_state) * kDitherIndex;
}

// B and C of a group in the order of a row's vectors.
struct RowOrder {
  const float* B;
  const float* C;
};

// The values of a row before it is rounded that y and its scale are computed from.
struct RowResult {
  Floats products;  // products of y, not yet summed; 0 if y is not wanted
  Floats largest;   // magnitudes
};

// The codes of a row in memory, as widen() gives them.
template <int kPlanes>
struct CodesInMemory {
  const std::byte* words;

  LIGHTMAMBA_INLINE void operator()(std::int64_t v, Floats* to) const {
    widen<kPlanes>(load_bits(words + v / kPlanes * 64), to);
  }
};

// The codes of a row that is rounded only now.
template <int kPlanes>
struct CodesOfNumbers {
  RoundedRow<kPlanes> row;

  LIGHTMAMBA_INLINE void operator()(std::int64_t v, Floats* to) const {
    Bits sums[kPlanes];
    row.sums(v, sums);
    for (int i = 0; i < kPlanes; ++i) to[i] = to_float(code_at_top<kPlanes>(sums[i]));
  }
};

// Steps a row whose codes `codes` gives and whose scale is `scale` to the numbers h.
template <int kPlanes, bool kOutput, typename Codes>
LIGHTMAMBA_INLINE RowResult step_row(const Codes& codes, std::int64_t vectors, float scale,
                                     float decay, float input, RowOrder order, float* h) {
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
      codes(v, code);
      for (int i = 0; i < kPlanes; ++i) {
        const std::int64_t at = (v + i) * kLanes;
        const Floats number = kept_of(code[i]) + inputs * load(order.B + at);
        store(h + at, number);
        if constexpr (kOutput) sums[i % 2] = sums[i % 2] + number * load(order.C + at);
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

template <bool kOutput>
LIGHTMAMBA_INLINE Floats step_float_row(const float* from, std::int64_t vectors, float decay,
                                        float input, RowOrder order, float* to) {
  const Floats decays = all(decay);
  const Floats inputs = all(input);
  Floats sums[2] = {all(0.0F), all(0.0F)};
  for (std::int64_t v = 0; v < vectors; v += 2) {
    for (int i = 0; i < 2; ++i) {
      const std::int64_t at = (v + i) * kLanes;
      const Floats h = decays * load(from + at) + inputs * load(order.B + at);
      store(to + at, h);
      if constexpr (kOutput) sums[i] = sums[i] + h * load(order.C + at);
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

// Up to 16 rows of a head, whose work that is not in vectors of a row is done together. kKnown is
// the number of vectors of a row, or 0 if only the layout tells.
template <int kPlanes, int kKnown>
struct RowBlock {
  StateLayout layout;
  std::int64_t first;  // row in the layer
  std::int64_t rows;
  float* scales;     // in memory
  std::byte* words;  // in memory
  // The numbers that the last token has left, unless those in memory are newer, and how they will
  // be rounded.
  alignas(64) float numbers[kLanes * (kKnown > 0 ? kKnown * kLanes : kLargestRow)];
  alignas(64) float new_scales[kLanes];
  alignas(64) float factors[kLanes];
  std::uint32_t threshold;

  LIGHTMAMBA_INLINE std::int64_t vectors() const {
    return kKnown > 0 ? kKnown : layout.row / kLanes;
  }
  LIGHTMAMBA_INLINE std::int64_t row_bytes() const { return vectors() * kLanes * (4 / kPlanes); }
  LIGHTMAMBA_INLINE float* numbers_of(std::int64_t r) { return numbers + r * vectors() * kLanes; }
  LIGHTMAMBA_INLINE std::byte* words_of(std::int64_t r) { return words + r * row_bytes(); }
  LIGHTMAMBA_INLINE Rounding rounding_of(std::int64_t r) const {
    const auto row_step = static_cast<std::uint32_t>(layout.d_state) * kDitherIndex;
    return {new_scales[r], factors[r], threshold + static_cast<std::uint32_t>(r) * row_step};
  }
};

// Finds how the numbers will be rounded from the largest magnitudes of the rows.
template <int kPlanes, int kKnown>
LIGHTMAMBA_INLINE void find_rounding(RowBlock<kPlanes, kKnown>& block, Floats* largest,
                                     std::uint32_t dither) {
  const int bits = code_bits(block.layout.format);
  const Bits largest_bits = bits_of(fold_each(largest, LargerMagnitude()));
  const Bits scale = ((largest_bits + all((1U << (25 - bits)) - 1U)) & all(kInfinityBits)) -
                     all(static_cast<std::uint32_t>(bits - 2) << 23);
  std::uint32_t magnitudes[kLanes];
  store_bits(magnitudes, largest_bits);
  store(block.new_scales, float_of(scale));
  store(block.factors, float_of(all((254U + kDitherBits) << 23) - scale));
  block.threshold = first_threshold(block.layout, dither, block.first);
  int unusual = 0;
  for (const std::uint32_t value : magnitudes) unusual |= static_cast<int>(is_unusual(value));
  if (unusual == 0) return;
  for (std::int64_t r = 0; r < block.rows; ++r) {
    if (!is_unusual(magnitudes[r])) continue;
    block.new_scales[r] =
        unusual_scale(magnitudes[r], bits, block.numbers_of(r), block.vectors() * kLanes);
    block.factors[r] = static_cast<float>(1 << kDitherBits) / block.new_scales[r];
  }
}

// Rounds the numbers into memory.
template <int kPlanes, int kKnown>
LIGHTMAMBA_INLINE void store_block(RowBlock<kPlanes, kKnown>& block) {
  for (std::int64_t r = 0; r < block.rows; ++r) {
    block.scales[r] = block.new_scales[r];
    round_row<kPlanes>(block.numbers_of(r), block.vectors(), block.rounding_of(r),
                       block.words_of(r));
  }
}

// The codes of a row that is in `numbers`.
template <int kPlanes, int kKnown>
LIGHTMAMBA_INLINE CodesOfNumbers<kPlanes> codes_of_numbers(RowBlock<kPlanes, kKnown>& block,
                                                           std::int64_t r) {
  Rounding rounding = block.rounding_of(r);
  float* const row = block.numbers_of(r);
  if (!(rounding.scale > 0)) {
    rounding.to_fixed = 0;
    for (std::int64_t v = 0; v < block.vectors(); ++v) store(row + v * kLanes, all(0.0F));
  }
  return {RoundedRow<kPlanes>(row, rounding)};
}

enum class Place { memory, numbers };

// Runs a token over the rows of a block, which it finds in one place. It leaves them in `numbers`,
// or floats where `to` says. `end` is the end of the memory to prefetch from.
template <Place kFrom, bool kOutput, int kPlanes, int kKnown>
[[gnu::noinline]] void step_block(RowBlock<kPlanes, kKnown>& block, const SsmToken& token,
                                  std::int64_t head, float D, RowOrder order, Place to,
                                  const std::byte* end) {
  const float* x = token.x + block.first;
  const float dt = token.dt[head];
  const float decay = token.decay[head];
  Floats products[kLanes];
  Floats largest[kLanes];
  for (std::int64_t r = 0; r < block.rows; ++r) {
    std::byte* const words = block.words_of(r);
    float* const numbers = block.numbers_of(r);
    if constexpr (kFrom == Place::memory) {
      // The row of the next block, which the processor would not fetch in time.
      const std::byte* const ahead = words + kLanes * block.row_bytes();
      for (std::int64_t at = 0; at < block.row_bytes() && ahead < end; at += 64) {
        __builtin_prefetch(ahead + at);
      }
    }
    if constexpr (kPlanes == 1) {
      auto* const memory = reinterpret_cast<float*>(words);
      products[r] =
          step_float_row<kOutput>(kFrom == Place::memory ? memory : numbers, block.vectors(), decay,
                                  dt * x[r], order, to == Place::memory ? memory : numbers);
    } else {
      RowResult result;
      if constexpr (kFrom == Place::memory) {
        result = step_row<kPlanes, kOutput>(CodesInMemory<kPlanes>{words}, block.vectors(),
                                            block.scales[r], decay, dt * x[r], order, numbers);
      } else {
        result = step_row<kPlanes, kOutput>(codes_of_numbers(block, r), block.vectors(),
                                            block.new_scales[r], decay, dt * x[r], order, numbers);
      }
      products[r] = result.products;
      largest[r] = result.largest;
    }
  }
  for (std::int64_t r = block.rows; r < kLanes; ++r) products[r] = largest[r] = all(1.0F);
  if constexpr (kOutput) {
    const Floats y = fold_each(products, Add()) + all(D) * load_up_to(x, block.rows);
    store_up_to(token.y + block.first, y, block.rows);
  }
  if constexpr (kPlanes > 1) find_rounding(block, largest, token.dither);
}

template <int kPlanes, int kKnown>
[[gnu::noinline]] void step_head(const SsmStepArguments& a, std::int64_t head) {
  RowBlock<kPlanes, kKnown> block;
  block.layout = a.layout;
  const std::int64_t headdim = a.layout.headdim;
  std::byte* const memory = a.state + head * a.layout.head_bytes;
  for (std::int64_t begin = 0; begin < headdim; begin += kLanes) {
    block.first = head * headdim + begin;
    block.rows = headdim - begin < kLanes ? headdim - begin : kLanes;
    block.scales = reinterpret_cast<float*>(memory) + begin;
    block.words = memory + a.layout.codes_at + begin * block.row_bytes();
    for (std::int64_t t = 0; t < a.count; ++t) {
      const SsmToken& token = a.tokens[t];
      // Floats are stored by the step itself.
      const bool is_stored = kPlanes == 1 ? t <= a.stored : t == 0 || t == a.stored;
      if (kPlanes > 1 && t > 0 && t == a.stored) store_block(block);
      const float* const B = a.scratch + 2 * t * a.layout.row;
      const RowOrder order = {B, B + a.layout.row};
      const Place to = t < a.stored ? Place::memory : Place::numbers;
      const std::byte* const end =
          t == 0 ? a.state + a.end_head * a.layout.head_bytes : block.words;
      const auto step = [&](auto run) { run(block, token, head, a.D[head], order, to, end); };
      if (is_stored && token.y != nullptr) {
        step(step_block<Place::memory, true, kPlanes, kKnown>);
      } else if (is_stored) {
        step(step_block<Place::memory, false, kPlanes, kKnown>);
      } else if (token.y != nullptr) {
        step(step_block<Place::numbers, true, kPlanes, kKnown>);
      } else {
        step(step_block<Place::numbers, false, kPlanes, kKnown>);
      }
    }
    if (kPlanes > 1 && a.stored == a.count) store_block(block);
  }
}

template <int kPlanes>
void step_heads(const SsmStepArguments& a) {
  const std::int64_t row = a.layout.row;
  const std::int64_t vectors = row / kLanes;
  std::int64_t group = -1;
  for (std::int64_t head = a.first_head; head < a.end_head; ++head) {
    if (head / a.heads_per_group != group) {
      group = head / a.heads_per_group;
      const std::int64_t at = group * a.layout.d_state;
      for (std::int64_t t = 0; t < a.count; ++t) {
        const SsmToken& token = a.tokens[t];
        float* const B = a.scratch + 2 * t * row;
        spread<kPlanes>(token.B + at, a.layout.d_state, vectors, B);
        if (token.y != nullptr) spread<kPlanes>(token.C + at, a.layout.d_state, vectors, B + row);
      }
    }
    if (vectors == 8) {
      step_head<kPlanes, 8>(a, head);
    } else {
      step_head<kPlanes, 0>(a, head);
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
  round_row<kPlanes>(row, vectors, {*scale, static_cast<float>(1 << kDitherBits) / *scale, first},
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
