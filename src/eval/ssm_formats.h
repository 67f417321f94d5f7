// Number formats for the recurrence of a state-space layer, for studies of what they cost.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "eval/random.h"

namespace lightmamba {

// How the state is kept between tokens: codes with a power-of-two scale for each d_state numbers,
// chosen again at every step. "int8+4" is INT8 with error feedback: what the 8-bit code loses is
// kept as a 4-bit remainder and added back at the next step, so that the two are a 12-bit value.
// Stochastic rounding goes up or down with the probabilities that keep the mean, so that inputs far
// below the last bit are not lost for ever.
struct StudyStateFormat {
  std::string_view name;
  int bits;  // 0: float32
  bool stochastic = false;
};
inline constexpr std::array<StudyStateFormat, 6> kStateFormats = {{{"float32", 0},
                                                                   {"int16", 16},
                                                                   {"int16-stochastic", 16, true},
                                                                   {"int8+4", 12},
                                                                   {"int8+4-stochastic", 12, true},
                                                                   {"int8", 8}}};

// `random` is drawn from for stochastic rounding alone.
void round_state(const StudyStateFormat& format, std::int64_t d_state, Random& random,
                 std::span<float> state);

// How the decay a is kept. `fixed` rounds a to so many fraction bits; `complement` rounds 1 - a to
// a significand of so many bits with an exponent of its own, so that its relative error is at most
// 2^-bits however slow the head is.
struct DecayFormat {
  enum class Kind { exact, fixed, complement };
  std::string_view name;
  Kind kind;
  int bits;
};
inline constexpr std::array<DecayFormat, 7> kDecayFormats = {
    {{"exact", DecayFormat::Kind::exact, 0},
     {"complement", DecayFormat::Kind::complement, 8},
     {"fixed16", DecayFormat::Kind::fixed, 16},
     {"fixed12", DecayFormat::Kind::fixed, 12},
     {"fixed10", DecayFormat::Kind::fixed, 10},
     {"fixed8", DecayFormat::Kind::fixed, 8},
     {"fixed6", DecayFormat::Kind::fixed, 6}}};

// 1 - a in this format, from the exact 1 - a in [0, 1]. Everything here takes the complement, since
// 1 - a of a slow head has no digits left in a float.
double round_complement(const DecayFormat& format, double complement);

// h = a h + input B, and y = h C from the h before it is rounded; for rows of h [rows, d_state],
// input and y [rows], B and C [d_state]. Float for the formats, double for the reference.
template <typename T>
void advance_state(T complement, std::span<const T> input, std::span<const T> B,
                   std::span<const T> C, std::span<T> h, std::span<T> y) {
  const std::size_t d_state = B.size();
  for (std::size_t row = 0; row < input.size(); ++row) {
    T* values = h.data() + row * d_state;
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::size_t n = 0; n < d_state; ++n) {
      values[n] += input[row] * B[n] - complement * values[n];
      sum += values[n] * C[n];
    }
    y[row] = sum;
  }
}

}  // namespace lightmamba
