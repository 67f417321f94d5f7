#include <memory>
#include <utility>

#include <lightmamba/quantize.h>

#include "base/fail.h"
#include "io/safetensors.h"
#include "model/functions.h"
#include "model/tensor_list.h"
#include "quant/calibration.h"
#include "quant/conv_weights.h"
#include "quant/gptq_sums.h"
#include "quant/known_residuals.h"
#include "quant/matrix_quantizer.h"
#include "quant/method.h"
#include "quant/quantized_file.h"
#include "quant/rounding_taps.h"
#include "quant/weight_source.h"

namespace lightmamba {
namespace {

using FloatBuffer = std::shared_ptr<AlignedVector<float>>;

FloatBuffer shared_floats(const Matrix& matrix) {
  return std::make_shared<AlignedVector<float>>(widened(matrix));
}

Matrix float_matrix(const FloatBuffer& values, std::int64_t columns) {
  return {.rows = std::ssize(*values) / columns,
          .columns = columns,
          .data = reinterpret_cast<const std::byte*>(values->data()),
          .owner = values};
}

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

void check_options(const Mamba2Config& config, const QuantizeOptions& options) {
  parse_scheme(scheme_name(options.scheme));
  if (options.head_bits != 4 && options.head_bits != 8) {
    fail("head_bits must be 4 or 8, but is {}", options.head_bits);
  }
  if (!CodeFormat::is_group(options.group)) {
    fail("the group must be a multiple of {} up to {}, but is {}", CodeFormat::kGroupStep,
         CodeFormat::kLargestGroup, options.group);
  }
  if (options.calibration_window < 1) {
    fail("the calibration window must be positive, but is {}", options.calibration_window);
  }
  if (options.alpha && !(*options.alpha >= 0 && *options.alpha <= 1)) {
    fail("alpha must be 0 to 1, but is {}", *options.alpha);
  }
  if (options.calibration_tokens.value_or(0) < 0) {
    fail("calibration_tokens must not be negative, but is {}", *options.calibration_tokens);
  }
  if (options.calibration.empty() && options.gptq) fail("GPTQ needs calibration text");
  for (const TokenId id : options.calibration) {
    if (id < 0 || id >= config.vocab_size) {
      fail("calibration: token id {} is outside the vocabulary of {}", id, config.vocab_size);
    }
  }
}

Quantization quantization_of(const QuantizeOptions& o) {
  const StateFormat state = o.ssm == SsmFormat::pot8 ? StateFormat::int16 : StateFormat::floating;
  return {.method = o.method,
          .scheme = o.scheme,
          .head_bits = o.head_bits,
          .group = o.group,
          .ssm = o.ssm,
          .state = o.state.value_or(state),
          .clip = o.clip,
          .gptq = o.gptq,
          .seed = o.seed,
          .source = o.source};
}

// A layer whose large matrices are floats that can be changed.
struct OpenLayer {
  explicit OpenLayer(LayerWeights layer)
      : weights(std::move(layer)),
        in_proj(shared_floats(weights.in_proj)),
        out_proj(shared_floats(weights.out_proj)) {
    weights.in_proj = float_matrix(in_proj, weights.in_proj.columns);
    weights.out_proj = float_matrix(out_proj, weights.out_proj.columns);
  }
  LinearSite in_proj_site() {
    return {weights.in_proj.rows, weights.in_proj.columns, *in_proj, weights.in_proj_bias,
            weights.norm,         weights.norm_bias};
  }
  LinearSite out_proj_site() {
    return {weights.out_proj.rows, weights.out_proj.columns, *out_proj,
            weights.out_proj_bias, weights.gated_norm,       weights.gated_norm_bias};
  }

  LayerWeights weights;
  FloatBuffer in_proj;
  FloatBuffer out_proj;
};

// Goes through a model once, from the embedding to the last layer.
class Pass {
 public:
  // `known` may be null.
  Pass(const WeightSource& source, const QuantizeOptions& options, KnownResiduals* known = nullptr)
      : source_(source),
        options_(options),
        known_(known),
        quantization_(quantization_of(options)),
        config_(source.config),
        matrices_(options),
        method_(make_method(options.method, source.config,
                            {options.scheme, options.group, options.seed, options.alpha})) {
    check_options(config_, options);
    const bool learns = options.gptq || method_->needs_statistics();
    calibration_ = spread_windows(options.calibration, options.calibration_window,
                                  options.calibration_tokens.value_or(learns ? 81920 : 4096));
    if (calibration_.empty() && method_->needs_statistics()) {
      fail("method {} needs calibration text", method_name(options.method));
    }
    if (method_->unties()) config_.tie_embeddings = false;
  }

  const Quantization& quantization() const { return quantization_; }
  const Mamba2Config& config() const { return config_; }
  std::vector<TensorError> take_errors() { return matrices_.take_errors(); }

  // Hands over the tensors of quantized_layout(), in order.
  void quantize(const PutNamedTensor& put) {
    const QuantizedMatrix embedding = quantize_embedding(put);
    if (!config_.tie_embeddings) quantize_head(put);
    if (!calibration_.empty()) {
      const Vocabulary vocabulary(calibration_);
      stream_.emplace(config_, vocabulary, embedded(embedding.matrix(), vocabulary),
                      options_.calibration_window, stream_numerics());
      if (options_.gptq) {
        AlignedVector<float> exact = embedded(source_.embedding, vocabulary);
        method_->prepare_embedding(exact);
        exact_.emplace(config_, vocabulary, exact, options_.calibration_window,
                       rotation_taps(config_, options_.method == Method::lightmamba));
        if (method_->needs_statistics()) known_ = nullptr;
        if (known_ != nullptr) {
          known_->select(
              {options_.method, options_.seed, calibration_, options_.calibration_window},
              config_.n_layer, std::ssize(exact_->residual()));
        }
      }
    }
    std::vector<std::pair<std::string, Tensor>> small;
    for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
      quantize_layer(layer, put, small);
      progress();
    }
    AlignedVector<float> norm_f = source_.norm_f;
    method_->prepare_norm_f(norm_f);
    clips_.push_back(clip_for(head_activation_bits(quantization_), config_.d_model,
                              [&] { return stream_->head_inputs(norm_f); }));
    for (const auto& [name, tensor] : scales_) put(name, tensor);
    for (const auto& [name, tensor] : small) put(name, tensor);
    put(kFinalNormName, float_tensor(norm_f, {config_.d_model}));
    put("activation_clip", float_tensor(clips_, {std::ssize(clips_)}));
  }

  // The weights after the method's changes, in float.
  Weights transform() {
    Weights weights;
    weights.config = config_;
    const FloatBuffer embedding = shared_floats(source_.embedding);
    method_->prepare_embedding(*embedding);
    weights.embedding = float_matrix(embedding, config_.d_model);
    weights.head = weights.embedding;
    if (!config_.tie_embeddings) {
      const FloatBuffer head = shared_floats(source_.head);
      method_->prepare_head(source_.norm_f, *head);
      weights.head = float_matrix(head, config_.d_model);
    }
    weights.norm_f = source_.norm_f;
    method_->prepare_norm_f(weights.norm_f);
    weights.numerics = rotation_taps(config_, options_.method == Method::lightmamba);
    if (method_->needs_statistics()) {
      const Vocabulary vocabulary(calibration_);
      stream_.emplace(config_, vocabulary, embedded(weights.embedding, vocabulary),
                      options_.calibration_window, weights.numerics);
    }
    for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
      OpenLayer open(source_.layer(layer));
      AlignedVector<float> inputs = prepare_in_proj(open, layer);
      AlignedVector<float> gated = prepare_out_proj(open, layer, inputs);
      if (stream_) {
        stream_->advance(open.weights, layer,
                         stream_->out_proj_inputs(open.weights, layer, std::move(gated)));
      }
      weights.layers.push_back(std::move(open.weights));
      check_stop();
    }
    return weights;
  }

 private:
  void check_stop() const { throw_if_stopped(options_.stop); }

  void progress() {
    check_stop();
    const std::int64_t total = config_.n_layer + (config_.tie_embeddings ? 1 : 2);
    if (options_.progress) options_.progress(++done_, total);
  }

  // Rows of an embedding. [words, d_model]
  AlignedVector<float> embedded(const Matrix& embedding, const Vocabulary& vocabulary) const {
    const auto d_model = static_cast<std::size_t>(config_.d_model);
    AlignedVector<float> rows(vocabulary.words.size() * d_model);
    for (std::size_t i = 0; i < vocabulary.words.size(); ++i) {
      embedding.row_to_float(vocabulary.words[i], std::span(rows).subspan(i * d_model, d_model));
    }
    return rows;
  }

  // What happens inside the blocks while text streams through them. The inputs of the linear layers
  // are quantized apart, and the rounding of the state is too small to matter here.
  Taps stream_numerics() const {
    if (!options_.gptq) return rotation_taps(config_, options_.method == Method::lightmamba);
    Quantization unrounded = quantization_;
    unrounded.scheme.activation_bits = 16;
    unrounded.state = StateFormat::floating;
    const std::vector<float> clips(static_cast<std::size_t>(activation_sites(config_)), 1.0F);
    Taps taps = rounding_taps(config_, rounding_plan(config_, unrounded, clips));
    taps.set(Tap::head_input, {});
    return taps;
  }

  QuantizedMatrix quantize_embedding(const PutNamedTensor& put) {
    const std::string name = kEmbeddingName;
    QuantizedMatrix codes = matrices_.by_rows(
        name, source_.embedding, [&](std::span<float> rows) { method_->prepare_embedding(rows); });
    put_matrix(put, name, codes);
    progress();
    return codes;
  }

  void quantize_head(const PutNamedTensor& put) {
    const std::string name = "lm_head.weight";
    put_matrix(put, name, matrices_.by_rows(name, source_.head, [&](std::span<float> rows) {
      method_->prepare_head(source_.norm_f, rows);
    }));
    progress();
  }

  void put_matrix(const PutNamedTensor& put, const std::string& name,
                  const QuantizedMatrix& codes) {
    put(name, codes.code_tensor());
    scales_.emplace_back(name + ".scales", codes.scale_tensor());
  }

  // Both return what reaches the layer's norm or in_proj afterwards, as far as it is known.

  // Returns the inputs of in_proj; nothing without text.
  AlignedVector<float> prepare_in_proj(OpenLayer& open, std::int64_t layer) {
    SiteStatistics seen;
    if (method_->needs_statistics()) {
      seen = site_statistics(stream_->in_proj_inputs(open.weights, layer), config_.d_model);
    }
    LinearSite site = open.in_proj_site();
    method_->prepare_in_proj(site, seen);
    return stream_ ? stream_->in_proj_inputs(open.weights, layer) : AlignedVector<float>();
  }

  // Returns what reaches the gated norm, which the change leaves alone; nothing where no statistics
  // were needed.
  AlignedVector<float> prepare_out_proj(OpenLayer& open, std::int64_t layer,
                                        std::span<const float> inputs) {
    AlignedVector<float> gated;
    SiteStatistics seen;
    if (method_->needs_statistics()) {
      gated = stream_->gated(open.weights, layer, inputs);
      seen = site_statistics(stream_->out_proj_inputs(open.weights, layer, gated), config_.d_inner);
    }
    LinearSite site = open.out_proj_site();
    method_->prepare_out_proj(site, seen);
    return gated;
  }

  // The clip of a quantizer for what `values` gives, which is called only where it is needed.
  template <typename Values>
  float clip_for(int bits, std::int64_t columns, const Values& values) {
    if (!options_.clip || !stream_ || bits >= 16) return 1.0F;
    return mse_clip(activation_quantizer(bits, options_.group, true), values(), columns);
  }

  // With GPTQ the next layer sees rounded inputs, else the float model's.
  void round_inputs(AlignedVector<float>& inputs, std::int64_t columns) const {
    const int bits = options_.scheme.activation_bits;
    if (!options_.gptq || bits >= 16) return;
    fake_quantize(activation_quantizer(bits, options_.group, options_.clip, clips_.back()), columns,
                  inputs);
  }

  // What out_proj must add to the residual stream so that it becomes that of the float model, which
  // is behind this layer already. [tokens, d_model]
  AlignedVector<float> wanted_outputs(const LayerWeights& w) const {
    const std::span<const float> residual = stream_->residual();
    AlignedVector<float> wanted(exact_->residual().begin(), exact_->residual().end());
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] -= residual[i];
    AlignedVector<float> bias = w.out_proj_bias;
    for (float& value : bias) value = -value;
    add_bias(bias, wanted);
    return wanted;
  }

  void advance_exact(const LayerWeights& w, std::int64_t layer, std::span<const float> inputs) {
    if (known_ != nullptr && !known_->behind(layer).empty()) {
      return exact_->advance_to(known_->behind(layer));
    }
    exact_->advance_from_in_proj(w, layer, inputs);
    if (known_ != nullptr) known_->keep(layer, exact_->residual());
  }

  void quantize_in_proj(OpenLayer& open, std::int64_t layer, const PutNamedTensor& put,
                        std::span<const float> inputs) {
    const std::string name = block_name(layer) + "mixer.in_proj.weight";
    if (!options_.gptq) {
      return put_matrix(put, name, matrices_.plain(name, *open.in_proj, config_.d_model));
    }
    AlignedVector<float> exact = exact_->in_proj_inputs(open.weights, layer);
    advance_exact(open.weights, layer, exact);
    const GptqSums sums = sums_for_inputs(*open.in_proj, config_.d_model, inputs, std::move(exact));
    put_matrix(put, name, matrices_.compensated(name, *open.in_proj, config_.d_model, sums));
  }

  void quantize_out_proj(OpenLayer& open, std::int64_t layer, const PutNamedTensor& put,
                         std::span<const float> inputs) {
    const std::string name = block_name(layer) + "mixer.out_proj.weight";
    if (!options_.gptq) {
      return put_matrix(put, name, matrices_.plain(name, *open.out_proj, config_.d_inner));
    }
    const GptqSums sums =
        sums_for_outputs(*open.out_proj, config_.d_inner, inputs, wanted_outputs(open.weights));
    put_matrix(put, name, matrices_.compensated(name, *open.out_proj, config_.d_inner, sums));
  }

  void quantize_layer(std::int64_t layer, const PutNamedTensor& put,
                      std::vector<std::pair<std::string, Tensor>>& small) {
    OpenLayer open(source_.layer(layer));
    LayerWeights& w = open.weights;
    const int bits = options_.scheme.activation_bits;

    AlignedVector<float> inputs = prepare_in_proj(open, layer);
    clips_.push_back(
        clip_for(bits, config_.d_model, [&]() -> const AlignedVector<float>& { return inputs; }));
    round_inputs(inputs, config_.d_model);
    check_stop();
    AlignedVector<float> gated = prepare_out_proj(open, layer, inputs);
    check_stop();
    quantize_in_proj(open, layer, put, inputs);
    check_stop();

    ConvCodes conv;
    if (options_.ssm == SsmFormat::pot8) {
      conv = quantize_conv(w.conv1d, config_.d_conv);
      if (options_.gptq) conv_to_float(conv.codes, conv.exponents, w.conv1d);
    }
    AlignedVector<float> outputs;
    if (stream_) {
      // Where GPTQ has changed in_proj and the conv, what was known does not hold any more.
      if (gated.empty() || options_.gptq) gated = stream_->gated(w, layer, inputs);
      outputs = stream_->out_proj_inputs(w, layer, std::move(gated));
    }
    inputs = {};
    check_stop();
    clips_.push_back(
        clip_for(bits, config_.d_inner, [&]() -> const AlignedVector<float>& { return outputs; }));
    round_inputs(outputs, config_.d_inner);
    quantize_out_proj(open, layer, put, outputs);
    check_stop();
    if (stream_) {
      if (layer + 1 == config_.n_layer) stream_->thin(outputs, config_.d_inner);
      stream_->advance(w, layer, outputs);
    }
    collect_small(w, conv, block_name(layer), small);
  }

  void collect_small(const LayerWeights& w, const ConvCodes& conv, const std::string& block,
                     std::vector<std::pair<std::string, Tensor>>& small) const {
    for (const BlockVector& each : stored_vectors(config_, quantization_)) {
      const std::string name = fmt::format("{}{}", block, each.name);
      if (each.name == kConvName && !conv.codes.empty()) {
        small.emplace_back(name, byte_tensor(conv.codes, each.shape));
        small.emplace_back(name + ".exponents", byte_tensor(conv.exponents, {config_.conv_dim()}));
      } else {
        small.emplace_back(name, float_tensor(w.*each.values, each.shape));
      }
    }
  }

  const WeightSource& source_;
  const QuantizeOptions& options_;
  KnownResiduals* known_;
  Quantization quantization_;
  Mamba2Config config_;  // of the result
  MatrixQuantizer matrices_;
  std::unique_ptr<const WeightMethod> method_;
  std::vector<TokenId> calibration_;
  // With GPTQ the rounded model and the float model, else the float model alone.
  std::optional<CalibrationStream> stream_;
  std::optional<CalibrationStream> exact_;
  std::vector<std::pair<std::string, Tensor>> scales_;  // they follow all codes
  std::vector<float> clips_;
  std::int64_t done_ = 0;
};

QuantizeReport write(const WeightSource& source, const QuantizeOptions& options,
                     const std::string& tokenizer, const std::filesystem::path& path) {
  Pass pass(source, options);
  QuantizeReport report{pass.quantization(), {}, 0};
  report.bytes = write_quantized_file(path, pass.config(), pass.quantization(), tokenizer,
                                      [&](const PutNamedTensor& put) { pass.quantize(put); });
  report.errors = pass.take_errors();
  return report;
}

void require_float(const Model& model) {
  if (model.quantization()) fail("the model is already quantized; a float model is needed");
}

QuantizedModel quantize_in_memory(const Model& model, const QuantizeOptions& options,
                                  KnownResiduals* known) {
  require_float(model);
  const WeightSource source = source_of(model.weights());
  Pass pass(source, options, known);
  TensorMap tensors;
  QuantizeReport report{pass.quantization(), {}, 0};
  pass.quantize([&](const std::string& name, const Tensor& tensor) {
    report.bytes += std::ssize(tensor.data);
    tensors.emplace(name, tensor);
  });
  report.errors = pass.take_errors();
  return {model.with_weights(std::make_shared<const Weights>(
              weights_from_layout(pass.config(), pass.quantization(), tensors))),
          std::move(report)};
}

}  // namespace

QuantizeReport quantize_to_file(const Model& model, const QuantizeOptions& options,
                                const std::filesystem::path& path) {
  require_float(model);
  return write(source_of(model.weights()), options, model.tokenizer_json(), path);
}

QuantizedModel quantize(const Model& model, const QuantizeOptions& options) {
  return quantize_in_memory(model, options, nullptr);
}

QuantizedModel quantize(const Model& model, const QuantizeOptions& options, KnownResiduals& known) {
  return quantize_in_memory(model, options, &known);
}

Model transform(const Model& model, const QuantizeOptions& options) {
  require_float(model);
  const WeightSource source = source_of(model.weights());
  return model.with_weights(std::make_shared<const Weights>(Pass(source, options).transform()));
}

QuantizeReport quantize_shape_to_file(std::string_view shape, const QuantizeOptions& options,
                                      const std::filesystem::path& path) {
  return write(random_weights(published_shape(shape), options.seed), options, {}, path);
}

}  // namespace lightmamba
