// Residuals of the float model that one quantization has computed and the next can use.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <lightmamba/quantize.h>

#include "base/buffer.h"

namespace lightmamba {

// The residual stream of one float model over calibration text, after each of its layers, as long
// as all of them take no more than a gigabyte. GPTQ needs it for every format.
class KnownResiduals {
 public:
  // Everything that the stream depends on, for methods that look at no statistics.
  struct Key {
    Method method;
    std::uint64_t seed;
    std::vector<TokenId> calibration;
    std::int64_t window;
    bool operator==(const Key&) const = default;
  };

  // Forgets streams of another key. A stream has `floats` numbers after each of the layers.
  void select(const Key& key, std::int64_t layers, std::int64_t floats);

  // Returns the stream after a layer; empty if it is not known.
  std::span<const float> behind(std::int64_t layer) const;
  // Does nothing if all streams would be too large.
  void keep(std::int64_t layer, std::span<const float> residual);

 private:
  Key key_ = {};
  std::vector<AlignedVector<float>> layers_;
};

// Like quantize(), but takes residuals from `known` that an earlier call for the same model has
// left there. The result is the same.
QuantizedModel quantize(const Model& model, const QuantizeOptions& options, KnownResiduals& known);

}  // namespace lightmamba
