#include "accel/image/image_file.h"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <xxhash.h>

#include "accel/image/check_image.h"
#include "base/bytes.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/threads.h"
#include "base/utf8.h"
#include "io/config_json.h"
#include "io/file_kind.h"
#include "io/json.h"

namespace lightmamba::accel {
namespace {

constexpr std::uint32_t kVersion = 2;
constexpr std::uint32_t kLongestHeader = 1 << 20;
constexpr const char* kParameters = "parameters";
constexpr const char* kEmbedding = "embedding";
constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kModel = "model";
constexpr const char* kStateBits = "state_bits";

struct Prefix {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t checksum;
};
static_assert(sizeof(Prefix) == 24);

std::uint64_t checksum(std::span<const std::byte> data) {
  return XXH3_64bits(data.data(), data.size());
}

std::string hexadecimal(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::int64_t align(std::int64_t offset) {
  return (offset + kRegionAlignment - 1) / kRegionAlignment * kRegionAlignment;
}

// A region of the file, in the order of the file.
struct Part {
  std::string name;
  std::span<const std::byte> bytes;
  std::string checksum;
};

std::string name_of_channel(std::size_t channel) { return fmt::format("weights.{}", channel); }

// The body of parallel_for for every part.
template <typename Parts, typename Body>
void for_each_part(Parts& parts, const Body& body) {
  parallel_for(std::ssize(parts), 1'000'000,
               [&](std::int64_t index) { body(parts[static_cast<std::size_t>(index)]); });
}

std::vector<Part> parts_of(const Image& image, std::string_view tokenizer) {
  std::vector<Part> parts;
  for (std::size_t channel = 0; channel < image.weights.size(); ++channel) {
    parts.push_back({name_of_channel(channel), image.weights[channel].bytes, {}});
  }
  parts.push_back({kParameters, image.parameters.bytes, {}});
  parts.push_back({kEmbedding, image.embedding.bytes, {}});
  if (!tokenizer.empty()) parts.push_back({kTokenizer, bytes_of(tokenizer), {}});
  for_each_part(parts, [](Part& part) { part.checksum = hexadecimal(checksum(part.bytes)); });
  return parts;
}

// Returns the header, with the first region after `header_room` bytes.
std::string header_text(const Image& image, const std::vector<Part>& parts,
                        std::string_view fingerprint, std::int64_t header_room) {
  nlohmann::ordered_json regions = nlohmann::ordered_json::array();
  std::int64_t offset = header_room;
  for (const Part& part : parts) {
    regions.push_back({{"name", part.name},
                       {"offset", offset},
                       {"bytes", part.bytes.size()},
                       {"checksum", part.checksum}});
    offset = align(offset + std::ssize(part.bytes));
  }
  nlohmann::ordered_json header = {{"config", config_json(image.config)},
                                   {"preset", image.hardware.name},
                                   {"order", row_order_name(image.order)},
                                   {"hadamard_m", image.hadamard_m},
                                   {kStateBits, image.state_bits}};
  if (!fingerprint.empty()) header[kModel] = fingerprint;
  header["regions"] = regions;
  return header.dump();
}

struct Header {
  std::string_view text;
  Json json;
};

Header read_header(std::span<const std::byte> bytes, Checksums checksums) {
  Prefix prefix;
  if (bytes.size() < sizeof prefix) {
    fail("{} bytes are too few for an image of the accelerator", bytes.size());
  }
  std::memcpy(&prefix, bytes.data(), sizeof prefix);
  if (std::string_view(prefix.magic.data(), prefix.magic.size()) != kAcceleratorImageMagic) {
    fail("not an image of the accelerator (made by lightmamba accel pack)");
  }
  if (prefix.version != kVersion) {
    fail("format version {} is not known here, which reads version {}: another lightmamba may",
         prefix.version, kVersion);
  }
  if (prefix.header_bytes > kLongestHeader || prefix.header_bytes > bytes.size() - sizeof prefix) {
    fail("the header claims {} bytes, but {} follow: cut short", prefix.header_bytes,
         bytes.size() - sizeof prefix);
  }
  const auto header = bytes.subspan(sizeof prefix, prefix.header_bytes);
  if (checksums == Checksums::verified && checksum(header) != prefix.checksum) {
    fail("the header is damaged: checksum differs");
  }
  const std::string_view text = text_of(header);
  require_utf8(text, "the header");
  return {text, parse_json(text, "header")};
}

// Takes the regions one after the other, each of a known size.
class RegionReader {
 public:
  RegionReader(const Header& header, std::span<const std::byte> bytes,
               std::shared_ptr<const void> owner, Checksums checksums)
      : bytes_(bytes), owner_(std::move(owner)), checksums_(checksums) {
    const auto found = header.json.find("regions");
    if (found == header.json.end() || !found->is_array()) {
      fail("header: field 'regions': expected an array");
    }
    regions_ = &*found;
    offset_ = align(static_cast<std::int64_t>(sizeof(Prefix) + header.text.size()));
  }

  bool at_end() const { return next_ == regions_->size(); }

  // Any size is allowed if none is expected.
  Region take(const std::string& name, std::optional<std::int64_t> expected) {
    if (at_end()) fail("header: field 'regions': '{}' is missing", name);
    const Json& region = (*regions_)[next_++];
    const std::string source = fmt::format("region '{}'", name);
    if (const auto found = json_field<std::string>(region, "name", source); found != name) {
      fail("{}: '{}' stands in its place", source, printable(found));
    }
    const auto size = json_field<std::int64_t>(region, "bytes", source);
    if (expected && size != *expected) {
      fail("{}: field 'bytes': expected {} for this model and preset, found {}", source, *expected,
           size);
    }
    const auto offset = json_field<std::int64_t>(region, "offset", source);
    if (offset != offset_) {
      fail("{}: field 'offset': expected {}, found {}", source, offset_, offset);
    }
    const std::int64_t all = std::ssize(bytes_);
    if (size < 0 || offset > all || size > all - offset) {
      fail("{}: {} bytes at {} are more than the {} of the file: cut short", source, size, offset,
           all);
    }
    parts_.push_back(
        {name, bytes_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size)),
         json_field<std::string>(region, "checksum", source)});
    end_ = offset + size;
    offset_ = align(end_);
    return {parts_.back().bytes, owner_};
  }

  void finish() const {
    if (!at_end()) fail("header: field 'regions': has more than the regions of the format");
    if (end_ != std::ssize(bytes_)) {
      fail("{} bytes follow the last region", std::ssize(bytes_) - end_);
    }
    if (checksums_ == Checksums::ignored) return;
    for_each_part(parts_, [](const Part& part) {
      if (hexadecimal(checksum(part.bytes)) != part.checksum) {
        fail("region '{}' is damaged: its checksum differs", part.name);
      }
    });
  }

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
  Checksums checksums_;
  const Json* regions_ = nullptr;
  std::size_t next_ = 0;
  std::int64_t offset_ = 0;  // where the next region must begin
  std::int64_t end_ = 0;     // end of the last region
  std::vector<Part> parts_;
};

Mamba2Config read_config(const Json& header) {
  const ParsedConfig parsed =
      parse_config(json_field<std::string>(header, "config", "header"), "header: field 'config'");
  Mamba2Config config = parsed.config;
  config.tie_embeddings = parsed.tie_embeddings.value_or(false);
  if (const auto reason = does_not_fit(config)) {
    fail("header: field 'config': the model does not fit the core: {}", *reason);
  }
  return config;
}

std::int64_t read_hadamard_m(const Json& header, const Mamba2Config& config) {
  const auto m = json_field<std::int64_t>(header, "hadamard_m", "header");
  const std::int64_t n = m > 0 ? config.d_inner / m : 0;
  if (m > kMaxHadamardM || does_not_fit(config, m, n)) {
    fail("header: field 'hadamard_m': {} does not fit {} channels", m, config.d_inner);
  }
  return m;
}

int read_state_bits(const Json& header) {
  const auto bits = json_field<std::int64_t>(header, kStateBits, "header");
  if (!is_image_state(bits))
    fail("header: field '{}': expected 16 or 8, found {}", kStateBits, bits);
  return static_cast<int>(bits);
}

// It reaches messages and other files, so it must be what it claims to be.
std::string read_fingerprint(const Json& header) {
  if (!header.contains(kModel)) return {};
  auto text = json_field<std::string>(header, kModel, "header");
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail("header: field '{}': expected 16 hexadecimal digits, found '{}'", kModel, printable(text));
  }
  return text;
}

ImageFile take(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
               Checksums checksums) {
  const Header header = read_header(bytes, checksums);
  const auto word = [&](const char* name, const auto& parse) {
    const auto value = json_field<std::string>(header.json, name, "header");
    return with_context(fmt::format("header: field '{}'", name),
                        [&] { return parse(printable(value)); });
  };
  ImageFile file;
  Image& image = file.image;
  image.config = read_config(header.json);
  image.hardware = word("preset", [](const auto& name) { return hardware_preset(name); });
  image.order = word("order", [](const auto& name) { return parse_row_order(name); });
  image.hadamard_m = read_hadamard_m(header.json, image.config);
  image.state_bits = read_state_bits(header.json);
  file.fingerprint = read_fingerprint(header.json);
  const ImageLayout layout = image.layout();
  RegionReader regions(header, bytes, std::move(owner), checksums);
  for (std::size_t i = 0; i < static_cast<std::size_t>(image.hardware.weight_channels); ++i) {
    image.weights.push_back(regions.take(name_of_channel(i), layout.weight_bytes));
  }
  image.parameters = regions.take(kParameters, layout.parameter_bytes);
  image.embedding = regions.take(kEmbedding, layout.embedding_bytes);
  if (!regions.at_end()) {
    file.tokenizer = std::string(text_of(regions.take(kTokenizer, {}).bytes));
  }
  regions.finish();
  check_image(image);
  return file;
}

}  // namespace

std::int64_t write_image_file(const std::filesystem::path& path, const Image& image,
                              std::string_view tokenizer, std::string_view fingerprint) {
  hardware_preset(image.hardware.name);
  const std::vector<Part> parts = parts_of(image, tokenizer);
  std::string header;
  std::int64_t room = 0;
  // Its length depends on the digits of the offsets.
  for (std::int64_t needed = kRegionAlignment; needed != room;
       needed = align(std::ssize(header) + static_cast<std::int64_t>(sizeof(Prefix)))) {
    room = needed;
    header = header_text(image, parts, fingerprint, room);
  }
  Prefix prefix = {.magic = {},
                   .version = kVersion,
                   .header_bytes = static_cast<std::uint32_t>(header.size()),
                   .checksum = checksum(bytes_of(header))};
  kAcceleratorImageMagic.copy(prefix.magic.data(), prefix.magic.size());
  std::int64_t written = 0;
  write_file_atomically(path, [&](const AppendBytes& append) {
    const auto put = [&](std::span<const std::byte> data) {
      append(data);
      written += std::ssize(data);
    };
    put(std::as_bytes(std::span(&prefix, 1)));
    put(bytes_of(header));
    const std::array<std::byte, kRegionAlignment> zeros = {};
    for (const Part& part : parts) {
      put(std::span(zeros).first(static_cast<std::size_t>(align(written) - written)));
      put(part.bytes);
    }
  });
  return written;
}

ImageFile parse_image_file(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                           std::string_view source, Checksums checksums) {
  return with_context(source, [&] { return take(bytes, std::move(owner), checksums); });
}

ImageFile read_image_file(const std::filesystem::path& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  return parse_image_file(file->bytes(), file, path.string());
}

}  // namespace lightmamba::accel
