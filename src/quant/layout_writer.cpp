#include "quant/layout_writer.h"

#include <cstddef>
#include <fmt/format.h>
#include <iterator>
#include <memory>

#include "base/buffer.h"
#include "model/tensor_list.h"

namespace lightmamba {
namespace {

Tensor float_tensor(std::span<const float> values, const Shape& shape) {
  auto copy = std::make_shared<AlignedVector<float>>(values.begin(), values.end());
  const auto bytes = std::as_bytes(std::span(*copy));
  return {DType::f32, shape, bytes, std::move(copy)};
}

Tensor byte_tensor(std::span<const std::int8_t> values, const Shape& shape) {
  auto copy = std::make_shared<std::vector<std::int8_t>>(values.begin(), values.end());
  const auto bytes = std::as_bytes(std::span(*copy));
  return {DType::i8, shape, bytes, std::move(copy)};
}

}  // namespace

void LayoutWriter::put_matrix(const std::string& name, const QuantizedMatrix& codes) {
  put_(name, codes.code_tensor());
  scales_.emplace_back(name + ".scales", codes.scale_tensor());
}

void LayoutWriter::add_vectors(std::int64_t layer, const LayerWeights& weights,
                               const ConvCodes& conv) {
  for (const BlockVector& each : stored_vectors(config_, quantization_)) {
    const std::string name = fmt::format("{}{}", block_name(layer), each.name);
    if (each.name == kConvName && !conv.codes.empty()) {
      vectors_.emplace_back(name, byte_tensor(conv.codes, each.shape));
      vectors_.emplace_back(name + ".exponents", byte_tensor(conv.exponents, {config_.conv_dim()}));
    } else {
      vectors_.emplace_back(name, float_tensor(weights.*each.values, each.shape));
    }
  }
}

void LayoutWriter::finish(std::span<const float> norm_f, std::span<const float> activation_clips) {
  for (const auto& [name, tensor] : scales_) put_(name, tensor);
  for (const auto& [name, tensor] : vectors_) put_(name, tensor);
  put_(kFinalNormName, float_tensor(norm_f, {config_.d_model}));
  put_("activation_clip", float_tensor(activation_clips, {std::ssize(activation_clips)}));
}

}  // namespace lightmamba
