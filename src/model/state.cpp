#include <map>
#include <string>

#include <lightmamba/sequence.h>

#include "base/fail.h"
#include "base/utf8.h"
#include "io/finite.h"
#include "io/safetensors.h"
#include "model/model_files.h"

namespace lightmamba {
namespace {

constexpr const char* kFormat = "lightmamba-state-1";

Shape conv_shape(const Mamba2Config& c) { return {c.n_layer, c.d_conv - 1, c.conv_dim()}; }
Shape logits_shape(const Mamba2Config& c) { return {c.vocab_size}; }
Shape ssm_shape(const Mamba2Config& c) { return {c.n_layer, c.nheads, c.headdim, c.d_state}; }

Tensor as_tensor(const std::vector<float>& values, const Shape& shape) {
  if (values.size() != element_count(shape, DType::f32)) {
    fail("the state has {} numbers where this model's has {}", values.size(), shape_string(shape));
  }
  return {DType::f32, shape, std::as_bytes(std::span(values)), nullptr};
}

std::vector<float> take(const TensorMap& tensors, const std::string& name, const Shape& shape) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) fail("tensor '{}' is missing", name);
  const Tensor& tensor = found->second;
  if (tensor.shape != shape || tensor.dtype != DType::f32) {
    fail("tensor '{}' is {} of {}, but this model's state has F32 of {}", name,
         dtype_name(tensor.dtype), shape_string(tensor.shape), shape_string(shape));
  }
  require_finite(tensor, fmt::format("tensor '{}'", name));
  std::vector<float> values(element_count(shape, DType::f32));
  to_float(DType::f32, tensor.data.data(), values);
  return values;
}

std::int64_t parse_position(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 18 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) fail("metadata 'position': expected a number, found '{}'", text);
  return std::stoll(text);
}

}  // namespace

void save_state(const State& state, const Model& model, const std::filesystem::path& path) {
  const Mamba2Config& config = model.config();
  require_no_file_of_model(path, model.path());
  const auto tensors = with_context(path.string(), [&] {
    std::vector<std::pair<std::string, Tensor>> parts = {
        {"conv", as_tensor(state.conv, conv_shape(config))},
        {"ssm", as_tensor(state.ssm, ssm_shape(config))}};
    if (!state.logits.empty()) {
      parts.emplace_back("logits", as_tensor(state.logits, logits_shape(config)));
    }
    return parts;
  });
  write_safetensors(path,
                    {{"format", kFormat},
                     {"model", model.fingerprint()},
                     {"position", std::to_string(state.position)}},
                    tensors);
}

State load_state(const Model& model, const std::filesystem::path& path) {
  const SafetensorsFile file = read_safetensors(path);
  return with_context(path.string(), [&] {
    const auto metadata = [&](const std::string& name) {
      const auto found = file.metadata.find(name);
      return found == file.metadata.end() ? std::string() : found->second;
    };
    if (metadata("format") != kFormat) {
      fail("not a saved state: metadata 'format' is '{}', expected '{}'", metadata("format"),
           kFormat);
    }
    const Mamba2Config& config = model.config();
    for (const auto& [name, tensor] : file.tensors) {
      if (name != "conv" && name != "ssm" && name != "logits") {
        fail("tensor '{}' is not part of a state", printable(name));
      }
    }
    State state;
    state.position = parse_position(metadata("position"));
    state.conv = take(file.tensors, "conv", conv_shape(config));
    state.ssm = take(file.tensors, "ssm", ssm_shape(config));
    if (file.tensors.contains("logits")) {
      state.logits = take(file.tensors, "logits", logits_shape(config));
    }
    const std::string left_by = metadata("model");
    if (!left_by.empty() && left_by != model.fingerprint()) {
      fail("the state was left by the model {}, but this one is {}", left_by, model.fingerprint());
    }
    return state;
  });
}

}  // namespace lightmamba
