#include "quant/known_residuals.h"

#include <cstddef>

namespace lightmamba {

void KnownResiduals::select(const Key& key, std::int64_t layers, std::int64_t floats) {
  constexpr auto kMaxFloats = static_cast<std::int64_t>((std::size_t{1} << 30) / sizeof(float));
  if (key_ == key) return;
  key_ = key;
  layers_.clear();
  if (layers * floats <= kMaxFloats) layers_.resize(static_cast<std::size_t>(layers));
}

std::span<const float> KnownResiduals::behind(std::int64_t layer) const {
  if (layer >= std::ssize(layers_)) return {};
  return layers_[static_cast<std::size_t>(layer)];
}

void KnownResiduals::keep(std::int64_t layer, std::span<const float> residual) {
  if (layer >= std::ssize(layers_)) return;
  layers_[static_cast<std::size_t>(layer)].assign(residual.begin(), residual.end());
}

}  // namespace lightmamba
