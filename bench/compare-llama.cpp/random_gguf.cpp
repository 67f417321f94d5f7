// Writes a Mamba-2 model with random weights as a GGUF file that llama.cpp reads: the shape of a
// published model, in the tensor types that llama-quantize would choose. Speed needs no sense.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::uint64_t kAlignment = 32;
constexpr std::uint32_t kVocabulary = 50288;
constexpr std::uint32_t kStateSize = 128;
constexpr std::uint32_t kHeadSize = 64;
constexpr std::uint32_t kConvKernel = 4;

struct Shape {
  std::string_view name;
  std::uint32_t d_model;
  std::uint32_t n_layer;
};

constexpr std::array<Shape, 5> kShapes = {{{"mamba2-130m", 768, 24},
                                           {"mamba2-370m", 1024, 48},
                                           {"mamba2-780m", 1536, 48},
                                           {"mamba2-1.3b", 2048, 48},
                                           {"mamba2-2.7b", 2560, 64}}};

// A block of weights is random bits but for its half-precision scales, which lie at an offset and
// are a power of two times the tensor's scale.
struct Scale {
  std::size_t offset;
  int exponent;
};

struct TensorType {
  std::uint32_t id;
  std::size_t elements;  // elements of a block
  std::size_t bytes;     // bytes of a block
  double deviation;      // deviation of its weights if the scale is 1
  std::vector<Scale> scales;
};

const TensorType kF32 = {0, 1, 4, 0, {}};
const TensorType kQ40 = {2, 32, 18, 4.6, {{0, 0}}};
const TensorType kQ80 = {8, 32, 34, 74, {{0, 0}}};
// The second scale, of what is subtracted, brings the mean near zero.
const TensorType kQ4K = {12, 256, 144, 260, {{0, 0}, {2, 3}}};
const TensorType kQ6K = {14, 256, 210, 1370, {{208, 0}}};

struct Format {
  std::string_view name;
  std::uint32_t file_type;
  const TensorType& projections;
  const TensorType& embedding;  // is the LM head too
};

const std::array<Format, 3> kFormats = {
    {{"q4_0", 2, kQ40, kQ6K}, {"q4_k_m", 15, kQ4K, kQ6K}, {"q8_0", 7, kQ80, kQ80}}};

template <class Options>
const auto& named(const Options& options, std::string_view name, const std::string& what) {
  std::string names;
  for (const auto& option : options) {
    if (option.name == name) return option;
    names += (names.empty() ? "" : ", ") + std::string(option.name);
  }
  throw std::runtime_error("unknown " + what + " '" + std::string(name) + "': expected one of " +
                           names);
}

class Random {
 public:
  std::uint64_t bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  float between(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24F;
  }
  void fill(std::vector<std::byte>& bytes) {
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
      const std::uint64_t value = bits();
      std::memcpy(&bytes[at], &value, sizeof value);
    }
    for (; at < bytes.size(); ++at) bytes[at] = static_cast<std::byte>(bits() >> 56);
  }

 private:
  std::uint64_t state_ = 0x9E3779B97F4A7C15U;
};

std::uint16_t half_power_of_two(int exponent) {
  if (exponent < -24 || exponent > 15) throw std::logic_error("a scale outside half precision");
  return static_cast<std::uint16_t>(exponent < -14 ? 1 << (exponent + 24) : (exponent + 15) << 10);
}

struct Tensor {
  std::string name;
  std::vector<std::uint64_t> sizes;  // the fastest first
  const TensorType& type;
  float low = 0;  // F32: the range of the values
  float high = 0;

  std::uint64_t bytes() const {
    std::uint64_t elements = 1;
    for (const std::uint64_t size : sizes) elements *= size;
    return elements / type.elements * type.bytes;
  }
};

std::vector<Tensor> tensors_of(const Shape& shape, const Format& format) {
  const std::uint64_t d_model = shape.d_model;
  const std::uint64_t d_inner = 2 * d_model;
  const std::uint64_t heads = d_inner / kHeadSize;
  const std::uint64_t d_conv = d_inner + 2 * kStateSize;
  std::vector<Tensor> tensors = {{"token_embd.weight", {d_model, kVocabulary}, format.embedding},
                                 {"output_norm.weight", {d_model}, kF32, 1, 1}};
  for (std::uint32_t layer = 0; layer < shape.n_layer; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    tensors.push_back({block + "attn_norm.weight", {d_model}, kF32, 1, 1});
    tensors.push_back(
        {block + "ssm_in.weight", {d_model, d_inner + d_conv + heads}, format.projections});
    tensors.push_back({block + "ssm_conv1d.weight", {kConvKernel, d_conv}, kF32, -0.5F, 0.5F});
    tensors.push_back({block + "ssm_conv1d.bias", {d_conv}, kF32, -0.1F, 0.1F});
    tensors.push_back({block + "ssm_dt.bias", {heads}, kF32, -6, -2});
    tensors.push_back({block + "ssm_a", {1, heads}, kF32, -16, -1});
    tensors.push_back({block + "ssm_d", {1, heads}, kF32, 1, 1});
    tensors.push_back({block + "ssm_norm.weight", {d_inner, 1}, kF32, 1, 1});
    tensors.push_back({block + "ssm_out.weight", {d_inner, d_model}, format.projections});
  }
  return tensors;
}

// Numbers and strings as GGUF has them.
class Encoder {
 public:
  template <class Number>
  void number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint64_t>(value.size()));
    bytes_ += value;
  }
  void append(std::string_view bytes) { bytes_ += bytes; }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Metadata {
 public:
  void add(std::string_view key, std::string_view value) {
    begin(key, 8);
    encoder_.text(value);
  }
  void add(std::string_view key, std::uint32_t value) {
    begin(key, 4);
    encoder_.number(value);
  }
  void add(std::string_view key, float value) {
    begin(key, 6);
    encoder_.number(value);
  }
  std::uint64_t count() const { return count_; }
  const std::string& bytes() const { return encoder_.bytes(); }

 private:
  void begin(std::string_view key, std::uint32_t type) {
    ++count_;
    encoder_.text(key);
    encoder_.number(type);
  }

  std::uint64_t count_ = 0;
  Encoder encoder_;
};

Metadata metadata_of(const Shape& shape, const Format& format) {
  Metadata metadata;
  metadata.add("general.architecture", "mamba2");
  metadata.add("general.name", std::string(shape.name) + " with random weights");
  metadata.add("general.file_type", format.file_type);
  metadata.add("general.quantization_version", 2U);
  metadata.add("mamba2.context_length", 1U << 20U);
  metadata.add("mamba2.embedding_length", shape.d_model);
  metadata.add("mamba2.feed_forward_length", 0U);
  metadata.add("mamba2.attention.head_count", 0U);
  metadata.add("mamba2.block_count", shape.n_layer);
  metadata.add("mamba2.vocab_size", kVocabulary);
  metadata.add("mamba2.ssm.conv_kernel", kConvKernel);
  metadata.add("mamba2.ssm.inner_size", 2 * shape.d_model);
  metadata.add("mamba2.ssm.state_size", kStateSize);
  metadata.add("mamba2.ssm.time_step_rank", 2 * shape.d_model / kHeadSize);
  metadata.add("mamba2.ssm.group_count", 1U);
  metadata.add("mamba2.attention.layer_norm_rms_epsilon", 1e-5F);
  metadata.add("tokenizer.ggml.model", "none");
  return metadata;
}

std::string header_of(const Metadata& metadata, const std::vector<Tensor>& tensors) {
  Encoder header;
  header.append("GGUF");
  header.number(std::uint32_t{3});
  header.number(static_cast<std::uint64_t>(tensors.size()));
  header.number(metadata.count());
  header.append(metadata.bytes());
  std::uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    header.text(tensor.name);
    header.number(static_cast<std::uint32_t>(tensor.sizes.size()));
    for (const std::uint64_t size : tensor.sizes) header.number(size);
    header.number(tensor.type.id);
    header.number(offset);
    offset += (tensor.bytes() + kAlignment - 1) / kAlignment * kAlignment;
  }
  return header.bytes();
}

class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path), out_(path, std::ios::binary) {
    check();
  }
  void write(const void* data, std::size_t bytes) {
    out_.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
    check();
  }
  void align() {
    while (static_cast<std::uint64_t>(out_.tellp()) % kAlignment != 0) out_.put(0);
  }
  void close() {
    out_.close();
    check();
  }

 private:
  void check() const {
    if (!out_) throw std::runtime_error(path_ + ": cannot be written");
  }

  std::string path_;
  std::ofstream out_;
};

void write_floats(OutputFile& file, const Tensor& tensor, Random& random) {
  std::vector<float> values(tensor.bytes() / sizeof(float));
  for (float& value : values) value = random.between(tensor.low, tensor.high);
  file.write(values.data(), tensor.bytes());
}

void write_blocks(OutputFile& file, const Tensor& tensor, Random& random) {
  constexpr std::uint64_t kBlocks = 4096;
  const TensorType& type = tensor.type;
  // Products with activations of variance 1 keep about that variance.
  const double wanted = 1 / (type.deviation * std::sqrt(static_cast<double>(tensor.sizes[0])));
  const int exponent = static_cast<int>(std::lround(std::log2(wanted)));
  std::vector<std::byte> buffer;
  for (std::uint64_t left = tensor.bytes() / type.bytes; left > 0;) {
    const std::uint64_t blocks = std::min(left, kBlocks);
    buffer.resize(blocks * type.bytes);
    random.fill(buffer);
    for (const Scale& scale : type.scales) {
      const std::uint16_t half = half_power_of_two(exponent + scale.exponent);
      for (std::uint64_t block = 0; block < blocks; ++block) {
        std::memcpy(&buffer[block * type.bytes + scale.offset], &half, sizeof half);
      }
    }
    file.write(buffer.data(), buffer.size());
    left -= blocks;
  }
}

void write_model(const std::string& path, const Shape& shape, const Format& format) {
  const std::vector<Tensor> tensors = tensors_of(shape, format);
  const std::string header = header_of(metadata_of(shape, format), tensors);
  OutputFile file(path);
  file.write(header.data(), header.size());
  Random random;
  for (const Tensor& tensor : tensors) {
    file.align();
    if (tensor.type.scales.empty()) {
      write_floats(file, tensor, random);
    } else {
      write_blocks(file, tensor, random);
    }
  }
  file.align();
  file.close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: random_gguf SHAPE FORMAT FILE\n", stderr);
    return 2;
  }
  try {
    write_model(argv[3], named(kShapes, argv[1], "shape"), named(kFormats, argv[2], "format"));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "random_gguf: %s\n", error.what());
    return 1;
  }
  return 0;
}
