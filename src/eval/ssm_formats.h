// Number formats for the recurrence of a state-space layer, for studies of their errors.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "quant/state_format.h"

namespace lightmamba {

// The format of the state between tokens: the formats of a model, and the same with rounding to
// nearest.
struct StudyStateFormat {
  std::string_view name;
  StateCodes codes;
};
inline constexpr std::array<StudyStateFormat, 7> kStudyStateFormats = {
    {{"float", {0}},
     {"int16", {16}},
     {"int16-nearest", {16, false}},
     {"int8ef", {12}},
     {"int8ef-nearest", {12, false}},
     {"int8", {8}},
     {"int8-nearest", {8, false}}}};

// The format of the decay a. `fixed` rounds a to `bits` fraction bits; `complement` rounds 1 - a to
// a significand of `bits` bits with an exponent of its own, so that its relative error is at most
// 2^-bits for any head.
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

// Returns 1 - a in this format, from the exact 1 - a in [0, 1]. All functions here take the
// complement, since a float near 1 has few digits of the 1 - a of a slow head.
double round_complement(const DecayFormat& format, double complement);

// Computes h = a h + input B, and y = h C from the h before it is rounded, for rows of h [rows,
// d_state], input and y [rows], B and C [d_state]. Float for the formats, double for the reference.
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
