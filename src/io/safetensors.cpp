#include "io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/json.h"

namespace lightmamba {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // as in the reference implementation
constexpr std::array kTypes = {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i8,
                               DType::u8,  DType::i16, DType::i32,  DType::i64, DType::boolean};

std::optional<DType> find_dtype(std::string_view name) {
  for (const DType type : kTypes) {
    if (dtype_name(type) == name) return type;
  }
  return std::nullopt;
}

std::string_view read_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes) {
    fail("{} bytes are too few for a safetensors file", bytes.size());
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kLongestHeader || length > bytes.size() - kLengthBytes) {
    fail("the header claims {} bytes, but {} follow: not a safetensors file, or cut short", length,
         bytes.size() - kLengthBytes);
  }
  return text_of(bytes.subspan(kLengthBytes, length));
}

Tensor read_entry(const Json& entry, std::string_view name, std::span<const std::byte> data,
                  const std::shared_ptr<const void>& owner) {
  const std::string source = fmt::format("tensor '{}'", printable(name));
  const auto dtype_text = json_field<std::string>(entry, "dtype", source);
  const std::optional<DType> dtype = find_dtype(dtype_text);
  if (!dtype) fail("{}: dtype '{}' is not supported", source, dtype_text);

  Tensor tensor{*dtype, json_integers(entry, "shape", source), {}, owner};
  const std::vector<std::int64_t> offsets = json_integers(entry, "data_offsets", source);
  const auto size = static_cast<std::int64_t>(data.size());
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[0] > offsets[1] || offsets[1] > size) {
    fail("{}: data_offsets [{}] are not two ascending numbers up to {}, the bytes of data", source,
         fmt::join(offsets, ", "), size);
  }
  const std::size_t count =
      with_context(source, [&] { return element_count(tensor.shape, *dtype); });
  const auto bytes = static_cast<std::size_t>(offsets[1] - offsets[0]);
  if (count * dtype_size(*dtype) != bytes) {
    fail("{}: {} of {} takes {} bytes, but data_offsets span {}", source, dtype_text,
         shape_string(tensor.shape), count * dtype_size(*dtype), bytes);
  }
  tensor.data = data.subspan(static_cast<std::size_t>(offsets[0]), bytes);
  return tensor;
}

// The format allows neither overlaps nor holes, so that no bytes can hide in a file.
void check_coverage(const TensorMap& tensors, std::span<const std::byte> data) {
  std::vector<std::pair<std::span<const std::byte>, std::string_view>> ranges;
  for (const auto& [name, tensor] : tensors) ranges.emplace_back(tensor.data, name);
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.data(), a.first.size()) < std::pair(b.first.data(), b.first.size());
  });
  const std::byte* expected = data.data();
  for (const auto& [range, name] : ranges) {
    if (range.data() != expected) {
      fail("tensor '{}': data begins at byte {}, expected {}: tensors overlap or leave a hole",
           name, range.data() - data.data(), expected - data.data());
    }
    expected = range.data() + range.size();
  }
  if (expected != data.data() + data.size()) {
    fail("{} bytes of data are not part of any tensor", data.data() + data.size() - expected);
  }
}

SafetensorsFile parse(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner) {
  const std::string_view header_text = read_header(bytes);
  require_utf8(header_text, "the header");
  const Json header = parse_json(header_text, "header");
  if (!header.is_object()) fail("the header is not a JSON object but {}", json_kind(header));

  const auto data = bytes.subspan(kLengthBytes + header_text.size());
  SafetensorsFile file;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) fail("__metadata__ is not an object but {}", json_kind(entry));
      for (const auto& item : entry.items()) {
        file.metadata[item.key()] = json_field<std::string>(entry, item.key(), "__metadata__");
      }
    } else {
      file.tensors.emplace(name, read_entry(entry, name, data, owner));
    }
  }
  check_coverage(file.tensors, data);
  file.header = header_text;
  return file;
}

}  // namespace

SafetensorsFile parse_safetensors(std::span<const std::byte> bytes,
                                  std::shared_ptr<const void> owner, std::string_view source) {
  return with_context(source, [&] { return parse(bytes, owner); });
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  return parse_safetensors(file->bytes(), file, path.string());
}

std::string safetensors_header(const Metadata& metadata, const std::vector<TensorSpec>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::size_t end = offset + tensor.bytes();
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  constexpr std::size_t kAlignment = 64;
  text.append(kAlignment - (kLengthBytes + text.size()) % kAlignment, ' ');
  return text;
}

void write_safetensors(const std::filesystem::path& path, const Metadata& metadata,
                       const std::vector<TensorSpec>& specs,
                       const std::function<void(const PutTensor&)>& produce) {
  const std::string header = safetensors_header(metadata, specs);
  write_file_atomically(path, [&](const AppendBytes& append) {
    const std::uint64_t length = header.size();
    append(std::as_bytes(std::span(&length, 1)));
    append(std::as_bytes(std::span(header)));
    auto next = specs.begin();
    produce([&](std::span<const std::byte> data) {
      if (next == specs.end()) fail("more tensors than the {} announced", specs.size());
      if (data.size() != next->bytes()) {
        fail("tensor '{}': {} bytes, expected {}", next->name, data.size(), next->bytes());
      }
      append(data);
      ++next;
    });
    if (next != specs.end()) fail("tensor '{}' was not written", next->name);
  });
}

void write_safetensors(const std::filesystem::path& path, const Metadata& metadata,
                       const std::vector<std::pair<std::string, Tensor>>& tensors) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.dtype, tensor.shape});
  write_safetensors(path, metadata, specs, [&](const PutTensor& put) {
    for (const auto& [name, tensor] : tensors) put(tensor.data);
  });
}

}  // namespace lightmamba
