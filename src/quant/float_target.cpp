#include "quant/float_target.h"

#include <cstddef>
#include <iterator>

#include "model/functions.h"
#include "quant/rounding_taps.h"

namespace lightmamba {
namespace {

AlignedVector<float> prepared_embedding(const WeightMethod& method, const Matrix& embedding,
                                        const Vocabulary& vocabulary) {
  AlignedVector<float> rows = embedding_rows(embedding, vocabulary);
  method.prepare_embedding(rows);
  return rows;
}

}  // namespace

FloatTarget::FloatTarget(const QuantizeSetup& setup, const Vocabulary& vocabulary,
                         const Matrix& embedding, KnownResiduals* known)
    : stream_(setup.config, vocabulary, prepared_embedding(*setup.method, embedding, vocabulary),
              setup.options.calibration_window, rotation_taps(setup.config, setup.rotates())),
      known_(setup.method->needs_statistics() ? nullptr : known) {
  if (known_ == nullptr) return;
  const QuantizeOptions& options = setup.options;
  known_->select({options.method, options.seed, setup.calibration, options.calibration_window},
                 setup.config.n_layer, std::ssize(stream_.residual()));
}

void FloatTarget::advance(const LayerWeights& weights, std::int64_t layer,
                          std::span<const float> inputs) {
  if (known_ != nullptr && !known_->behind(layer).empty()) {
    return stream_.advance_to(known_->behind(layer));
  }
  stream_.advance_from_in_proj(weights, layer, inputs);
  if (known_ != nullptr) known_->keep(layer, stream_.residual());
}

AlignedVector<float> FloatTarget::wanted_outputs(const LayerWeights& weights,
                                                 std::span<const float> residual) const {
  AlignedVector<float> wanted(stream_.residual().begin(), stream_.residual().end());
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] -= residual[i];
  AlignedVector<float> bias = weights.out_proj_bias;
  for (float& value : bias) value = -value;
  add_bias(bias, wanted);
  return wanted;
}

}  // namespace lightmamba
