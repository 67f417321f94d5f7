#include "quant/quantized_file.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/large_buffer.h"
#include "base/threads.h"
#include "base/utf8.h"
#include "io/config_json.h"
#include "io/finite.h"
#include "io/json.h"
#include "model/tensor_list.h"
#include "quant/conv_weights.h"
#include "quant/pack.h"
#include "quant/rounding_taps.h"

namespace lightmamba {
namespace {

constexpr const char* kFormat = "lightmamba";
constexpr const char* kVersion = "2";
constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kChecksums = "checksums";
constexpr const char* kClips = "activation_clip";

std::string scales_of(const std::string& name) { return name + ".scales"; }
std::string exponents_of(const std::string& name) { return name + ".exponents"; }

CodeFormat layer_format(const Quantization& q) { return {q.scheme.weight_bits, q.group}; }
CodeFormat head_format(const Quantization& q) { return {q.head_bits, q.group}; }

std::uint64_t checksum(std::span<const std::byte> data) {
  return XXH3_64bits(data.data(), data.size());
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Takes the tensors of a layout as weights.
class LayoutReader {
 public:
  LayoutReader(const Mamba2Config& config, const Quantization& quantization,
               const TensorMap& tensors)
      : config_(config), quantization_(quantization), tensors_(tensors) {
    // Checked before names are made for the many layers that a damaged configuration may have.
    if (std::ssize(tensors) < config.n_layer) {
      fail("{} tensors are too few for {} layers", tensors.size(), config.n_layer);
    }
    std::set<std::string_view> names;
    for (const TensorSpec& spec : quantized_layout(config, quantization)) {
      check(spec);
      names.insert(tensors_.find(spec.name)->first);
    }
    for (const auto& [name, tensor] : tensors_) {
      if (!names.contains(name)) fail("tensor '{}' is not part of the format", printable(name));
    }
  }

  Weights read() const {
    Weights weights;
    weights.config = config_;
    weights.quantization = quantization_;
    weights.embedding =
        matrix(kEmbeddingName, config_.vocab_size, config_.d_model, head_format(quantization_));
    weights.head = config_.tie_embeddings ? weights.embedding
                                          : matrix(kHeadName, config_.vocab_size, config_.d_model,
                                                   head_format(quantization_));
    weights.norm_f = floats(kFinalNormName);
    for (std::int64_t layer = 0; layer < config_.n_layer; ++layer) {
      weights.layers.push_back(read_layer(block_name(layer)));
    }
    weights.clips = floats(kClips);
    for (const float clip : weights.clips) {
      if (!(clip > 0 && clip <= 1)) fail("tensor '{}': {} is not in (0, 1]", kClips, clip);
    }
    weights.numerics = rounding_taps(config_, rounding_plan(config_, quantization_, weights.clips));
    return weights;
  }

 private:
  void check(const TensorSpec& spec) const {
    const auto found = tensors_.find(spec.name);
    if (found == tensors_.end()) {
      fail("tensor '{}' is missing, expected {} of {}", spec.name, dtype_name(spec.dtype),
           shape_string(spec.shape));
    }
    const Tensor& tensor = found->second;
    if (tensor.dtype != spec.dtype || tensor.shape != spec.shape) {
      fail("tensor '{}' is {} of {}, expected {} of {}", spec.name, dtype_name(tensor.dtype),
           shape_string(tensor.shape), dtype_name(spec.dtype), shape_string(spec.shape));
    }
  }

  const Tensor& tensor(const std::string& name) const { return tensors_.find(name)->second; }

  const Tensor& finite_tensor(const std::string& name) const {
    const Tensor& stored = tensor(name);
    require_finite(stored, fmt::format("tensor '{}'", name));
    return stored;
  }

  AlignedVector<float> floats(const std::string& name) const {
    const Tensor& stored = finite_tensor(name);
    AlignedVector<float> values(element_count(stored.shape, stored.dtype));
    to_float(stored.dtype, stored.data.data(), values);
    return values;
  }

  Matrix matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                const CodeFormat& format) const {
    const Tensor& codes = tensor(name);
    const Tensor& scales = finite_tensor(scales_of(name));
    return {.rows = rows,
            .columns = columns,
            .data = codes.data.data(),
            .owner = codes.owner,
            .codes = format,
            .scales = scales.data.data(),
            .scales_owner = scales.owner};
  }

  void read_conv(const std::string& name, LayerWeights& weights) const {
    const auto codes = [&](const std::string& tensor_name) {
      const std::span<const std::byte> data = tensor(tensor_name).data;
      const auto* begin = reinterpret_cast<const std::int8_t*>(data.data());
      return std::vector<std::int8_t>(begin, begin + data.size());
    };
    weights.conv1d_codes = {codes(name), codes(exponents_of(name))};
    if (std::ranges::find(weights.conv1d_codes.codes, INT8_MIN) !=
        weights.conv1d_codes.codes.end()) {
      fail("tensor '{}': a code is {}, not -127 to 127", name, INT8_MIN);
    }
    weights.conv1d.resize(weights.conv1d_codes.codes.size());
    conv_to_float(weights.conv1d_codes.codes, weights.conv1d_codes.exponents, weights.conv1d);
    if (!std::ranges::all_of(weights.conv1d, [](float value) { return std::isfinite(value); })) {
      fail("tensor '{}': a scale gives a weight that is not finite", exponents_of(name));
    }
  }

  LayerWeights read_layer(const std::string& block) const {
    const CodeFormat format = layer_format(quantization_);
    LayerWeights weights;
    for (const BlockMatrix& each : block_matrices(config_)) {
      weights.*each.matrix =
          matrix(fmt::format("{}{}", block, each.name), each.rows, each.columns, format);
    }
    for (const BlockVector& each : stored_vectors(config_, quantization_)) {
      const std::string name = fmt::format("{}{}", block, each.name);
      if (each.name == kConvName && quantization_.ssm == SsmFormat::pot8) {
        read_conv(name, weights);
      } else {
        weights.*each.values = floats(name);
      }
    }
    weights.conv1d_bias.resize(static_cast<std::size_t>(config_.conv_dim()));
    return weights;
  }

  const Mamba2Config& config_;
  const Quantization& quantization_;
  const TensorMap& tensors_;
};

Quantization parse_quantization(const std::string& text) {
  const std::string source = "metadata 'quantization'";
  const Json json = parse_json(text, source);
  const auto word = [&](const char* name) { return json_field<std::string>(json, name, source); };
  Quantization q;
  const auto parse_word = [&](const char* name, const auto& parse) {
    const std::string value = word(name);
    return with_context(source, [&] { return parse(value); });
  };
  q.method = parse_word("method", parse_method);
  q.scheme = parse_word("scheme", parse_scheme);
  q.ssm = parse_word("ssm", parse_ssm_format);
  q.state = parse_word("state", parse_state_format);
  q.clip = json_field<bool>(json, "clip", source);
  q.gptq = json_field<bool>(json, "gptq", source);
  q.source = word("source");
  q.group = json_field<std::int64_t>(json, "group", source);
  if (!CodeFormat::is_group(q.group)) {
    fail("{}: field 'group': expected a multiple of {} up to {}, found {}", source,
         CodeFormat::kGroupStep, CodeFormat::kLargestGroup, q.group);
  }
  const auto head_bits = json_field<std::int64_t>(json, "head_bits", source);
  if (head_bits != 4 && head_bits != 8) {
    fail("{}: field 'head_bits': expected 4 or 8, found {}", source, head_bits);
  }
  q.head_bits = static_cast<int>(head_bits);
  // The numbers of some JSON readers do not hold 64 bits.
  const std::string seed = word("seed");
  const auto [end, error] = std::from_chars(seed.data(), seed.data() + seed.size(), q.seed);
  if (error != std::errc() || end != seed.data() + seed.size()) {
    fail("{}: field 'seed': '{}' is not a number of 64 bits", source, printable(seed));
  }
  return q;
}

std::string quantization_json(const Quantization& q) {
  return nlohmann::ordered_json{{"method", method_name(q.method)},
                                {"scheme", scheme_name(q.scheme)},
                                {"head_bits", q.head_bits},
                                {"group", q.group},
                                {"ssm", ssm_format_name(q.ssm)},
                                {"state", state_format_name(q.state)},
                                {"clip", q.clip},
                                {"gptq", q.gptq},
                                {"seed", std::to_string(q.seed)},
                                {"source", q.source}}
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

const std::string& metadata_field(const SafetensorsFile& file, const std::string& name) {
  const auto found = file.metadata.find(name);
  if (found == file.metadata.end()) fail("metadata '{}' is missing", name);
  return found->second;
}

void check_format(const SafetensorsFile& file) {
  const auto format = file.metadata.find("format");
  if (format == file.metadata.end() || format->second != kFormat) {
    fail(
        "not a quantized model: metadata 'format' is not '{}' (a float model is given as the "
        "directory that holds it)",
        kFormat);
  }
  const std::string& version = metadata_field(file, "format_version");
  if (version != kVersion) {
    fail("format version '{}' is not known here, which reads version {}: another lightmamba may",
         printable(version), kVersion);
  }
}

using NamedTensor = TensorMap::value_type;

// Returns all tensors but the checksums.
std::vector<NamedTensor*> in_order_of_file(SafetensorsFile& file) {
  std::vector<NamedTensor*> tensors;
  for (NamedTensor& entry : file.tensors) {
    if (entry.first != kChecksums) tensors.push_back(&entry);
  }
  std::ranges::stable_sort(tensors, {}, [](const NamedTensor* t) { return t->second.data.data(); });
  return tensors;
}

// The last tensor: a checksum of the header, which is checked here, then of each tensor in the
// order of the file.
std::vector<std::uint64_t> stored_checksums(const SafetensorsFile& file, std::size_t tensors) {
  const auto found = file.tensors.find(kChecksums);
  if (found == file.tensors.end()) fail("tensor '{}' is missing", kChecksums);
  const std::span<const std::byte> stored = found->second.data;
  if (stored.size() != (tensors + 1) * sizeof(std::uint64_t)) {
    fail("tensor '{}' has {} bytes, expected {} checksums", kChecksums, stored.size(), tensors + 1);
  }
  std::vector<std::uint64_t> sums(tensors + 1);
  std::memcpy(sums.data(), stored.data(), stored.size());
  if (sums[0] != checksum(bytes_of(file.header))) fail("the header is damaged: checksum differs");
  return {sums.begin() + 1, sums.end()};
}

// Calls body(i) for each tensor from all threads, the largest first, so that threads end at about
// the same time although each tensor belongs to one thread.
void for_each_tensor(const std::vector<NamedTensor*>& tensors,
                     const std::function<void(std::size_t)>& body) {
  std::vector<std::size_t> by_size(tensors.size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    by_size[i] = i;
    bytes += tensors[i]->second.data.size();
  }
  std::ranges::stable_sort(by_size, std::greater<>(),
                           [&](std::size_t i) { return tensors[i]->second.data.size(); });
  constexpr std::size_t kBytesPerOperation = 8;
  const auto operations = static_cast<std::int64_t>(bytes / kBytesPerOperation /
                                                    std::max<std::size_t>(1, tensors.size()));
  // The loop gives each thread consecutive indices, not the next one overall.
  std::atomic<std::size_t> next = 0;
  parallel_for(std::ssize(tensors), operations, [&](std::int64_t) { body(by_size[next++]); });
}

// The error names the first in the order of the file, on any number of threads.
void compare(const std::vector<NamedTensor*>& tensors, const std::vector<std::uint64_t>& expected,
             const std::vector<std::uint64_t>& found) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (expected[i] != found[i]) {
      fail("tensor '{}' is damaged: its checksum differs", printable(tensors[i]->first));
    }
  }
}

void check_checksums(SafetensorsFile& file) {
  const std::vector<NamedTensor*> tensors = in_order_of_file(file);
  const std::vector<std::uint64_t> expected = stored_checksums(file, tensors.size());
  std::vector<std::uint64_t> found(tensors.size());
  for_each_tensor(tensors, [&](std::size_t i) { found[i] = checksum(tensors[i]->second.data); });
  compare(tensors, expected, found);
}

// Places tensors in one piece of memory, in the order that load_quantized_file() promises.
struct Places {
  std::vector<std::size_t> begin;  // place of each tensor
  std::size_t bytes = 0;
};

Places places_of(const SafetensorsFile& file, const std::vector<NamedTensor*>& tensors) {
  std::map<const NamedTensor*, std::size_t> index;
  for (std::size_t i = 0; i < tensors.size(); ++i) index[tensors[i]] = i;
  constexpr std::size_t kUnplaced = static_cast<std::size_t>(-1);
  Places places{std::vector(tensors.size(), kUnplaced)};
  const auto place = [&](std::size_t i) {
    if (places.begin[i] != kUnplaced) return;
    places.begin[i] = places.bytes;
    const std::size_t size = tensors[i]->second.data.size();
    places.bytes += (size + kCacheLine - 1) / kCacheLine * kCacheLine;
  };
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    place(i);
    const auto scales = file.tensors.find(scales_of(tensors[i]->first));
    if (scales != file.tensors.end()) place(index.at(&*scales));
  }
  return places;
}

// Copies a tensor in blocks that are still in the processor's cache when they are summed, so that
// the checksum costs little beside the copy.
std::uint64_t copy_and_sum(const MappedFile& source, std::span<const std::byte> data,
                           std::span<std::byte> to) {
  constexpr std::size_t kBlock = std::size_t{256} << 10;
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  for (std::size_t begin = 0; begin < data.size(); begin += kBlock) {
    const std::size_t size = std::min(kBlock, data.size() - begin);
    const std::span<std::byte> block = to.subspan(begin, size);
    source.read(data.subspan(begin, size), block);
    XXH3_64bits_update(state.get(), block.data(), block.size());
  }
  return XXH3_64bits_digest(state.get());
}

// Makes the tensors views into memory and checks all but the checksums.
void load_tensors(SafetensorsFile& file, const MappedFile& source) {
  const std::vector<NamedTensor*> tensors = in_order_of_file(file);
  const std::vector<std::uint64_t> expected = stored_checksums(file, tensors.size());
  const Places places = places_of(file, tensors);
  const auto memory = std::make_shared<const LargeBuffer>(places.bytes);
  std::vector<std::uint64_t> found(tensors.size());
  for_each_tensor(tensors, [&](std::size_t i) {
    Tensor& tensor = tensors[i]->second;
    const std::span<std::byte> copy = memory->bytes().subspan(places.begin[i], tensor.data.size());
    found[i] = copy_and_sum(source, tensor.data, copy);
    tensor.data = copy;
    tensor.owner = memory;
  });
  compare(tensors, expected, found);
}

QuantizedFile take(SafetensorsFile file) {
  QuantizedFile result;
  const ParsedConfig parsed = parse_config(metadata_field(file, "config"), "metadata 'config'");
  result.config = parsed.config;
  result.config.tie_embeddings = parsed.tie_embeddings.value_or(false);
  result.quantization = parse_quantization(metadata_field(file, "quantization"));
  result.tensors = std::move(file.tensors);
  result.tensors.erase(kChecksums);
  if (const auto tokenizer = result.tensors.find(kTokenizer); tokenizer != result.tensors.end()) {
    result.tokenizer = std::string(text_of(tokenizer->second.data));
    result.tensors.erase(tokenizer);
  }
  return result;
}

// Maps the file, lets `check` look for damage, and takes its tensors.
QuantizedFile open_file(
    const std::filesystem::path& path,
    const std::function<void(SafetensorsFile&, const MappedFile& source)>& check) {
  std::shared_ptr<const MappedFile> source;
  SafetensorsFile file = [&] {
    try {
      source = MappedFile::open(path);
      return parse_safetensors(source->bytes(), source, path.string());
    } catch (const Error& error) {
      fail("{}; expected a directory with config.json and weights, or a quantized model",
           error.what());
    }
  }();
  return with_context(path.string(), [&] {
    check_format(file);
    check(file, *source);
    return take(std::move(file));
  });
}

}  // namespace

Metadata quantized_metadata(const Mamba2Config& config, const Quantization& quantization) {
  return {{"format", kFormat},
          {"format_version", kVersion},
          {"config", config_json(config)},
          {"quantization", quantization_json(quantization)}};
}

std::vector<TensorSpec> quantized_layout(const Mamba2Config& c, const Quantization& q) {
  std::vector<TensorSpec> layout;
  std::vector<TensorSpec> scales;
  const auto add_matrix = [&](const std::string& name, std::int64_t rows, std::int64_t columns,
                              const CodeFormat& format) {
    layout.push_back({name, DType::u8, code_shape(rows, columns, format)});
    scales.push_back({scales_of(name), DType::f16, scale_shape(rows, columns, format)});
  };
  add_matrix(kEmbeddingName, c.vocab_size, c.d_model, head_format(q));
  if (!c.tie_embeddings) add_matrix(kHeadName, c.vocab_size, c.d_model, head_format(q));
  for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
    for (const BlockMatrix& each : block_matrices(c)) {
      add_matrix(fmt::format("{}{}", block_name(layer), each.name), each.rows, each.columns,
                 layer_format(q));
    }
  }
  layout.insert(layout.end(), scales.begin(), scales.end());
  const auto add = [&](const std::string& name, const Shape& shape, DType dtype = DType::f32) {
    layout.push_back({name, dtype, shape});
  };
  for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
    for (const BlockVector& each : stored_vectors(c, q)) {
      const std::string name = fmt::format("{}{}", block_name(layer), each.name);
      const bool in_codes = each.name == kConvName && q.ssm == SsmFormat::pot8;
      add(name, each.shape, in_codes ? DType::i8 : DType::f32);
      if (in_codes) add(exponents_of(name), {c.conv_dim()}, DType::i8);
    }
  }
  add(kFinalNormName, {c.d_model});
  add(kClips, {activation_sites(c)});
  return layout;
}

Weights weights_from_layout(const Mamba2Config& config, const Quantization& quantization,
                            const TensorMap& tensors) {
  return LayoutReader(config, quantization, tensors).read();
}

std::int64_t write_quantized_file(const std::filesystem::path& path, const Mamba2Config& config,
                                  const Quantization& quantization, std::string_view tokenizer,
                                  const std::function<void(const PutNamedTensor&)>& produce) {
  const Metadata metadata = quantized_metadata(config, quantization);
  std::vector<TensorSpec> specs = quantized_layout(config, quantization);
  const std::size_t produced = specs.size();
  if (!tokenizer.empty()) specs.push_back({kTokenizer, DType::u8, {std::ssize(tokenizer)}});
  specs.push_back({kChecksums, DType::i64, {std::ssize(specs) + 1}});
  std::vector<std::uint64_t> sums = {checksum(bytes_of(safetensors_header(metadata, specs)))};
  std::int64_t written = 0;
  write_safetensors(path, metadata, specs, [&](const PutTensor& put) {
    const auto put_summed = [&](std::span<const std::byte> data) {
      sums.push_back(checksum(data));
      put(data);
    };
    produce([&](const std::string& name, const Tensor& tensor) {
      const std::size_t index = sums.size() - 1;
      if (index >= produced || specs[index].name != name) {
        fail("tensor '{}' comes out of order", name);
      }
      put_summed(tensor.data);
    });
    if (sums.size() != produced + 1) fail("{} tensors, expected {}", sums.size() - 1, produced);
    if (!tokenizer.empty()) put_summed(bytes_of(tokenizer));
    put(std::as_bytes(std::span(sums)));
  });
  for (const TensorSpec& spec : specs) written += static_cast<std::int64_t>(spec.bytes());
  return written;
}

QuantizedFile parse_quantized_file(std::span<const std::byte> bytes,
                                   std::shared_ptr<const void> owner, std::string_view source,
                                   Checksums checksums) {
  return with_context(source, [&] {
    SafetensorsFile file = parse_safetensors(bytes, std::move(owner), "safetensors");
    check_format(file);
    if (checksums == Checksums::verified) check_checksums(file);
    return take(std::move(file));
  });
}

QuantizedFile read_quantized_file(const std::filesystem::path& path) {
  return open_file(path, [](SafetensorsFile& file, const MappedFile&) { check_checksums(file); });
}

QuantizedFile load_quantized_file(const std::filesystem::path& path) {
  return open_file(path, load_tensors);
}

}  // namespace lightmamba
