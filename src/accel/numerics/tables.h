// The tables of the accelerator's units. Between two entries they are interpolated linearly.
#pragma once

#include <array>
#include <cstdint>

namespace lightmamba::accel {

// The errors below are those of the interpolated value against the function in float64; tests check
// them.
struct Tables {
  // round(2^26 / s) for s = 1024 + i; relative error 2^-17.
  std::array<std::uint32_t, 1024> reciprocal;

  // round(2^16 / sqrt(f)) for f = 1 + i / 128, up to 4; relative error 2^-14.
  static constexpr int kRootSteps = 384;
  std::array<std::uint32_t, kRootSteps + 1> inverse_root;

  // round(2^16 / (1 + exp(-x))) for x = i / 32 - 16; error 2^-15.
  static constexpr int kSigmoidSteps = 1024;
  std::array<std::uint32_t, kSigmoidSteps + 1> sigmoid;

  // log(1 + exp(x)) for x = i / 32 - 16 is base 2^exponent; from there to the next entry it grows
  // by rise 2^exponent. Relative error 2^-12.
  static constexpr int kSoftplusSteps = 1024;
  struct Softplus {
    std::uint32_t base;  // 2^15 ... 2^16 - 1
    std::uint32_t rise;
    int exponent;
  };
  std::array<Softplus, kSoftplusSteps> softplus;

  // round(2^16 (1 - exp(-u)) / u) for u = 2^(i / 32 - 12) (1 + (i mod 32) / 32), i / 32 rounded
  // down, up to 2^4; relative error 2^-12.
  static constexpr int kDecayOctaves = 16;
  static constexpr int kDecayFirstOctave = -12;
  static constexpr int kDecaySteps = 32;  // steps of an octave
  std::array<std::uint32_t, kDecayOctaves * kDecaySteps + 1> decay_ratio;
};

const Tables& tables();

}  // namespace lightmamba::accel
