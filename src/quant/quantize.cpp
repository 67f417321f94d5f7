#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include <lightmamba/quantize.h>

#include "base/fail.h"
#include "base/threads.h"
#include "io/safetensors.h"
#include "quant/calibration.h"
#include "quant/conv_weights.h"
#include "quant/gptq.h"
#include "quant/method.h"
#include "quant/numerics.h"
#include "quant/pack.h"
#include "quant/quantized_file.h"
#include "quant/weight_source.h"

namespace lightmamba {
namespace {

using FloatBuffer = std::shared_ptr<AlignedVector<float>>;

FloatBuffer widened(const Matrix& matrix) {
  auto values = std::make_shared<AlignedVector<float>>(
      static_cast<std::size_t>(matrix.rows * matrix.columns));
  parallel_for(matrix.rows, matrix.columns, [&](std::int64_t row) {
    matrix.row_to_float(row,
                        std::span(*values).subspan(static_cast<std::size_t>(row * matrix.columns),
                                                   static_cast<std::size_t>(matrix.columns)));
  });
  return values;
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
        in_proj(widened(weights.in_proj)),
        out_proj(widened(weights.out_proj)) {
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
  Pass(const WeightSource& source, const QuantizeOptions& options)
      : source_(source),
        options_(options),
        quantization_(quantization_of(options)),
        config_(source.config),
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
  std::vector<TensorError> take_errors() { return std::move(errors_); }

  // Hands over the tensors of quantized_layout(), in order.
  void quantize(const PutNamedTensor& put) {
    const QuantizedMatrix embedding = quantize_embedding(put);
    if (!config_.tie_embeddings) quantize_head(put);
    if (!calibration_.empty()) {
      stream_.emplace(config_, embedded(embedding.matrix()), options_.calibration_window,
                      stream_numerics());
      if (options_.gptq) {
        AlignedVector<float> exact = embedded(source_.embedding);
        method_->prepare_embedding(exact);
        exact_.emplace(config_, std::move(exact), options_.calibration_window,
                       make_online_transform(config_, options_.method));
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
    put("backbone.norm_f.weight", float_tensor(norm_f, {config_.d_model}));
    put("activation_clip", float_tensor(clips_, {std::ssize(clips_)}));
  }

  // The weights after the method's changes, in float.
  Weights transform() {
    Weights weights;
    weights.config = config_;
    const FloatBuffer embedding = widened(source_.embedding);
    method_->prepare_embedding(*embedding);
    weights.embedding = float_matrix(embedding, config_.d_model);
    weights.head = weights.embedding;
    if (!config_.tie_embeddings) {
      const FloatBuffer head = widened(source_.head);
      method_->prepare_head(source_.norm_f, *head);
      weights.head = float_matrix(head, config_.d_model);
    }
    weights.norm_f = source_.norm_f;
    method_->prepare_norm_f(weights.norm_f);
    weights.numerics = make_online_transform(config_, options_.method);
    if (method_->needs_statistics()) {
      stream_.emplace(config_, embedded(weights.embedding), options_.calibration_window,
                      weights.numerics);
    }
    for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
      OpenLayer open(source_.layer(layer));
      prepare_in_proj(open, layer);
      AlignedVector<float> inputs;
      if (stream_) inputs = stream_->in_proj_inputs(open.weights, layer);
      prepare_out_proj(open, layer, inputs);
      if (stream_) {
        stream_->advance(open.weights, layer,
                         stream_->out_proj_inputs(open.weights, layer, inputs));
      }
      weights.layers.push_back(std::move(open.weights));
    }
    return weights;
  }

 private:
  ScaleRule rule() const { return options_.clip ? ScaleRule::mse : ScaleRule::absmax; }

  void progress() {
    const std::int64_t total = config_.n_layer + (config_.tie_embeddings ? 1 : 2);
    if (options_.progress) options_.progress(++done_, total);
  }

  AlignedVector<float> embedded(const Matrix& embedding) const {
    const auto d_model = static_cast<std::size_t>(config_.d_model);
    AlignedVector<float> rows(calibration_.size() * d_model);
    for (std::size_t t = 0; t < calibration_.size(); ++t) {
      embedding.row_to_float(calibration_[t], std::span(rows).subspan(t * d_model, d_model));
    }
    return rows;
  }

  // What happens inside the blocks while text streams through them. The inputs of the linear layers
  // are quantized apart, and the rounding of the state is too small to matter here.
  Taps stream_numerics() const {
    if (!options_.gptq) return make_online_transform(config_, options_.method);
    Quantization unrounded = quantization_;
    unrounded.scheme.activation_bits = 16;
    unrounded.state = StateFormat::floating;
    const std::vector<float> clips(static_cast<std::size_t>(activation_sites(config_)), 1.0F);
    Taps taps = make_numerics(config_, unrounded, clips);
    taps.set(Tap::head_input, {});
    return taps;
  }

  // A large matrix a few rows at a time. `prepare` changes rows in place.
  QuantizedMatrix quantize_rows(const std::string& name, const Matrix& matrix,
                                const std::function<void(std::span<float>)>& prepare) {
    constexpr std::int64_t kRows = 4096;
    QuantizedMatrix codes(matrix.rows, matrix.columns, {quantization_.head_bits, options_.group});
    SquaredError error;
    for (std::int64_t begin = 0; begin < matrix.rows; begin += kRows) {
      const std::int64_t end = std::min(begin + kRows, matrix.rows);
      const FloatBuffer rows = widened(matrix.row_range(begin, end));
      prepare(*rows);
      round_rows(name, *rows, begin, codes);
      error += squared_error(*rows, codes.matrix().row_range(begin, end));
    }
    errors_.push_back({name, error.relative()});
    return codes;
  }

  void round_rows(const std::string& name, std::span<const float> weights, std::int64_t first_row,
                  QuantizedMatrix& codes) {
    const std::int64_t columns = codes.columns;
    const auto round_row = [&](std::int64_t row) {
      quantize_row(weights.subspan(static_cast<std::size_t>(row * columns),
                                   static_cast<std::size_t>(columns)),
                   rule(), first_row + row, codes);
    };
    with_context(fmt::format("tensor '{}'", name),
                 [&] { parallel_for(std::ssize(weights) / columns, 100 * columns, round_row); });
  }

  QuantizedMatrix quantize_embedding(const PutNamedTensor& put) {
    const std::string name = "backbone.embeddings.weight";
    QuantizedMatrix codes = quantize_rows(
        name, source_.embedding, [&](std::span<float> rows) { method_->prepare_embedding(rows); });
    put_matrix(put, name, codes);
    progress();
    return codes;
  }

  void quantize_head(const PutNamedTensor& put) {
    const std::string name = "lm_head.weight";
    put_matrix(put, name, quantize_rows(name, source_.head, [&](std::span<float> rows) {
                 method_->prepare_head(source_.norm_f, rows);
               }));
    progress();
  }

  void put_matrix(const PutNamedTensor& put, const std::string& name,
                  const QuantizedMatrix& codes) {
    put(name, codes.code_tensor());
    scales_.emplace_back(name + ".scales", codes.scale_tensor());
  }

  void prepare_in_proj(OpenLayer& open, std::int64_t layer) {
    SiteStatistics seen;
    if (method_->needs_statistics()) {
      seen = site_statistics(stream_->in_proj_inputs(open.weights, layer), config_.d_model);
    }
    LinearSite site = open.in_proj_site();
    method_->prepare_in_proj(site, seen);
  }

  void prepare_out_proj(OpenLayer& open, std::int64_t layer, std::span<const float> inputs) {
    SiteStatistics seen;
    if (method_->needs_statistics()) {
      seen =
          site_statistics(stream_->out_proj_inputs(open.weights, layer, inputs), config_.d_inner);
    }
    LinearSite site = open.out_proj_site();
    method_->prepare_out_proj(site, seen);
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

  // What a linear layer is rounded by: its inputs as they will be, and what its outputs lack of the
  // float model's, both empty without GPTQ.
  struct Targets {
    AlignedVector<float> inputs;         // [tokens, columns]
    AlignedVector<float> output_errors;  // [tokens, rows]
  };

  // The outputs that `weight` would give for the float model's inputs instead of the rounded ones.
  Targets targets(const Matrix& weight, AlignedVector<float> rounded,
                  std::span<const float> exact) const {
    if (!options_.gptq) return {};
    const std::int64_t tokens = std::ssize(rounded) / weight.columns;
    AlignedVector<float> missing(exact.begin(), exact.end());
    for (std::size_t i = 0; i < missing.size(); ++i) missing[i] -= rounded[i];
    Targets result{std::move(rounded),
                   AlignedVector<float>(static_cast<std::size_t>(tokens * weight.rows))};
    linear(weight, tokens, missing, result.output_errors);
    return result;
  }

  // Rounds `weights`; with GPTQ they become the values of their codes.
  QuantizedMatrix quantize_linear(const std::string& name, AlignedVector<float>& weights,
                                  std::int64_t columns, const Targets& wanted) {
    const std::int64_t rows = std::ssize(weights) / columns;
    QuantizedMatrix codes(rows, columns, {options_.scheme.weight_bits, options_.group});
    if (options_.gptq) {
      const AlignedVector<float> exact = weights;
      with_context(fmt::format("tensor '{}'", name), [&] { compensate(weights, wanted, codes); });
      errors_.push_back({name, squared_error(exact, codes.matrix()).relative()});
    } else {
      round_rows(name, weights, 0, codes);
      errors_.push_back({name, squared_error(weights, codes.matrix()).relative()});
    }
    return codes;
  }

  void compensate(std::span<float> weights, const Targets& wanted, QuantizedMatrix& out) {
    HessianAccumulator hessian(out.columns);
    hessian.add(wanted.inputs);
    const AlignedVector<float> products =
        output_error_products(wanted.output_errors, out.rows, wanted.inputs, out.columns);
    const int bits = out.format.bits;
    std::vector<std::int8_t> codes(weights.size());
    const std::int64_t groups = out.format.groups(out.columns);
    std::vector<float> scales(static_cast<std::size_t>(out.rows * groups));
    gptq(
        weights, out.rows, out.columns, hessian.matrix(), products,
        {.group = options_.group,
         .lowest = lowest_code(bits, rule()),
         .highest = (1 << (bits - 1)) - 1},
        [&](std::span<const float> group, std::span<const float> importance) {
          return group_scale(group, importance, bits, rule());
        },
        codes, scales);
    parallel_for(out.rows, out.columns, [&](std::int64_t row) {
      out.set_row(row,
                  std::span(codes).subspan(static_cast<std::size_t>(row * out.columns),
                                           static_cast<std::size_t>(out.columns)),
                  std::span(scales).subspan(static_cast<std::size_t>(row * groups),
                                            static_cast<std::size_t>(groups)));
    });
  }

  void quantize_layer(std::int64_t layer, const PutNamedTensor& put,
                      std::vector<std::pair<std::string, Tensor>>& small) {
    OpenLayer open(source_.layer(layer));
    LayerWeights& w = open.weights;
    const std::string block = fmt::format("backbone.layers.{}.", layer);
    const std::string in_proj = block + "mixer.in_proj.weight";
    const std::string out_proj = block + "mixer.out_proj.weight";
    const int bits = options_.scheme.activation_bits;

    prepare_in_proj(open, layer);
    AlignedVector<float> inputs;
    if (stream_) inputs = stream_->in_proj_inputs(w, layer);
    clips_.push_back(
        clip_for(bits, config_.d_model, [&]() -> const AlignedVector<float>& { return inputs; }));
    round_inputs(inputs, config_.d_model);
    prepare_out_proj(open, layer, inputs);

    AlignedVector<float> exact_inputs;
    AlignedVector<float> exact_outputs;
    if (exact_) {
      exact_inputs = exact_->in_proj_inputs(w, layer);
      exact_outputs = exact_->out_proj_inputs(w, layer, exact_inputs);
    }
    put_matrix(put, in_proj,
               quantize_linear(in_proj, *open.in_proj, config_.d_model,
                               targets(w.in_proj, inputs, exact_inputs)));

    ConvCodes conv;
    if (options_.ssm == SsmFormat::pot8) {
      conv = quantize_conv(w.conv1d, config_.d_conv);
      if (options_.gptq) conv_to_float(conv.codes, conv.exponents, w.conv1d);
    }
    AlignedVector<float> outputs;
    if (stream_) outputs = stream_->out_proj_inputs(w, layer, inputs);
    clips_.push_back(
        clip_for(bits, config_.d_inner, [&]() -> const AlignedVector<float>& { return outputs; }));
    round_inputs(outputs, config_.d_inner);
    Targets wanted = targets(w.out_proj, outputs, exact_outputs);
    if (exact_) {
      for (std::size_t i = 0; i < wanted.output_errors.size(); ++i) {
        wanted.output_errors[i] += exact_->residual()[i] - stream_->residual()[i];
      }
      exact_->advance(w, layer, exact_outputs);
    }
    put_matrix(put, out_proj, quantize_linear(out_proj, *open.out_proj, config_.d_inner, wanted));
    if (stream_) stream_->advance(w, layer, outputs);

    collect_small(w, conv, block, small);
  }

  void collect_small(const LayerWeights& w, const ConvCodes& conv, const std::string& block,
                     std::vector<std::pair<std::string, Tensor>>& small) const {
    const std::string mixer = block + "mixer.";
    const auto add = [&](const std::string& name, std::span<const float> values) {
      small.emplace_back(name, float_tensor(values, {std::ssize(values)}));
    };
    add(block + "norm.weight", w.norm);
    const Shape conv_shape = {config_.conv_dim(), 1, config_.d_conv};
    if (conv.codes.empty()) {
      small.emplace_back(mixer + "conv1d.weight", float_tensor(w.conv1d, conv_shape));
    } else {
      small.emplace_back(mixer + "conv1d.weight", byte_tensor(conv.codes, conv_shape));
      small.emplace_back(mixer + "conv1d.weight.exponents",
                         byte_tensor(conv.exponents, {config_.conv_dim()}));
    }
    if (config_.conv_bias) add(mixer + "conv1d.bias", w.conv1d_bias);
    add(mixer + "dt_bias", w.dt_bias);
    add(mixer + "A", w.A);
    add(mixer + "D", w.D);
    add(mixer + "norm.weight", w.gated_norm);
    if (options_.method == Method::os_plus) {
      add(block + "norm.bias", w.norm_bias);
      add(mixer + "norm.bias", w.gated_norm_bias);
      add(mixer + "in_proj.bias", w.in_proj_bias);
      add(mixer + "out_proj.bias", w.out_proj_bias);
    }
  }

  const WeightSource& source_;
  const QuantizeOptions& options_;
  Quantization quantization_;
  Mamba2Config config_;  // of the result
  std::unique_ptr<const WeightMethod> method_;
  std::vector<TokenId> calibration_;
  // With GPTQ the rounded model and the float model, else the float model alone.
  std::optional<CalibrationStream> stream_;
  std::optional<CalibrationStream> exact_;
  std::vector<std::pair<std::string, Tensor>> scales_;  // they follow all codes
  std::vector<float> clips_;
  std::vector<TensorError> errors_;
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

}  // namespace

QuantizeReport quantize_to_file(const Model& model, const QuantizeOptions& options,
                                const std::filesystem::path& path) {
  require_float(model);
  return write(source_of(model.weights()), options, model.tokenizer_json(), path);
}

QuantizedModel quantize(const Model& model, const QuantizeOptions& options) {
  require_float(model);
  const WeightSource source = source_of(model.weights());
  Pass pass(source, options);
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
