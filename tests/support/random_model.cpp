#include "support/random_model.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "support/paths.h"
#include "support/torch_writer.h"

namespace lightmamba::test {
namespace {

using Vector = std::vector<double>;

void append_element(std::vector<std::byte>& bytes, double& value, DType dtype) {
  const auto append = [&](auto stored) {
    const std::size_t size = bytes.size();
    bytes.resize(size + sizeof(stored));
    std::memcpy(bytes.data() + size, &stored, sizeof(stored));
  };
  const auto single = static_cast<float>(value);
  if (dtype == DType::f16) {
    const std::uint16_t half = float_to_half(single);
    append(half);
    value = half_to_float(half);
  } else if (dtype == DType::bf16) {
    const std::uint16_t brain = float_to_bfloat16(single);
    append(brain);
    value = bfloat16_to_float(brain);
  } else {
    append(single);
    value = single;
  }
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

Vector product(const Vector& weight, const Vector& x, std::int64_t rows) {
  Vector y(static_cast<std::size_t>(rows));
  for (std::size_t r = 0; r < y.size(); ++r) {
    for (std::size_t c = 0; c < x.size(); ++c) y[r] += weight[r * x.size() + c] * x[c];
  }
  return y;
}

Vector normalised(const Vector& x, const Vector& gain, double eps, std::size_t groups) {
  Vector y(x.size());
  const std::size_t width = x.size() / groups;
  for (std::size_t g = 0; g < groups; ++g) {
    double squares = 0;
    for (std::size_t i = g * width; i < (g + 1) * width; ++i) squares += x[i] * x[i];
    const double root = std::sqrt(squares / static_cast<double>(width) + eps);
    for (std::size_t i = g * width; i < (g + 1) * width; ++i) y[i] = x[i] / root * gain[i];
  }
  return y;
}

std::string tensor_header(const std::vector<const RandomModel::StoredTensor*>& tensors, DType dtype,
                          std::string& data) {
  nlohmann::json header;
  header["__metadata__"] = {{"format", "pt"}};
  for (const RandomModel::StoredTensor* tensor : tensors) {
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor->bytes.data()), tensor->bytes.size());
    header[tensor->name] = {{"dtype", dtype_name(dtype)},
                            {"shape", tensor->shape},
                            {"data_offsets", {begin, data.size()}}};
  }
  return header.dump();
}

}  // namespace

std::string safetensors_bytes(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes + header + data;
}

RandomModel::RandomModel(const RandomModelOptions& options) : options_(options) {
  const std::int64_t conv_dim = d_inner() + 2 * options.ngroups * options.d_state;
  const std::int64_t d_in_proj = d_inner() + conv_dim + nheads();
  add("backbone.embeddings.weight", {options.vocab_size, options.d_model}, 1.0, 0.0);
  for (std::int64_t layer = 0; layer < options.n_layer; ++layer) {
    const std::string block = "backbone.layers." + std::to_string(layer) + ".";
    add(block + "norm.weight", {options.d_model}, 0.3, 1.0);
    add(block + "mixer.in_proj.weight", {d_in_proj, options.d_model}, 0.3, 0.0);
    add(block + "mixer.conv1d.weight", {conv_dim, 1, options.d_conv}, 0.5, 0.0);
    if (options.conv_bias) add(block + "mixer.conv1d.bias", {conv_dim}, 0.3, 0.0);
    add(block + "mixer.dt_bias", {nheads()}, 1.0, -2.0);
    add(block + "mixer.A_log", {nheads()}, 1.0, 0.5);
    add(block + "mixer.D", {nheads()}, 0.3, 1.0);
    add(block + "mixer.norm.weight", {d_inner()}, 0.3, 1.0);
    add(block + "mixer.out_proj.weight", {options.d_model, d_inner()}, 0.3, 0.0);
  }
  add("backbone.norm_f.weight", {options.d_model}, 0.3, 1.0);
  if (!options.tied) add("lm_head.weight", {options.vocab_size, options.d_model}, 1.0, 0.0);
}

void RandomModel::add(const std::string& name, std::vector<std::int64_t> shape, double scale,
                      double offset) {
  std::int64_t count = 1;
  for (const std::int64_t dim : shape) count *= dim;
  std::mt19937 generator(options_.seed + 1000 * static_cast<unsigned>(tensors_.size()));
  std::normal_distribution<double> normal(offset, scale);
  StoredTensor tensor{name, std::move(shape), Vector(static_cast<std::size_t>(count)), {}};
  for (double& value : tensor.values) {
    value = normal(generator);
    append_element(tensor.bytes, value, options_.dtype);
  }
  tensors_.push_back(std::move(tensor));
}

const Vector& RandomModel::value(const std::string& name) const {
  for (const StoredTensor& tensor : tensors_) {
    if (tensor.name == name) return tensor.values;
  }
  throw std::logic_error("no tensor " + name);
}

std::string RandomModel::hugging_face_config() const {
  nlohmann::json config = {{"architectures", {"Mamba2ForCausalLM"}},
                           {"model_type", "mamba2"},
                           {"vocab_size", options_.vocab_size},
                           {"hidden_size", options_.d_model},
                           {"num_hidden_layers", options_.n_layer},
                           {"state_size", options_.d_state},
                           {"num_heads", nheads()},
                           {"head_dim", options_.headdim},
                           {"n_groups", options_.ngroups},
                           {"expand", options_.expand},
                           {"conv_kernel", options_.d_conv},
                           {"use_conv_bias", options_.conv_bias},
                           {"tie_word_embeddings", options_.tied},
                           {"eos_token_id", 0}};
  if (options_.norm_eps != 1e-5) config["layer_norm_epsilon"] = options_.norm_eps;
  std::string text = config.dump(1);
  // Python writes infinity as a bare word that JSON does not have.
  const std::string max =
      std::isinf(options_.dt_max) ? "Infinity" : std::to_string(options_.dt_max);
  text.replace(text.rfind('}'), 1,
               ", \"time_step_limit\": [" + std::to_string(options_.dt_min) + ", " + max + "]}");
  return text;
}

std::string RandomModel::state_spaces_config() const {
  nlohmann::json config = {{"d_model", options_.d_model},
                           {"d_intermediate", 0},
                           {"n_layer", options_.n_layer},
                           {"vocab_size", options_.vocab_size - 1},
                           {"ssm_cfg",
                            {{"layer", "Mamba2"},
                             {"d_state", options_.d_state},
                             {"headdim", options_.headdim},
                             {"ngroups", options_.ngroups},
                             {"expand", options_.expand},
                             {"d_conv", options_.d_conv},
                             {"conv_bias", options_.conv_bias}}},
                           {"attn_layer_idx", nlohmann::json::array()},
                           {"attn_cfg", nlohmann::json::object()},
                           {"rms_norm", true},
                           {"residual_in_fp32", true},
                           {"fused_add_norm", true},
                           {"pad_vocab_size_multiple", options_.vocab_size},
                           {"tie_embeddings", options_.tied}};
  return config.dump(2);
}

std::string RandomModel::safetensors(
    const std::function<std::string(const std::string&)>& name) const {
  std::vector<StoredTensor> renamed = tensors_;
  std::vector<const StoredTensor*> all;
  for (StoredTensor& tensor : renamed) {
    tensor.name = name(tensor.name);
    all.push_back(&tensor);
  }
  std::string data;
  const std::string header = tensor_header(all, options_.dtype, data);
  return safetensors_bytes(header, data);
}

void RandomModel::write_hugging_face(const std::filesystem::path& directory) const {
  std::filesystem::create_directories(directory);
  write_file(directory / "config.json", hugging_face_config());
  write_file(directory / "model.safetensors", safetensors());
}

void RandomModel::write_hugging_face_shards(const std::filesystem::path& directory) const {
  std::filesystem::create_directories(directory);
  constexpr std::size_t kShards = 3;
  nlohmann::json weight_map;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    const std::string file = "model-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
    std::vector<const StoredTensor*> part;
    for (std::size_t i = shard; i < tensors_.size(); i += kShards) {
      part.push_back(&tensors_[i]);
      weight_map[tensors_[i].name] = file;
    }
    std::string data;
    const std::string header = tensor_header(part, options_.dtype, data);
    write_file(directory / file, safetensors_bytes(header, data));
  }
  const nlohmann::json index = {{"metadata", {{"total_size", 1}}}, {"weight_map", weight_map}};
  write_file(directory / "model.safetensors.index.json", index.dump());
  write_file(directory / "config.json", hugging_face_config());
}

void RandomModel::write_state_spaces(const std::filesystem::path& directory) const {
  std::filesystem::create_directories(directory);
  TorchFile file;
  for (const StoredTensor& tensor : tensors_) {
    const bool embedding = tensor.name == "backbone.embeddings.weight";
    const std::size_t storage = file.add(embedding ? "backbone.embedding.weight" : tensor.name,
                                         options_.dtype, tensor.shape, tensor.bytes);
    if (embedding && options_.tied) file.add_shared("lm_head.weight", storage, tensor.shape);
  }
  file.write(directory / "pytorch_model.bin");
  write_file(directory / "config.json", state_spaces_config());
}

std::vector<Vector> RandomModel::logits(const std::vector<std::int32_t>& tokens) const {
  const auto d_model = static_cast<std::size_t>(options_.d_model);
  const auto N = static_cast<std::size_t>(options_.d_state);
  const auto P = static_cast<std::size_t>(options_.headdim);
  const auto H = static_cast<std::size_t>(nheads());
  const auto G = static_cast<std::size_t>(options_.ngroups);
  const auto K = static_cast<std::size_t>(options_.d_conv);
  const std::size_t inner = H * P;
  const std::size_t channels = inner + 2 * G * N;

  struct Layer {
    std::vector<Vector> window;  // conv inputs, newest last
    Vector h;
  };
  std::vector<Layer> layers(static_cast<std::size_t>(options_.n_layer));
  for (Layer& layer : layers) {
    layer.window.assign(K, Vector(channels, 0.0));
    layer.h.assign(H * P * N, 0.0);
  }

  const Vector& embedding = value("backbone.embeddings.weight");
  std::vector<Vector> result;
  for (const std::int32_t token : tokens) {
    const auto row = embedding.begin() + token * options_.d_model;
    Vector r(row, row + options_.d_model);
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const std::string block = "backbone.layers." + std::to_string(l) + ".";
      const std::string mixer = block + "mixer.";
      const Vector u = normalised(r, value(block + "norm.weight"), options_.norm_eps, 1);
      const Vector all = product(value(mixer + "in_proj.weight"), u,
                                 static_cast<std::int64_t>(inner + channels + H));
      Layer& layer = layers[l];
      layer.window.erase(layer.window.begin());
      layer.window.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(inner),
                                all.begin() + static_cast<std::ptrdiff_t>(inner + channels));
      Vector xbc(channels);
      for (std::size_t c = 0; c < channels; ++c) {
        double sum = options_.conv_bias ? value(mixer + "conv1d.bias")[c] : 0.0;
        for (std::size_t k = 0; k < K; ++k) {
          sum += value(mixer + "conv1d.weight")[c * K + k] * layer.window[k][c];
        }
        xbc[c] = sum * sigmoid(sum);
      }
      Vector gated(inner);
      for (std::size_t head = 0; head < H; ++head) {
        const double raw = all[inner + channels + head] + value(mixer + "dt_bias")[head];
        const double dt =
            std::min(std::max(std::log(1.0 + std::exp(raw)), options_.dt_min), options_.dt_max);
        const double a = std::exp(-std::exp(value(mixer + "A_log")[head]) * dt);
        const std::size_t group = head / (H / G);
        for (std::size_t p = 0; p < P; ++p) {
          const double x = xbc[head * P + p];
          double y = value(mixer + "D")[head] * x;
          for (std::size_t n = 0; n < N; ++n) {
            double& h = layer.h[(head * P + p) * N + n];
            h = a * h + dt * x * xbc[inner + group * N + n];
            y += h * xbc[inner + (G + group) * N + n];
          }
          const double z = all[head * P + p];
          gated[head * P + p] = y * z * sigmoid(z);
        }
      }
      const Vector v = normalised(gated, value(mixer + "norm.weight"), options_.norm_eps, G);
      const Vector out = product(value(mixer + "out_proj.weight"), v, options_.d_model);
      for (std::size_t i = 0; i < d_model; ++i) r[i] += out[i];
    }
    const Vector hidden = normalised(r, value("backbone.norm_f.weight"), options_.norm_eps, 1);
    const Vector& head = options_.tied ? embedding : value("lm_head.weight");
    result.push_back(product(head, hidden, options_.vocab_size));
  }
  return result;
}

}  // namespace lightmamba::test
