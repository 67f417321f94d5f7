#include "quant/open_layer.h"

#include <cstddef>
#include <iterator>
#include <utility>

#include "quant/matrix_quantizer.h"

namespace lightmamba {

FloatBuffer shared_floats(const Matrix& matrix) {
  return std::make_shared<AlignedVector<float>>(widened(matrix));
}

Matrix float_matrix(const FloatBuffer& values, std::int64_t columns) {
  return {.rows = std::ssize(*values) / columns,
          .columns = columns,
          .data = reinterpret_cast<const std::byte*>(values->data()),
          .owner = values};
}

OpenLayer::OpenLayer(LayerWeights layer)
    : weights(std::move(layer)),
      in_proj(shared_floats(weights.in_proj)),
      out_proj(shared_floats(weights.out_proj)) {
  weights.in_proj = float_matrix(in_proj, weights.in_proj.columns);
  weights.out_proj = float_matrix(out_proj, weights.out_proj.columns);
}

AlignedVector<float> prepare_in_proj(const WeightMethod& method, const CalibrationStream* stream,
                                     OpenLayer& open, std::int64_t layer) {
  LayerWeights& w = open.weights;
  SiteStatistics seen;
  if (method.needs_statistics()) {
    seen = site_statistics(stream->in_proj_inputs(w, layer), w.in_proj.columns);
  }
  LinearSite site{w.in_proj.rows, w.in_proj.columns, *open.in_proj, w.in_proj_bias,
                  w.norm,         w.norm_bias};
  method.prepare_in_proj(site, seen);
  return stream != nullptr ? stream->in_proj_inputs(w, layer) : AlignedVector<float>();
}

AlignedVector<float> prepare_out_proj(const WeightMethod& method, const CalibrationStream* stream,
                                      OpenLayer& open, std::int64_t layer,
                                      std::span<const float> inputs) {
  LayerWeights& w = open.weights;
  AlignedVector<float> gated;
  SiteStatistics seen;
  if (method.needs_statistics()) {
    gated = stream->gated(w, layer, inputs);
    seen = site_statistics(stream->out_proj_inputs(w, layer, gated), w.out_proj.columns);
  }
  LinearSite site{w.out_proj.rows, w.out_proj.columns, *open.out_proj,
                  w.out_proj_bias, w.gated_norm,       w.gated_norm_bias};
  method.prepare_out_proj(site, seen);
  return gated;
}

}  // namespace lightmamba
