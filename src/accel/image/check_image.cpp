#include "accel/image/check_image.h"

#include <cstring>
#include <fmt/format.h>
#include <string_view>

#include "accel/numerics/fixed_point.h"
#include "base/fail.h"

namespace lightmamba::accel {
namespace {

void check_number(std::string_view region, std::string_view name, std::int64_t found,
                  std::int64_t expected) {
  if (found != expected) {
    fail("region '{}': {} is {}, expected {}", region, name, found, expected);
  }
}

void check_size(std::string_view name, const Region& region, std::int64_t expected) {
  check_number(name, "its size", std::ssize(region.bytes), expected);
}

// Returns a field of the first records of the parameters.
template <typename T>
T parameter(std::span<const std::byte> parameters, int record, int bit) {
  T value = 0;
  std::memcpy(&value, parameters.data() + record * kRecordBytes + bit / 8, sizeof value);
  return value;
}

void check_header(const Image& image, const ImageLayout& layout) {
  const std::span<const std::byte> bytes = image.parameters.bytes;
  const Mamba2Config& c = image.config;
  const auto check = [](std::string_view name, std::int64_t found, std::int64_t expected) {
    check_number("parameters", name, found, expected);
  };
  check("the first word", parameter<std::uint32_t>(bytes, 0, 0), kParametersMagic);
  check("n_layer", parameter<std::uint16_t>(bytes, 0, 32), c.n_layer);
  check("nheads", parameter<std::uint16_t>(bytes, 0, 48), c.nheads);
  check("d_model", parameter<std::uint16_t>(bytes, 0, 64), c.d_model);
  check("m", parameter<std::uint16_t>(bytes, 0, 80), image.hadamard_m);
  check("log2 n", parameter<std::uint8_t>(bytes, 0, 96),
        bit_length(c.d_inner / image.hadamard_m) - 1);
  check("the order", parameter<std::uint8_t>(bytes, 0, 104), row_order_code(image.order));
  check("the number of bits of the state", parameter<std::uint8_t>(bytes, 0, 112),
        image.state_bits);
  check("vocab_size", parameter<std::uint32_t>(bytes, 1, 0), c.vocab_size);
  check("the number of words", parameter<std::uint32_t>(bytes, 1, 32), layout.weight_words);
  check("the number of records", parameter<std::uint32_t>(bytes, 1, 64), layout.parameter_records);
  check("the size of a row of the embedding", parameter<std::uint32_t>(bytes, 1, 96),
        layout.embedding_row_records);
  check("the number of words without the head", parameter<std::uint32_t>(bytes, 3, 96),
        layout.weight_words_without_head);
}

}  // namespace

void check_image(const Image& image) {
  const ImageLayout layout = image.layout();
  check_number("weights", "the number of channels", std::ssize(image.weights),
               image.hardware.weight_channels);
  for (std::size_t channel = 0; channel < image.weights.size(); ++channel) {
    check_size(fmt::format("weights.{}", channel), image.weights[channel], layout.weight_bytes);
  }
  check_size("parameters", image.parameters, layout.parameter_bytes);
  check_size("embedding", image.embedding, layout.embedding_bytes);
  check_header(image, layout);
}

}  // namespace lightmamba::accel
