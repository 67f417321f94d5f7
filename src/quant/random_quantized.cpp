#include "quant/random_quantized.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include "base/fail.h"
#include "base/threads.h"
#include "quant/quantized_file.h"
#include "quant/weight_source.h"

namespace lightmamba {
namespace {

using Bytes = AlignedVector<std::byte>;

void fill_random(std::uint64_t seed, std::span<std::byte> bytes) {
  constexpr std::int64_t kSlice = 1 << 20;
  const std::int64_t size = std::ssize(bytes);
  parallel_for((size + kSlice - 1) / kSlice, kSlice, [&](std::int64_t slice) {
    std::mt19937_64 random(seed + static_cast<std::uint64_t>(slice));
    const std::int64_t end = std::min(size, (slice + 1) * kSlice);
    for (std::int64_t at = slice * kSlice; at < end; at += 8) {
      const std::uint64_t word = random();
      std::memcpy(bytes.data() + at, &word,
                  static_cast<std::size_t>(std::min<std::int64_t>(8, end - at)));
    }
  });
}

// Codes are evenly distributed over their range; their variance is about 4^bits / 12.
float scale_for(int bits, std::int64_t columns) {
  return std::sqrt(12.0F / static_cast<float>(columns)) / static_cast<float>(1 << bits);
}

Tensor made(const TensorSpec& spec, const std::shared_ptr<Bytes>& bytes) {
  return {spec.dtype, spec.shape, *bytes, bytes};
}

}  // namespace

std::shared_ptr<const Weights> random_quantized_weights(const Mamba2Config& config,
                                                        const Quantization& q) {
  const WeightSource source = random_weights(config, q.seed);
  const LayerWeights small = source.layer(0);
  TensorMap tensors;
  std::uint64_t seed = q.seed;
  for (const TensorSpec& spec : quantized_layout(config, q)) {
    const auto bytes = std::make_shared<Bytes>(spec.bytes());
    const auto put_floats = [&](std::span<const float> values) {
      std::memcpy(bytes->data(), values.data(), std::min(bytes->size(), values.size_bytes()));
    };
    if (spec.dtype == DType::u8) {
      fill_random(seed += 1'000'003, *bytes);
    } else if (spec.name.ends_with(".scales")) {
      const bool head = !spec.name.ends_with("proj.weight.scales");
      const std::uint16_t scale =
          float_to_half(scale_for(head ? q.head_bits : q.scheme.weight_bits, config.d_model));
      auto* halves = reinterpret_cast<std::uint16_t*>(bytes->data());
      std::fill_n(halves, bytes->size() / sizeof(scale), scale);
    } else if (spec.dtype == DType::i8) {
      const bool exponents = spec.name.ends_with(".exponents");
      std::fill(bytes->begin(), bytes->end(), static_cast<std::byte>(exponents ? -8 : 64));
    } else if (spec.name.ends_with("conv1d.weight")) {
      put_floats(small.conv1d);
    } else if (spec.name.ends_with("dt_bias")) {
      put_floats(small.dt_bias);
    } else if (spec.name.ends_with(".A")) {
      put_floats(small.A);
    } else if (!spec.name.ends_with("bias")) {
      put_floats(std::vector<float>(bytes->size() / sizeof(float), 1.0F));
    }
    tensors.emplace(spec.name, made(spec, bytes));
  }
  return std::make_shared<const Weights>(weights_from_layout(config, q, tensors));
}

}  // namespace lightmamba
