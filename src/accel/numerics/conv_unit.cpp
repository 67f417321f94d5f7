#include "accel/numerics/conv_unit.h"

#include "accel/numerics/fixed_point.h"
#include "accel/numerics/functions.h"

namespace lightmamba::accel {

void conv_sums(const ConvWeights& weights, std::span<const ConvTap> taps,
               std::span<std::int64_t> out) {
  for (std::size_t c = 0; c < out.size(); ++c) {
    std::int64_t sum = weights.biases[c];
    for (std::size_t k = 0; k < taps.size(); ++k) {
      const std::int64_t product =
          std::int64_t{taps[k].codes[c]} * weights.codes[c * taps.size() + k];
      sum += rescale(product, -(taps[k].exponent + weights.exponents[c] + kFractionBits),
                     kActivationBits);
    }
    out[c] = saturate(sum, kActivationBits);
  }
}

void conv_silu(const ConvWeights& weights, std::span<const ConvTap> taps,
               std::span<std::int64_t> out) {
  conv_sums(weights, taps, out);
  for (std::int64_t& x : out) x = silu(x);
}

}  // namespace lightmamba::accel
