// From a float model to 4 or 8 bits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/export.h>
#include <lightmamba/model.h>

namespace lightmamba {

struct QuantizeOptions {
  Method method = Method::lightmamba;
  Scheme scheme = {};
  int head_bits = 8;         // of embedding and LM head: 4 or 8
  std::int64_t group = 128;  // columns that share a scale; a multiple of 8
  SsmFormat ssm = SsmFormat::floating;
  std::optional<StateFormat> state = {};  // by default int16 with pot8, else float
  bool clip = false;                      // scales by least mean squared error
  bool gptq = false;                      // error compensation
  std::uint64_t seed = 0;                 // of the rotation's signs
  std::optional<float> alpha = {};        // of SmoothQuant, 0 ... 1; searched where it is not given
  // Text that the float model is run over. SmoothQuant, OS+ and GPTQ need it; clipping finds the
  // range of activations with it, and leaves it alone without. Cut into windows that each begin
  // with an empty state; where the text is longer than calibration_tokens (0: no limit), so many
  // windows spread over it are taken. By default 81920, or 4096 where only clipping needs it.
  std::vector<TokenId> calibration = {};
  std::int64_t calibration_window = 512;
  std::optional<std::int64_t> calibration_tokens = {};
  std::string source = {};  // a name for the model, kept in the file
  // Called with the parts done so far and their number: layers, embedding, head.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  std::stop_token stop = {};  // looked at between the steps of each layer
};

struct TensorError {
  std::string tensor;
  double relative_error = 0;  // sqrt(sum (W - Q(W))^2 / sum W^2), after the method's changes
};

struct QuantizeReport {
  Quantization quantization;
  std::vector<TensorError> errors;  // of each quantized matrix, in the order of computation
  std::int64_t bytes = 0;           // of all tensors
};

// Both hold one layer in float at a time. Throw Error where an option is out of range or does not
// fit the model, or calibration text is needed and not given; Stopped where that is asked for.

// Writes a quantized checkpoint, which appears only when complete. The same input gives the same
// bytes at any thread count.
LIGHTMAMBA_EXPORT QuantizeReport quantize_to_file(const Model& model,
                                                  const QuantizeOptions& options,
                                                  const std::filesystem::path& path);

struct QuantizedModel {
  Model model;
  QuantizeReport report;
};
LIGHTMAMBA_EXPORT QuantizedModel quantize(const Model& model, const QuantizeOptions& options);

// The float model after the method has changed it, before anything is rounded: same function, other
// weights. For studies of what each method does to the values at the taps.
LIGHTMAMBA_EXPORT Model transform(const Model& model, const QuantizeOptions& options);

// A model of a published shape, "mamba2-130m" ... "mamba2-2.7b", with random weights that are made
// a layer at a time. Throws Error that lists the shapes.
LIGHTMAMBA_EXPORT QuantizeReport quantize_shape_to_file(std::string_view shape,
                                                        const QuantizeOptions& options,
                                                        const std::filesystem::path& path);

}  // namespace lightmamba
