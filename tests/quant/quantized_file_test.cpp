#include "quant/quantized_file.h"

#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include <lightmamba/load.h>

#include "base/buffer.h"
#include "base/threads.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using nlohmann::json;
using test::error_of;
using ::testing::HasSubstr;

QuantizeOptions small_options(Method method = Method::rtn) {
  return {.method = method,
          .group = 16,
          .seed = 18446744073709551615U,
          .calibration = test::random_tokens(60, 37),
          .source = "a \"name\" ü"};
}

std::string quantized_bytes(const QuantizeOptions& options = small_options()) {
  const test::TemporaryFolder folder;
  quantize_to_file(test::load_random_model({}, true), options, folder / "q");
  return test::read_file(folder / "q");
}

QuantizedFile parse(const std::string& bytes) {
  return parse_quantized_file(std::as_bytes(std::span(bytes)), nullptr, "q");
}

std::string refusal(const std::string& bytes) {
  return error_of([&] {
    const QuantizedFile file = parse(bytes);
    weights_from_layout(file.config, file.quantization, file.tensors);
  });
}

std::uint64_t header_length(const std::string& bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  return length;
}

json header_of(const std::string& bytes) {
  return json::parse(bytes.substr(8, header_length(bytes)));
}

// With the lowest bit of byte `offset` of a tensor flipped.
std::string flipped(std::string bytes, const std::string& tensor, std::size_t offset = 0) {
  const auto begin = header_of(bytes)[tensor]["data_offsets"][0].get<std::size_t>();
  bytes[8 + header_length(bytes) + begin + offset] ^= 1;
  return bytes;
}

// The error for a file that is whole, but whose metadata or tensors have been changed before it was
// written.
template <typename Change>
std::string refusal_of_metadata(const std::string& field, const Change& change) {
  const std::string bytes = quantized_bytes();
  const SafetensorsFile file =
      parse_safetensors(std::as_bytes(std::span(bytes)), nullptr, "source");
  Metadata metadata = file.metadata;
  change(metadata[field]);
  std::vector<std::pair<std::string, Tensor>> tensors(file.tensors.begin(), file.tensors.end());
  const test::TemporaryFolder folder;
  write_safetensors(folder / "changed", metadata, tensors);
  const std::string changed = test::read_file(folder / "changed");
  return error_of([&] {
    const QuantizedFile parsed =
        parse_quantized_file(std::as_bytes(std::span(changed)), nullptr, "q", Checksums::ignored);
    weights_from_layout(parsed.config, parsed.quantization, parsed.tensors);
  });
}

std::string refusal_of_field(const std::string& metadata, const std::string& field,
                             const json& value) {
  return refusal_of_metadata(metadata, [&](std::string& text) {
    json object = json::parse(text);
    if (value.is_discarded()) {
      object.erase(field);
    } else {
      object[field] = value;
    }
    text = object.dump();
  });
}

const json kMissing = json(json::value_t::discarded);

TEST(QuantizedFile, KeepsHowItWasMade) {
  const test::TemporaryFolder folder;
  for (const Method method :
       {Method::rtn, Method::smoothquant, Method::os_plus, Method::lightmamba}) {
    QuantizeOptions options = small_options(method);
    options.scheme = {8, 4};
    options.head_bits = method == Method::rtn ? 4 : 8;
    options.group = 24;
    options.ssm = method == Method::os_plus ? SsmFormat::pot8 : SsmFormat::floating;
    options.state = StateFormat::int8_feedback;
    options.clip = method == Method::smoothquant;
    options.gptq = method == Method::lightmamba;
    const Model model = test::load_random_model({.dt_min = 0.01, .dt_max = 0.5}, true);
    const QuantizeReport report = quantize_to_file(model, options, folder / "q");
    const QuantizedFile file = read_quantized_file(folder / "q");
    const Quantization expected = {.method = method,
                                   .scheme = {8, 4},
                                   .head_bits = options.head_bits,
                                   .group = 24,
                                   .ssm = options.ssm,
                                   .state = StateFormat::int8_feedback,
                                   .clip = options.clip,
                                   .gptq = options.gptq,
                                   .seed = 18446744073709551615U,
                                   .source = "a \"name\" ü"};
    EXPECT_EQ(file.quantization, expected);
    EXPECT_EQ(report.quantization, expected);
    Mamba2Config config = model.config();
    config.tie_embeddings = method != Method::lightmamba;
    EXPECT_EQ(file.config, config);
    EXPECT_EQ(file.tokenizer, model.tokenizer().json());
    std::size_t bytes = 0;
    for (const auto& [name, tensor] : file.tensors) bytes += tensor.data.size();
    const std::vector<TensorSpec> layout = quantized_layout(file.config, file.quantization);
    EXPECT_EQ(file.tensors.size(), layout.size());
    EXPECT_EQ(static_cast<std::size_t>(report.bytes),
              bytes + file.tokenizer->size() + (layout.size() + 2) * 8);
  }
}

TEST(QuantizedFile, IsASafetensorsFileInTheOrderOfTheLayout) {
  const std::string bytes = quantized_bytes();
  const QuantizedFile file = parse(bytes);
  const json header = header_of(bytes);
  std::size_t end = 0;
  for (const TensorSpec& spec : quantized_layout(file.config, file.quantization)) {
    EXPECT_EQ(header[spec.name]["data_offsets"][0], end) << spec.name;
    if (spec.dtype == DType::u8) {
      EXPECT_EQ((8 + header_length(bytes) + end) % 64, 0u) << spec.name;
    }
    end = header[spec.name]["data_offsets"][1].get<std::size_t>();
  }
  EXPECT_EQ((8 + header_length(bytes)) % 64, 0u);
  EXPECT_EQ(header["__metadata__"]["format"], "lightmamba");
  EXPECT_EQ(header["__metadata__"]["format_version"], "2");
}

TEST(QuantizedFile, CodesOfAMappedFileBeginACacheLine) {
  const test::TemporaryFolder folder;
  const Model model = test::load_random_model({.d_model = 40, .headdim = 8, .ngroups = 2}, true);
  QuantizeOptions options = small_options(Method::lightmamba);
  for (const Scheme scheme : {Scheme{4, 4}, Scheme{8, 8}}) {
    options.scheme = scheme;
    quantize_to_file(model, options, folder / "q");
    const QuantizedFile file = read_quantized_file(folder / "q");
    const Weights weights = weights_from_layout(file.config, file.quantization, file.tensors);
    for (const Matrix& matrix : {weights.embedding, weights.head, weights.layers[0].in_proj,
                                 weights.layers[0].out_proj, weights.layers[1].out_proj}) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(matrix.data) % kCacheLine, 0u);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(matrix.scales) % alignof(std::uint16_t), 0u);
    }
  }
}

// Parallel loops run with this many threads for as long as it lives.
struct ThreadCount {
  explicit ThreadCount(int count) { set_thread_count(count); }
  ~ThreadCount() { set_thread_count(0); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;
};

constexpr std::array kThreadCounts = {1, 2, 3};

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(QuantizedFile, WhatIsLoadedOutlivesTheFile) {
  const test::TemporaryFolder folder;
  // The codes of the embedding take several blocks of a copy, and not a whole number.
  const Model model = test::load_random_model({.vocab_size = 9001, .d_model = 40}, true);
  quantize_to_file(model, small_options(), folder / "q");
  const std::string bytes = test::read_file(folder / "q");
  const json header = header_of(bytes);
  ASSERT_GT(header["backbone.embeddings.weight"]["data_offsets"][1], 300'000);
  for (const int threads : kThreadCounts) {
    const ThreadCount limit(threads);
    test::write_file(folder / "copy", bytes);
    const QuantizedFile file = load_quantized_file(folder / "copy");
    std::filesystem::resize_file(folder / "copy", 0);
    EXPECT_EQ(file.tokenizer, model.tokenizer().json());
    EXPECT_EQ(file.tensors.size() + 3, header.size());  // tokenizer, checksums, __metadata__
    for (const auto& [name, tensor] : file.tensors) {
      const auto begin = header[name]["data_offsets"][0].get<std::size_t>();
      const auto end = header[name]["data_offsets"][1].get<std::size_t>();
      EXPECT_EQ(text_of(tensor.data), bytes.substr(8 + header_length(bytes) + begin, end - begin))
          << name;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data.data()) % kCacheLine, 0u) << name;
    }
    for (const char* name :
         {"backbone.embeddings.weight", "backbone.layers.1.mixer.in_proj.weight"}) {
      const std::byte* end = &file.tensors.at(name).data.back();
      EXPECT_LE(file.tensors.at(std::string(name) + ".scales").data.data() - end, 64) << name;
      EXPECT_GT(file.tensors.at(std::string(name) + ".scales").data.data() - end, 0) << name;
    }
  }
}

TEST(QuantizedFile, WithoutTokenizerThereIsNone) {
  const test::TemporaryFolder folder;
  quantize_to_file(test::load_random_model(), small_options(), folder / "q");
  EXPECT_FALSE(read_quantized_file(folder / "q").tokenizer.has_value());
  EXPECT_FALSE(open_model(folder / "q").has_tokenizer());
}

TEST(QuantizedFile, OtherFormatsAndVersionsAreRefused) {
  for (const std::string version : {"1", "3"}) {
    EXPECT_THAT(refusal_of_metadata("format_version", [&](std::string& text) { text = version; }),
                HasSubstr("q: format version '" + version + "' is not known here"));
  }
  EXPECT_THAT(refusal_of_metadata("format_version", [](std::string& text) { text = ""; }),
              HasSubstr("format version ''"));
  EXPECT_THAT(refusal_of_metadata("format", [](std::string& text) { text = "pt"; }),
              HasSubstr("not a quantized model"));
  EXPECT_THAT(refusal(test::safetensors_bytes("{}", "")), HasSubstr("q: not a quantized model"));
  EXPECT_THAT(refusal(test::safetensors_bytes(R"({"__metadata__":{"format":"lightmamba"}})", "")),
              HasSubstr("metadata 'format_version' is missing"));
}

TEST(QuantizedFile, AFloatModelsFileIsRefusedAsSuch) {
  const test::TemporaryFolder folder;
  test::RandomModel({}).write_hugging_face(folder / "m");
  EXPECT_THAT(error_of([&] { open_model(folder / "m/model.safetensors"); }),
              testing::AllOf(HasSubstr("model.safetensors"), HasSubstr("not a quantized model"),
                             HasSubstr("directory")));
}

TEST(QuantizedFile, DamageIsSeenAndNamed) {
  const std::string bytes = quantized_bytes();
  for (const char* tensor :
       {"backbone.embeddings.weight", "backbone.embeddings.weight.scales",
        "backbone.layers.0.mixer.in_proj.weight", "backbone.layers.1.mixer.out_proj.weight.scales",
        "backbone.layers.1.mixer.A", "backbone.norm_f.weight", "activation_clip",
        "tokenizer.json"}) {
    EXPECT_THAT(refusal(flipped(bytes, tensor, 3)),
                HasSubstr(std::string("q: tensor '") + tensor + "' is damaged"));
  }
  EXPECT_THAT(refusal(flipped(bytes, "checksums", 0)), HasSubstr("the header is damaged"));
  EXPECT_THAT(refusal(flipped(bytes, "checksums", 8)), HasSubstr("is damaged"));
  // In the header: where it stays well-formed, and anywhere.
  std::string changed = bytes;
  changed.replace(changed.find("a \\\\\\\"name"), 1, "b");
  EXPECT_THAT(refusal(changed), HasSubstr("the header is damaged: checksum differs"));
  for (std::size_t at = 8; at < 8 + header_length(bytes); at += 7) {
    changed = bytes;
    changed[at] ^= 1;
    EXPECT_THAT(refusal(changed), testing::StartsWith("q: ")) << at;
  }
}

TEST(QuantizedFile, DamageToAnyTensorIsSeenWhereTheFileIsMappedAndWhereItIsLoaded) {
  const test::TemporaryFolder folder;
  const std::string bytes = quantized_bytes();
  const json header = header_of(bytes);
  const auto expect = [&](const std::string& damaged, const std::string& name) {
    test::write_file(folder / "q", damaged);
    const auto message = testing::AllOf(testing::StartsWith((folder / "q").string() + ": "),
                                        HasSubstr("tensor '" + name + "' is damaged"));
    EXPECT_THAT(error_of([&] { read_quantized_file(folder / "q"); }), message);
    EXPECT_THAT(error_of([&] { open_model(folder / "q"); }), message);
  };
  for (const int threads : kThreadCounts) {
    const ThreadCount limit(threads);
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__" || name == "checksums") continue;
      const auto size =
          entry["data_offsets"][1].get<std::size_t>() - entry["data_offsets"][0].get<std::size_t>();
      expect(flipped(bytes, name, size - 1), name);
    }
    // The first in the file, on any number of threads.
    expect(flipped(flipped(bytes, "backbone.norm_f.weight"), "backbone.embeddings.weight.scales"),
           "backbone.embeddings.weight.scales");
    test::write_file(folder / "q", flipped(bytes, "checksums", 0));
    EXPECT_THAT(error_of([&] { open_model(folder / "q"); }), HasSubstr("the header is damaged"));
  }
}

TEST(QuantizedFile, ATruncatedFileIsRefused) {
  const std::string bytes = quantized_bytes();
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, std::size_t{100},
                                   8 + header_length(bytes), bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_THAT(refusal(bytes.substr(0, length)), testing::StartsWith("q: "));
  }
  EXPECT_THAT(refusal(bytes + "x"), testing::StartsWith("q: "));
  const test::TemporaryFolder folder;
  for (const std::size_t length : {bytes.size() / 2, bytes.size() - 1}) {
    test::write_file(folder / "q", bytes.substr(0, length));
    for (const auto& message : {error_of([&] { open_model(folder / "q"); }),
                                error_of([&] { read_quantized_file(folder / "q"); })}) {
      EXPECT_THAT(message, testing::StartsWith((folder / "q").string() + ": "));
    }
  }
}

TEST(QuantizedFile, TensorsThatDoNotFitAreRefused) {
  const std::string bytes = quantized_bytes();
  const QuantizedFile file = parse(bytes);
  for (const TensorSpec& spec : quantized_layout(file.config, file.quantization)) {
    const auto message = [&](auto change) {
      TensorMap tensors = file.tensors;
      change(tensors, tensors.at(spec.name));
      return error_of([&] { weights_from_layout(file.config, file.quantization, tensors); });
    };
    const std::string quoted = "tensor '" + spec.name + "' is ";
    EXPECT_THAT(message([&](TensorMap& tensors, Tensor&) { tensors.erase(spec.name); }),
                HasSubstr(quoted + "missing"));
    EXPECT_THAT(message([&](TensorMap&, Tensor& tensor) { tensor.shape[0] += 1; }),
                HasSubstr(quoted));
    EXPECT_THAT(message([&](TensorMap&, Tensor& tensor) { tensor.shape.push_back(1); }),
                HasSubstr(quoted));
    EXPECT_THAT(message([&](TensorMap&, Tensor& tensor) { tensor.dtype = DType::i16; }),
                HasSubstr(quoted + "I16"));
  }
  TensorMap tensors = file.tensors;
  tensors.emplace("surprise", tensors.begin()->second);
  EXPECT_THAT(error_of([&] { weights_from_layout(file.config, file.quantization, tensors); }),
              HasSubstr("tensor 'surprise' is not part of the format"));
}

TEST(QuantizedFile, NumbersThatAreNotFiniteAreRefused) {
  QuantizeOptions options = small_options();
  options.ssm = SsmFormat::pot8;
  const std::string bytes = quantized_bytes(options);
  const QuantizedFile file = parse(bytes);
  const auto refused = [&](const std::string& name, std::vector<std::uint16_t> last) {
    TensorMap tensors = file.tensors;
    Tensor& tensor = tensors.at(name);
    std::vector<std::byte> data(tensor.data.begin(), tensor.data.end());
    std::memcpy(data.data() + data.size() - 2 * last.size(), last.data(), 2 * last.size());
    tensor.data = data;
    return error_of([&] { weights_from_layout(file.config, file.quantization, tensors); });
  };
  const std::string mixer = "backbone.layers.1.mixer.";
  for (const std::string& name : {mixer + "D", mixer + "A", mixer + "dt_bias",
                                  mixer + "norm.weight", std::string("backbone.norm_f.weight")}) {
    EXPECT_THAT(refused(name, {0, 0x7fc0}), HasSubstr("tensor '" + name + "': element ["));
  }
  for (const char* name :
       {"backbone.embeddings.weight.scales", "backbone.layers.0.mixer.in_proj.weight.scales"}) {
    EXPECT_THAT(refused(name, {0x7c00}), HasSubstr("is inf, not a finite number"));
  }
  EXPECT_THAT(refused(mixer + "conv1d.weight.exponents", {0x7f7f}),
              HasSubstr("a scale gives a weight that is not finite"));
  EXPECT_THAT(
      refused(mixer + "conv1d.weight", {0x0180}),
      HasSubstr("'backbone.layers.1.mixer.conv1d.weight': a code is -128, not -127 to 127"));
}

TEST(QuantizedFile, ClipsOutOfRangeAreRefused) {
  const std::string bytes = quantized_bytes();
  const QuantizedFile file = parse(bytes);
  for (const float bad : {0.0F, -1.0F, 1.5F, NAN, INFINITY}) {
    TensorMap tensors = file.tensors;
    std::vector<float> clips(5, 1.0F);
    clips[2] = bad;
    tensors.at("activation_clip").data = std::as_bytes(std::span(clips));
    EXPECT_THAT(error_of([&] { weights_from_layout(file.config, file.quantization, tensors); }),
                HasSubstr("tensor 'activation_clip'"));
  }
}

TEST(QuantizedFile, MalformedMetadataIsRefused) {
  for (const char* name : {"config", "quantization"}) {
    for (const char* text : {"", "{", "[]", "3", "{}", "{\"a\":1}"}) {
      EXPECT_THAT(refusal_of_metadata(name, [&](std::string& value) { value = text; }),
                  HasSubstr(std::string("metadata '") + name + "'"));
    }
  }
  const std::vector<std::pair<std::string, std::vector<json>>> bad = {
      {"method", {kMissing, "awq", 3, nullptr}},
      {"scheme", {kMissing, "w4a5", "w16a16", 4}},
      {"head_bits", {kMissing, 16, 0, -8, "8", 4294967300}},
      {"group", {kMissing, 0, -1, 4, 20, 65544, 9223372036854775807, 1e30, "128"}},
      {"ssm", {kMissing, "int8", true}},
      {"state", {kMissing, "int4", 8}},
      {"clip", {kMissing, 1, "none"}},
      {"gptq", {kMissing, 0, "no"}},
      {"seed", {kMissing, "", "-1", "1x", " 1", "99999999999999999999", "18446744073709551616", 7}},
      {"source", {kMissing, 1, nullptr}}};
  for (const auto& [field, values] : bad) {
    for (const json& value : values) {
      const std::string message = refusal_of_field("quantization", field, value);
      EXPECT_THAT(message, testing::StartsWith("q: metadata 'quantization'"))
          << field << ' ' << (value.is_discarded() ? "missing" : value.dump());
    }
  }
  EXPECT_THAT(refusal_of_field("quantization", "group", 20),
              HasSubstr("field 'group': expected a multiple of 8 up to 65536, found 20"));
  EXPECT_THAT(refusal_of_field("quantization", "method", "awq"), HasSubstr("'awq'"));
}

TEST(QuantizedFile, AConfigurationThatDoesNotFitTheTensorsIsRefused) {
  EXPECT_THAT(refusal_of_field("config", "hidden_size", "24"),
              HasSubstr("metadata 'config': field 'hidden_size'"));
  EXPECT_THAT(refusal_of_field("config", "hidden_size", 0), HasSubstr("'hidden_size'"));
  EXPECT_THAT(refusal_of_field("config", "vocab_size", 49),
              HasSubstr("tensor 'backbone.embeddings.weight' is U8 of [3, 6, 16, 4]"));
  EXPECT_THAT(refusal_of_field("config", "num_hidden_layers", 3),
              HasSubstr("tensor 'backbone.layers.2.mixer.in_proj.weight' is missing"));
  EXPECT_THAT(refusal_of_field("config", "num_hidden_layers", 1),
              HasSubstr("tensor 'activation_clip' is F32 of [5]"));
  // So many that their names alone would fill the memory.
  EXPECT_THAT(refusal_of_field("config", "num_hidden_layers", 100'000),
              HasSubstr("too few for 100000 layers"));
  EXPECT_THAT(refusal_of_field("config", "tie_word_embeddings", false),
              HasSubstr("tensor 'lm_head.weight' is missing"));
  EXPECT_THAT(refusal_of_field("config", "state_size", 17), HasSubstr("tensor 'backbone."));
  EXPECT_THAT(refusal_of_field("quantization", "group", 8), HasSubstr(".scales' is F16 of"));
  EXPECT_THAT(refusal_of_field("quantization", "ssm", "pot8"), HasSubstr("conv1d.weight"));
  EXPECT_THAT(refusal_of_field("quantization", "method", "os+"), HasSubstr("norm.bias"));
  EXPECT_THAT(refusal_of_field("quantization", "scheme", "w8a4"), HasSubstr("in_proj"));
}

TEST(QuantizedFile, TheWriterWantsTheLayout) {
  const test::TemporaryFolder folder;
  const std::string bytes = quantized_bytes();
  const QuantizedFile file = parse(bytes);
  const auto message = [&](auto produce) {
    return error_of(
        [&] { write_quantized_file(folder / "q", file.config, file.quantization, "", produce); });
  };
  EXPECT_THAT(message([](const PutNamedTensor&) {}), HasSubstr("0 tensors, expected"));
  EXPECT_THAT(message([&](const PutNamedTensor& put) {
                put("activation_clip", file.tensors.at("activation_clip"));
              }),
              HasSubstr("'activation_clip' comes out of order"));
  EXPECT_THAT(message([&](const PutNamedTensor& put) {
                put("backbone.embeddings.weight", file.tensors.at("activation_clip"));
              }),
              HasSubstr("tensor 'backbone.embeddings.weight': 20 bytes, expected"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(QuantizedFile, WhatIsNotThereIsNamed) {
  EXPECT_THAT(error_of([] { read_quantized_file("no-such-file"); }), HasSubstr("no-such-file"));
}

}  // namespace
}  // namespace lightmamba
