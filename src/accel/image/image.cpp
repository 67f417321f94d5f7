#include "accel/image/image.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <string_view>
#include <utility>

#include "accel/numerics/fixed_point.h"
#include "accel/numerics/golden_model.h"
#include "base/fail.h"
#include "base/index.h"
#include "base/large_buffer.h"
#include "base/threads.h"

namespace lightmamba::accel {
namespace {

static_assert(std::endian::native == std::endian::little, "the image is little-endian");

// The difference of the exponent of a quantized vector from the largest of its groups
// (docs/numerics.md).
constexpr int kMultiplierShift = 19;
// For out_proj, kGainShift makes up for kMultiplierShift, and the inverse root takes half of
// kSquareShift.
constexpr int kGatedShift = kSquareShift / 2;

// Returns `value` as T, or throws Error that names it.
template <typename T>
T field(std::string_view name, std::int64_t value) {
  if (!std::in_range<T>(value)) {
    fail("{} is {}, more than {} bits hold", name, value, 8 * sizeof(T));
  }
  return static_cast<T>(value);
}

Region take(std::shared_ptr<const LargeBuffer> buffer) {
  const std::span<const std::byte> bytes = buffer->bytes();
  return {bytes, std::move(buffer)};
}

std::shared_ptr<LargeBuffer> allocate(std::int64_t bytes) {
  return std::make_shared<LargeBuffer>(at(bytes));
}

// Fills the weight channels, one matrix after the other.
class WeightPacker {
 public:
  WeightPacker(const Hardware& hardware, const ImageLayout& layout)
      : hardware_(hardware), stream_(hardware) {
    for (int channel = 0; channel < hardware.weight_channels; ++channel) {
      channels_.push_back(allocate(layout.weight_bytes));
    }
  }

  // `rows` are those of in_proj_rows().
  void add(const WeightMatrix& weights, std::span<const std::int64_t> rows) {
    const std::int64_t tiles = std::ssize(rows) / hardware_.rows;
    const std::int64_t groups = weights.groups();
    parallel_for(tiles, weights.columns * hardware_.rows, [&](std::int64_t tile) {
      for (int row = 0; row < hardware_.rows; ++row) {
        const std::int64_t from = rows[at(tile * hardware_.rows + row)];
        if (from != kNoRow) put_row(weights, from, group_ + tile * groups, row);
      }
    });
    group_ += tiles * groups;
  }

  // Returns all rows in their own order.
  void add(const WeightMatrix& weights) {
    const std::int64_t tiles = (weights.rows + hardware_.rows - 1) / hardware_.rows;
    std::vector<std::int64_t> rows(at(tiles * hardware_.rows), kNoRow);
    std::iota(rows.begin(), rows.begin() + weights.rows, 0);
    add(weights, rows);
  }

  std::vector<Region> regions() {
    std::vector<Region> regions;
    for (auto& channel : channels_) regions.push_back(take(std::move(channel)));
    return regions;
  }

 private:
  // Writes row `row` of a tile whose first group is the token's `first_group`.
  void put_row(const WeightMatrix& weights, std::int64_t from, std::int64_t first_group, int row) {
    std::byte* const channel = channels_[at(row / hardware_.rows_of_channel())]->bytes().data();
    const std::int64_t local = row % hardware_.rows_of_channel();
    const std::int64_t word_bytes = hardware_.weight_word_bytes();
    const std::int64_t part_bytes = hardware_.columns / 2;  // bytes of a word, for one row
    const std::uint8_t* codes = weights.codes.data() + from * (weights.columns / 2);
    const std::int16_t* scales = weights.scales.data() + from * weights.groups();
    for (std::int64_t g = 0; g < weights.groups(); ++g) {
      const std::int64_t group = first_group + g;
      const std::int64_t place =
          stream_.place_in_scale_word(group) * hardware_.rows_of_channel() + local;
      std::memcpy(channel + stream_.scale_word(group) * word_bytes + 2 * place, scales + g, 2);
      std::byte* word = channel + stream_.first_word(group) * word_bytes + local * part_bytes;
      for (int i = 0; i < hardware_.words_of_group(); ++i) {
        std::memcpy(word, codes, at(part_bytes));
        codes += part_bytes;
        word += word_bytes;
      }
    }
  }

  const Hardware& hardware_;
  WeightStream stream_;
  std::vector<std::shared_ptr<LargeBuffer>> channels_;
  std::int64_t group_ = 0;
};

// Writes records one after the other.
class ParameterPacker {
 public:
  ParameterPacker(const IntegerModel& model, const ImageLayout& layout, RowOrder order)
      : model_(model), layout_(layout), order_(order), buffer_(allocate(layout.parameter_bytes)) {}

  Region pack() {
    put_first();
    put_signs();
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      with_context(fmt::format("layer {}", i), [&] { put_layer(i); });
    }
    return take(std::move(buffer_));
  }

 private:
  // Returns the bits of the record from `bit` on.
  template <typename T>
  void put(int bit, T value) {
    std::memcpy(buffer_->bytes().data() + record_ * kRecordBytes + bit / 8, &value, sizeof value);
  }
  void next() { ++record_; }

  void put_first() {
    const Mamba2Config& c = model_.config;
    put(0, kParametersMagic);
    put(32, field<std::uint16_t>("n_layer", c.n_layer));
    put(48, field<std::uint16_t>("nheads", c.nheads));
    put(64, field<std::uint16_t>("d_model", c.d_model));
    put(80, field<std::uint16_t>("m", model_.hadamard_m));
    put(96, static_cast<std::uint8_t>(bit_length(model_.hadamard_n) - 1));
    put(104, static_cast<std::uint8_t>(row_order_code(order_)));
    put(112, static_cast<std::uint8_t>(model_.state_bits));
    next();
    put(0, field<std::uint32_t>("vocab_size", c.vocab_size));
    put(32, field<std::uint32_t>("the number of words of a weight channel", layout_.weight_words));
    put(64, field<std::uint32_t>("the number of parameters", layout_.parameter_records));
    put(96,
        field<std::uint32_t>("the size of a row of the embedding", layout_.embedding_row_records));
    next();
    put(0, model_.epsilon);
    put(64, model_.gated_epsilon);
    next();
    put_scaled(0, "the smallest dt", model_.dt_limits.min);
    put_scaled(16, "the largest dt", model_.dt_limits.max);
    put(32, exponent("minus the residual's exponent", -model_.residual_exponent));
    put(40, exponent("the residual's exponent minus the embedding's",
                     model_.residual_exponent - model_.embedding.exponent));
    put(48, clip(model_.layers.front().in_proj_clip));
    put(64, input_exponent(model_.layers.front().in_proj));
    put(96, field<std::uint32_t>("the number of words of a weight channel",
                                 layout_.weight_words_without_head));
    next();
  }

  // Writes a record for each input, with a bit for each output.
  void put_signs() {
    const std::int64_t m = model_.hadamard_m;
    for (std::int64_t from = 0; from < m; ++from) {
      std::uint64_t signs = 0;
      for (std::int64_t to = 0; to < m; ++to) {
        if (model_.hadamard_matrix[at(to * m + from)] < 0) signs |= std::uint64_t{1} << to;
      }
      put(0, signs);
      next();
    }
  }

  void put_layer(std::size_t index) {
    const IntegerLayer& layer = model_.layers[index];
    const bool is_last = index + 1 == model_.layers.size();
    const WeightMatrix& following = is_last ? model_.head : model_.layers[index + 1].in_proj;
    put(0, clip(layer.out_proj_clip));
    put(16, clip(is_last ? model_.head_clip : model_.layers[index + 1].in_proj_clip));
    put(32, exponent("out_proj's exponent",
                     layer.out_proj.exponent + layer.gain_exponent - kGatedShift));
    put(40, input_exponent(following));
    next();
    const std::int64_t heads = model_.config.nheads;
    const std::vector<std::int64_t> blocks = conv_blocks(model_.config, order_);
    const std::span all = blocks;
    if (order_ == RowOrder::hardware) {
      put_heads(layer);
      put_conv(layer, all.first(all.size() - at(heads)));
      for (std::int64_t head = 0; head < heads; ++head) {
        put_conv(layer, {&head, 1});
        put_gains(layer, head);
      }
    } else {
      put_conv(layer, all);
      put_heads(layer);
      for (std::int64_t head = 0; head < heads; ++head) put_gains(layer, head);
    }
  }

  void put_heads(const IntegerLayer& layer) {
    for (const HeadWeights& head : layer.heads) {
      put(0, field<std::int32_t>("dt_bias", head.dt_bias));
      put(32, field<std::uint16_t>("A", head.A.mantissa));
      put(48, exponent("A's exponent", head.A.exponent));
      put(64, field<std::int16_t>("D", head.D));
      put(80, exponent("D's exponent", head.D_exponent));
      next();
    }
  }

  void put_conv(const IntegerLayer& layer, std::span<const std::int64_t> blocks) {
    for (const std::int64_t block : blocks) {
      for (std::int64_t channel = block * kHeaddim; channel < (block + 1) * kHeaddim; ++channel) {
        for (std::int64_t tap = 0; tap < kTaps; ++tap) {
          put(static_cast<int>(8 * tap), layer.conv_codes[at(channel * kTaps + tap)]);
        }
        put(32, layer.conv_exponents[at(channel)]);
        put(64, layer.conv_biases[at(channel)]);
        next();
      }
    }
  }

  void put_gains(const IntegerLayer& layer, std::int64_t head) {
    for (std::int64_t i = 0; i < kHeaddim; ++i) {
      put(static_cast<int>(16 * (i % 8)), layer.gains[at(head * kHeaddim + i)]);
      if (i % 8 == 7) next();
    }
  }

  void put_scaled(int bit, std::string_view name, const Scaled& value) {
    put(bit, field<std::uint8_t>(name, value.mantissa));
    put(bit + 8, exponent(name, value.exponent));
  }

  static std::int8_t exponent(std::string_view name, int value) {
    return field<std::int8_t>(name, value);
  }
  static std::uint16_t clip(int value) { return field<std::uint16_t>("a clip", value); }
  static std::int8_t input_exponent(const WeightMatrix& weights) {
    return exponent("the exponent of in_proj or the head", weights.exponent - kMultiplierShift);
  }

  const IntegerModel& model_;
  const ImageLayout& layout_;
  RowOrder order_;
  std::shared_ptr<LargeBuffer> buffer_;
  std::int64_t record_ = 0;
};

Region pack_embedding(const WeightMatrix& embedding, const ImageLayout& layout) {
  std::shared_ptr<LargeBuffer> buffer = allocate(layout.embedding_bytes);
  constexpr std::int64_t kGroupBytes = kGroup / 2;
  parallel_for(embedding.rows, embedding.columns, [&](std::int64_t row) {
    std::byte* out = buffer->bytes().data() + row * layout.embedding_row_records * kRecordBytes;
    const std::uint8_t* codes = embedding.codes.data() + row * (embedding.columns / 2);
    const std::int16_t* scales = embedding.scales.data() + row * embedding.groups();
    for (std::int64_t group = 0; group < embedding.groups(); ++group) {
      std::memcpy(out, scales + group, sizeof *scales);
      std::memcpy(out + kRecordBytes, codes + group * kGroupBytes, kGroupBytes);
      out += kRecordBytes + kGroupBytes;
    }
  });
  return take(std::move(buffer));
}

}  // namespace

Image make_image(const IntegerModel& model, const Hardware& hardware, RowOrder order) {
  if (const auto reason = does_not_fit(model)) fail("the model does not fit the core: {}", *reason);
  Image image = {.config = model.config,
                 .hardware = hardware,
                 .order = order,
                 .hadamard_m = model.hadamard_m,
                 .state_bits = model.state_bits,
                 .weights = {},
                 .parameters = {},
                 .embedding = {}};
  const ImageLayout layout = image.layout();
  image.parameters = ParameterPacker(model, layout, order).pack();
  WeightPacker weights(hardware, layout);
  const std::vector<std::int64_t> rows = in_proj_rows(model.config, hardware, order);
  for (const IntegerLayer& layer : model.layers) {
    weights.add(layer.in_proj, rows);
    weights.add(layer.out_proj);
  }
  weights.add(model.head);
  image.weights = weights.regions();
  image.embedding = pack_embedding(model.embedding, layout);
  return image;
}

}  // namespace lightmamba::accel
