#include "eval/ssm_formats.h"

#include <cmath>

namespace lightmamba {

double round_complement(const DecayFormat& format, double complement) {
  if (format.kind == DecayFormat::Kind::exact) return complement;
  int exponent = 0;
  if (format.kind == DecayFormat::Kind::complement) std::frexp(complement, &exponent);
  const double unit = std::ldexp(1.0, exponent - format.bits);
  return std::nearbyint(complement / unit) * unit;
}

}  // namespace lightmamba
