#include "accel/numerics/tables.h"

#include <cmath>

namespace lightmamba::accel {
namespace {

std::uint32_t rounded(double x) { return static_cast<std::uint32_t>(std::lround(x)); }

// Returns x at entry i of the tables over [-16, 16].
double step_32(int i) { return i / 32.0 - 16; }

Tables make_tables() {
  Tables t{};
  for (std::uint32_t i = 0; i < t.reciprocal.size(); ++i) {
    t.reciprocal[i] = rounded(0x1p26 / (1024 + i));
  }
  for (std::uint32_t i = 0; i < t.inverse_root.size(); ++i) {
    t.inverse_root[i] = rounded(0x1p16 / std::sqrt(1 + i / 128.0));
  }
  for (int i = 0; i <= Tables::kSigmoidSteps; ++i) {
    t.sigmoid[static_cast<std::size_t>(i)] = rounded(0x1p16 / (1 + std::exp(-step_32(i))));
  }
  for (int i = 0; i < Tables::kSoftplusSteps; ++i) {
    const double value = std::log1p(std::exp(step_32(i)));
    const int exponent = std::ilogb(value) - 15;
    const double unit = std::ldexp(1.0, exponent);
    const std::uint32_t base = static_cast<std::uint32_t>(value / unit);
    const double next = std::log1p(std::exp(step_32(i + 1)));
    t.softplus[static_cast<std::size_t>(i)] = {base, rounded(next / unit) - base, exponent};
  }
  for (int i = 0; i <= Tables::kDecayOctaves * Tables::kDecaySteps; ++i) {
    const double u =
        std::ldexp(1 + i % Tables::kDecaySteps / static_cast<double>(Tables::kDecaySteps),
                   i / Tables::kDecaySteps + Tables::kDecayFirstOctave);
    t.decay_ratio[static_cast<std::size_t>(i)] = rounded(0x1p16 * -std::expm1(-u) / u);
  }
  return t;
}

}  // namespace

const Tables& tables() {
  static const Tables kTables = make_tables();
  return kTables;
}

}  // namespace lightmamba::accel
