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
  int head_bits = 8;         // bits of embedding and LM head: 4 or 8
  std::int64_t group = 128;  // columns that share a scale; a multiple of 8
  SsmFormat ssm = SsmFormat::floating;
  std::optional<StateFormat> state = {};  // by default int16 with pot8, else float
  bool clip = false;                      // choose scales for the least mean squared error
  bool gptq = false;                      // error compensation
  std::uint64_t seed = 0;                 // seed of the random signs of the rotation
  std::optional<float> alpha = {};        // alpha of SmoothQuant, 0 ... 1; searched if not given
  // Text that the float model is run over. SmoothQuant, OS+ and GPTQ need it; clipping finds the
  // range of activations with it, and does not change that range without it. The text is cut into
  // windows that each begin with an empty state. If it is longer than calibration_tokens (0 means
  // no limit), windows are chosen evenly over it. The default is 81920, or 4096 if only clipping
  // needs the text.
  std::vector<TokenId> calibration = {};
  std::int64_t calibration_window = 512;
  std::optional<std::int64_t> calibration_tokens = {};
  std::string source = {};  // a name for the model, kept in the file
  // Called with the number of parts done so far and of all parts: layers, embedding, LM head.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  std::stop_token stop = {};  // looked at between the steps of each layer
};

struct TensorError {
  std::string tensor;
  double relative_error = 0;  // sqrt(sum (W - Q(W))^2 / sum W^2), after the method's changes
};

struct QuantizeReport {
  Quantization quantization;
  std::vector<TensorError> errors;  // one for each quantized matrix, in the order of computation
  std::int64_t bytes = 0;           // bytes of all tensors
};

// These functions hold one layer in float at a time. They throw Error if an option is out of range
// or does not fit the model, or if calibration text is needed and not given, and Stopped when
// `stop` asks for it.

// Writes a quantized checkpoint; the file appears only when it is complete, and replaces an older
// one. Throws Error if that is a file of the model that is read. The same input gives the same
// bytes at any thread count.
LIGHTMAMBA_EXPORT QuantizeReport quantize_to_file(const Model& model,
                                                  const QuantizeOptions& options,
                                                  const std::filesystem::path& path);

struct QuantizedModel {
  Model model;
  QuantizeReport report;
};
LIGHTMAMBA_EXPORT QuantizedModel quantize(const Model& model, const QuantizeOptions& options);

// Returns the float model after the method has changed it, before anything is rounded: it computes
// the same function with other weights. It is for studies of the effect of a method on the values
// at the taps.
LIGHTMAMBA_EXPORT Model transform(const Model& model, const QuantizeOptions& options);

// Writes a model of a published shape, "mamba2-130m" ... "mamba2-2.7b", with random weights that
// are made a layer at a time. Throws Error that lists the shapes.
LIGHTMAMBA_EXPORT QuantizeReport quantize_shape_to_file(std::string_view shape,
                                                        const QuantizeOptions& options,
                                                        const std::filesystem::path& path);

}  // namespace lightmamba
