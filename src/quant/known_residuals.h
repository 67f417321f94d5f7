// What one quantization has found about the float model, for the next.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lightmamba/quantize.h>

#include "base/buffer.h"

namespace lightmamba {

// The residual stream of one float model over calibration text, behind each of its layers, as long
// as all of it takes no more than a gigabyte. GPTQ needs it whatever it rounds to.
class KnownResiduals {
 public:
  // All that the stream depends on, for methods that look at no statistics.
  struct Key {
    Method method;
    std::uint64_t seed;
    std::vector<TokenId> calibration;
    std::int64_t window;
    bool operator==(const Key&) const = default;
  };

  // Forgets what belongs to another key. A stream is `floats` numbers behind each of the layers.
  void select(const Key& key, std::int64_t layers, std::int64_t floats);

  // Empty where it is not known.
  std::span<const float> behind(std::int64_t layer) const;
  // Does nothing where all of it would be too large.
  void keep(std::int64_t layer, std::span<const float> residual);

 private:
  Key key_ = {};
  std::vector<AlignedVector<float>> layers_;
};

// quantize() that takes from `known` what an earlier call for the same model has left there. The
// result is the same.
QuantizedModel quantize(const Model& model, const QuantizeOptions& options, KnownResiduals& known);

}  // namespace lightmamba
