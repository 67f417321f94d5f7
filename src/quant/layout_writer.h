// Hands over the tensors of a quantized model in the order of quantized_layout().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <lightmamba/config.h>
#include <lightmamba/quant_format.h>

#include "model/weights.h"
#include "quant/pack.h"
#include "quant/quantized_file.h"

namespace lightmamba {

class LayoutWriter {
 public:
  // All three must outlive the writer.
  LayoutWriter(const Mamba2Config& config, const Quantization& quantization,
               const PutNamedTensor& put)
      : config_(config), quantization_(quantization), put_(put) {}

  // Codes are handed over at once, in the order of the calls. Scales and small tensors follow all
  // codes, so they are kept until finish().
  void put_matrix(const std::string& name, const QuantizedMatrix& codes);
  // Adds the small tensors of a layer; `conv` has no codes if the conv stays in float.
  void add_vectors(std::int64_t layer, const LayerWeights& weights, const ConvCodes& conv);
  void finish(std::span<const float> norm_f, std::span<const float> activation_clips);

 private:
  const Mamba2Config& config_;
  const Quantization& quantization_;
  const PutNamedTensor& put_;
  std::vector<std::pair<std::string, Tensor>> scales_;
  std::vector<std::pair<std::string, Tensor>> vectors_;
};

}  // namespace lightmamba
