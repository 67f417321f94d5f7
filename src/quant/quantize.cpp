#include <memory>
#include <string>
#include <utility>

#include <lightmamba/quantize.h>

#include "model/model_files.h"
#include "quant/known_residuals.h"
#include "quant/quantize_setup.h"
#include "quant/quantize_weights.h"
#include "quant/quantized_file.h"
#include "quant/weight_source.h"

namespace lightmamba {
namespace {

QuantizeReport quantize_source_to_file(const WeightSource& source, const QuantizeOptions& options,
                                       const std::string& tokenizer,
                                       const std::filesystem::path& path) {
  const QuantizeSetup setup(source.config, options);
  QuantizeReport report{setup.quantization, {}, 0};
  report.bytes = write_quantized_file(
      path, setup.config, setup.quantization, tokenizer, [&](const PutNamedTensor& put) {
        report.errors = quantize_weights(source, setup, nullptr, put);
      });
  return report;
}

QuantizedModel quantize_in_memory(const Model& model, const QuantizeOptions& options,
                                  KnownResiduals* known) {
  const WeightSource source = float_source(model);
  const QuantizeSetup setup(source.config, options);
  TensorMap tensors;
  QuantizeReport report{setup.quantization, {}, 0};
  report.errors =
      quantize_weights(source, setup, known, [&](const std::string& name, const Tensor& tensor) {
        report.bytes += std::ssize(tensor.data);
        tensors.emplace(name, tensor);
      });
  return {model.with_weights(std::make_shared<const Weights>(
              weights_from_layout(setup.config, setup.quantization, tensors))),
          std::move(report)};
}

}  // namespace

QuantizeReport quantize_to_file(const Model& model, const QuantizeOptions& options,
                                const std::filesystem::path& path) {
  require_no_file_of_model(path, model.path());
  return quantize_source_to_file(float_source(model), options, model.tokenizer_json(), path);
}

QuantizedModel quantize(const Model& model, const QuantizeOptions& options) {
  return quantize_in_memory(model, options, nullptr);
}

QuantizedModel quantize(const Model& model, const QuantizeOptions& options, KnownResiduals& known) {
  return quantize_in_memory(model, options, &known);
}

QuantizeReport quantize_shape_to_file(std::string_view shape, const QuantizeOptions& options,
                                      const std::filesystem::path& path) {
  return quantize_source_to_file(random_weights(published_shape(shape), options.seed), options, {},
                                 path);
}

}  // namespace lightmamba
