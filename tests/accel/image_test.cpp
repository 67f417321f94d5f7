#include "accel/image/image.h"

#include <cmath>
#include <fmt/format.h>
#include <string>

#include "accel/image/image_state.h"
#include "accel/numerics/golden_model.h"
#include "base/index.h"
#include "eval/random.h"
#include "support/errors.h"
#include "support/random_integer_model.h"

namespace lightmamba::accel {
namespace {

using ::testing::HasSubstr;

using Bytes = std::span<const std::byte>;

// `bits` bits from bit `from` on, not more than 64.
std::uint64_t bits(Bytes bytes, std::int64_t from, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) {
    const std::int64_t bit = from + i;
    const auto byte = std::to_integer<std::uint64_t>(bytes[at(bit / 8)]);
    value |= (byte >> (bit % 8) & 1) << i;
  }
  return value;
}

std::int64_t signed_bits(Bytes bytes, std::int64_t from, int count) {
  const std::uint64_t value = bits(bytes, from, count);
  const std::uint64_t sign = std::uint64_t{1} << (count - 1);
  return static_cast<std::int64_t>((value ^ sign) - sign);
}

// What docs/memory-map.md says of a preset, apart from the code's own table.
struct Core {
  const char* name;
  std::int64_t rows, columns, channels, ssm_lanes, state_channels, ssm_units = 1;
};

const Core kCores[] = {{"tiny", 2, 8, 1, 2, 1},
                       {"vck190", 2, 32, 1, 4, 1},
                       {"u280", 16, 128, 16, 64, 2},
                       {"tiny_wide", 4, 8, 2, 4, 2, 2},
                       {"u280_wide", 32, 128, 32, 128, 4, 2}};

// Reads the weight channels word by word, as the matrix unit does.
class WeightWalk {
 public:
  WeightWalk(const Image& image, const Core& core) : image_(image), core_(core) {}

  struct Group {
    std::vector<std::int64_t> scales;              // [rows]
    std::vector<std::vector<std::int64_t>> codes;  // [rows][128]
  };

  Group next() {
    const std::int64_t own = core_.rows / core_.channels;
    const std::int64_t word_bits = own * core_.columns * 4;
    const std::int64_t scale_block = core_.columns / 4;
    if (group_ % scale_block == 0) scales_at_ = word_++;
    Group group;
    for (std::int64_t row = 0; row < core_.rows; ++row) {
      const Bytes channel = image_.weights[at(row / own)].bytes;
      const std::int64_t r = row % own;
      group.scales.push_back(
          signed_bits(channel, scales_at_ * word_bits + 16 * (group_ % scale_block * own + r), 16));
      std::vector<std::int64_t> codes;
      for (std::int64_t word = word_; word < word_ + 128 / core_.columns; ++word) {
        for (std::int64_t k = 0; k < core_.columns; ++k) {
          codes.push_back(signed_bits(channel, word * word_bits + 4 * (r * core_.columns + k), 4));
        }
      }
      group.codes.push_back(codes);
    }
    word_ += 128 / core_.columns;
    ++group_;
    return group;
  }

  std::int64_t words() const { return word_; }

 private:
  const Image& image_;
  const Core& core_;
  std::int64_t word_ = 0;
  std::int64_t group_ = 0;
  std::int64_t scales_at_ = 0;
};

std::int64_t code_of(const WeightMatrix& w, std::int64_t row, std::int64_t column) {
  const int pair = w.codes[at(row * w.columns / 2 + column / 2)];
  const int code = column % 2 == 0 ? pair & 15 : pair >> 4;
  return code < 8 ? code : code - 16;
}

// Reads the tiles of a matrix; rows[i] is the row that stands at i, -1 none.
void expect_matrix(WeightWalk& walk, const Core& core, const WeightMatrix& w,
                   std::vector<std::int64_t> rows, const std::string& name) {
  while (std::ssize(rows) % core.rows != 0) rows.push_back(-1);
  std::int64_t wrong = 0;
  for (std::int64_t tile = 0; tile < std::ssize(rows); tile += core.rows) {
    for (std::int64_t g = 0; g < w.columns / 128; ++g) {
      const WeightWalk::Group group = walk.next();
      for (std::int64_t r = 0; r < core.rows; ++r) {
        const std::int64_t row = rows[at(tile + r)];
        const bool none = row < 0;
        if (group.scales[at(r)] != (none ? 0 : w.scales[at(row * (w.columns / 128) + g)])) ++wrong;
        for (std::int64_t k = 0; k < 128; ++k) {
          if (group.codes[at(r)][at(k)] != (none ? 0 : code_of(w, row, 128 * g + k))) ++wrong;
        }
      }
    }
  }
  EXPECT_EQ(wrong, 0) << name;
}

std::vector<std::int64_t> counting(std::int64_t count) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < count; ++i) rows.push_back(i);
  return rows;
}

// Where z, x, B, C and dt begin among the rows of in_proj: z | x | B | C | dt.
std::vector<std::int64_t> rows_of_in_proj(const Mamba2Config& c, const Core& core, RowOrder order) {
  if (order == RowOrder::checkpoint) return counting(129 * c.nheads + 256);
  const std::int64_t x = 64 * c.nheads;
  const std::int64_t B = 2 * x;
  const std::int64_t dt = B + 256;
  std::vector<std::int64_t> rows;
  for (std::int64_t h = 0; h < c.nheads; ++h) rows.push_back(dt + h);
  while (std::ssize(rows) % core.rows != 0) rows.push_back(-1);
  for (std::int64_t i = 0; i < 256; ++i) rows.push_back(B + i);
  for (std::int64_t h = 0; h < c.nheads; ++h) {
    for (std::int64_t i = 0; i < 64; ++i) rows.push_back(x + 64 * h + i);
    for (std::int64_t i = 0; i < 64; ++i) rows.push_back(64 * h + i);
  }
  return rows;
}

void expect_weights(const IntegerModel& model, const Image& image, const Core& core) {
  ASSERT_EQ(std::ssize(image.weights), core.channels);
  WeightWalk walk(image, core);
  for (const IntegerLayer& layer : model.layers) {
    expect_matrix(walk, core, layer.in_proj, rows_of_in_proj(model.config, core, image.order),
                  "in_proj");
    expect_matrix(walk, core, layer.out_proj, counting(model.config.d_model), "out_proj");
  }
  EXPECT_EQ(walk.words(),
            static_cast<std::int64_t>(bits(image.parameters.bytes, 3 * 128 + 96, 32)));
  expect_matrix(walk, core, model.head, counting(model.config.vocab_size), "head");
  EXPECT_EQ(walk.words(), static_cast<std::int64_t>(bits(image.parameters.bytes, 128 + 32, 32)));
  for (const Region& region : image.weights) {
    EXPECT_EQ(std::ssize(region.bytes),
              walk.words() * core.rows / core.channels * core.columns / 2);
  }
}

// Takes record after record of the parameters.
class RecordWalk {
 public:
  explicit RecordWalk(Bytes bytes) : bytes_(bytes) {}

  void next() { ++record_; }
  std::int64_t number(int from, int count) const {
    return static_cast<std::int64_t>(bits(bytes_, 128 * record_ + from, count));
  }
  std::int64_t integer(int from, int count) const {
    return signed_bits(bytes_, 128 * record_ + from, count);
  }
  std::int64_t records() const { return record_; }

 private:
  Bytes bytes_;
  std::int64_t record_ = 0;
};

void expect_conv(RecordWalk& walk, const IntegerLayer& layer, std::int64_t first,
                 std::int64_t count) {
  for (std::int64_t channel = first; channel < first + count; ++channel) {
    for (int tap = 0; tap < 4; ++tap) {
      ASSERT_EQ(walk.integer(8 * tap, 8), layer.conv_codes[at(4 * channel + tap)]);
    }
    ASSERT_EQ(walk.integer(32, 8), layer.conv_exponents[at(channel)]);
    ASSERT_EQ(walk.integer(64, 32), layer.conv_biases[at(channel)]);
    walk.next();
  }
}

void expect_heads(RecordWalk& walk, const IntegerLayer& layer) {
  for (const HeadWeights& head : layer.heads) {
    ASSERT_EQ(walk.integer(0, 32), head.dt_bias);
    ASSERT_EQ(walk.number(32, 16), head.A.mantissa);
    ASSERT_EQ(walk.integer(48, 8), head.A.exponent);
    ASSERT_EQ(walk.integer(64, 16), head.D);
    ASSERT_EQ(walk.integer(80, 8), head.D_exponent);
    walk.next();
  }
}

void expect_gains(RecordWalk& walk, const IntegerLayer& layer, std::int64_t head) {
  for (int i = 0; i < 64; ++i) {
    ASSERT_EQ(walk.integer(16 * (i % 8), 16), layer.gains[at(64 * head + i)]);
    if (i % 8 == 7) walk.next();
  }
}

void expect_layer(RecordWalk& walk, const IntegerModel& model, std::size_t index, RowOrder order) {
  const IntegerLayer& layer = model.layers[index];
  const bool last = index + 1 == model.layers.size();
  EXPECT_EQ(walk.number(0, 16), layer.out_proj_clip);
  EXPECT_EQ(walk.number(16, 16), last ? model.head_clip : model.layers[index + 1].in_proj_clip);
  EXPECT_EQ(walk.integer(32, 8), layer.out_proj.exponent + layer.gain_exponent - 6);
  EXPECT_EQ(walk.integer(40, 8),
            (last ? model.head.exponent : model.layers[index + 1].in_proj.exponent) - 19);
  walk.next();
  const std::int64_t heads = model.config.nheads;
  if (order == RowOrder::hardware) {
    expect_heads(walk, layer);
    expect_conv(walk, layer, 64 * heads, 256);
    for (std::int64_t head = 0; head < heads; ++head) {
      expect_conv(walk, layer, 64 * head, 64);
      expect_gains(walk, layer, head);
    }
  } else {
    expect_conv(walk, layer, 0, 64 * heads);
    expect_conv(walk, layer, 64 * heads, 256);
    expect_heads(walk, layer);
    for (std::int64_t head = 0; head < heads; ++head) expect_gains(walk, layer, head);
  }
}

void expect_parameters(const IntegerModel& model, const Image& image) {
  const Mamba2Config& c = model.config;
  RecordWalk walk(image.parameters.bytes);
  EXPECT_EQ(walk.number(0, 32), 0x314d414c);
  EXPECT_EQ(walk.number(32, 16), c.n_layer);
  EXPECT_EQ(walk.number(48, 16), c.nheads);
  EXPECT_EQ(walk.number(64, 16), c.d_model);
  EXPECT_EQ(walk.number(80, 16), model.hadamard_m);
  EXPECT_EQ(std::int64_t{1} << walk.number(96, 8), model.hadamard_n);
  EXPECT_EQ(walk.number(104, 8), image.order == RowOrder::hardware ? 0 : 1);
  walk.next();
  EXPECT_EQ(walk.number(0, 32), c.vocab_size);
  EXPECT_EQ(walk.number(64, 32), std::ssize(image.parameters.bytes) / 16 - 4);
  EXPECT_EQ(walk.number(96, 32), std::ssize(image.embedding.bytes) / 16 / c.vocab_size);
  walk.next();
  EXPECT_EQ(static_cast<std::uint64_t>(walk.number(0, 64)), model.epsilon);
  EXPECT_EQ(static_cast<std::uint64_t>(walk.number(64, 64)), model.gated_epsilon);
  walk.next();
  EXPECT_EQ(walk.number(0, 8), model.dt_limits.min.mantissa);
  EXPECT_EQ(walk.integer(8, 8), model.dt_limits.min.exponent);
  EXPECT_EQ(walk.number(16, 8), model.dt_limits.max.mantissa);
  EXPECT_EQ(walk.integer(24, 8), model.dt_limits.max.exponent);
  EXPECT_EQ(walk.integer(32, 8), -model.residual_exponent);
  EXPECT_EQ(walk.integer(40, 8), model.residual_exponent - model.embedding.exponent);
  EXPECT_EQ(walk.number(48, 16), model.layers[0].in_proj_clip);
  EXPECT_EQ(walk.integer(64, 8), model.layers[0].in_proj.exponent - 19);
  walk.next();
  for (std::int64_t from = 0; from < model.hadamard_m; ++from, walk.next()) {
    for (std::int64_t to = 0; to < model.hadamard_m; ++to) {
      EXPECT_EQ(walk.number(static_cast<int>(to), 1) == 1,
                model.hadamard_matrix[at(to * model.hadamard_m + from)] == -1);
    }
  }
  for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
    expect_layer(walk, model, layer, image.order);
  }
  EXPECT_EQ(16 * walk.records(), std::ssize(image.parameters.bytes));
}

void expect_embedding(const IntegerModel& model, const Image& image) {
  RecordWalk walk(image.embedding.bytes);
  const std::int64_t groups = model.config.d_model / 128;
  for (std::int64_t token = 0; token < model.config.vocab_size; ++token) {
    for (std::int64_t g = 0; g < groups; ++g) {
      ASSERT_EQ(walk.integer(0, 16), model.embedding.scales[at(token * groups + g)]);
      walk.next();
      for (int i = 0; i < 128; ++i) {
        ASSERT_EQ(walk.integer(4 * (i % 32), 4), code_of(model.embedding, token, 128 * g + i));
        if (i % 32 == 31) walk.next();
      }
    }
  }
  EXPECT_EQ(16 * walk.records(), std::ssize(image.embedding.bytes));
}

struct Case {
  Core core;
  RowOrder order;
  test::RandomIntegerModelOptions model;
};

std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const Core& core : kCores) {
    for (const RowOrder order : {RowOrder::hardware, RowOrder::checkpoint}) {
      cases.push_back({core, order, {}});
      cases.push_back({core, order, {.d_model = 256, .nheads = 6, .vocab_size = 40, .seed = 7}});
    }
  }
  return cases;
}

std::string name_of(const Case& each) {
  return fmt::format("{} {} d_model {}", each.core.name, row_order_name(each.order),
                     each.model.d_model);
}

TEST(Image, HoldsTheNetworkAsTheDocumentSays) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(name_of(each));
    const IntegerModel model = test::random_integer_model(each.model);
    const Image image = make_image(model, hardware_preset(each.core.name), each.order);
    expect_weights(model, image, each.core);
    expect_parameters(model, image);
    expect_embedding(model, image);
  }
}

GoldenState random_state(const Mamba2Config& c) {
  GoldenState state(c);
  Random random(5);
  const auto fill = [&](auto& values) {
    for (auto& value : values) {
      value = static_cast<std::remove_reference_t<decltype(value)>>(random.index(65536));
    }
  };
  fill(state.conv_codes);
  fill(state.conv_exponents);
  fill(state.ssm_codes);
  fill(state.ssm_exponents);
  state.position = 11;
  return state;
}

void expect_conv_state(const GoldenState& state, const Mamba2Config& c, RowOrder order,
                       Bytes bytes) {
  const std::int64_t x = 64 * c.nheads;
  const std::int64_t all = x + 256;
  ASSERT_EQ(std::ssize(bytes), 8 * c.n_layer * all);
  for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
    for (std::int64_t i = 0; i < all; ++i) {
      std::int64_t channel = i;
      if (order == RowOrder::hardware) channel = i < 256 ? x + i : i - 256;
      const std::int64_t from = 64 * (layer * all + i);
      for (std::int64_t tap = 0; tap < 3; ++tap) {
        ASSERT_EQ(signed_bits(bytes, from + 8 * tap, 8),
                  state.conv_codes[at((layer * 3 + tap) * all + channel)]);
        ASSERT_EQ(signed_bits(bytes, from + 24 + 8 * tap, 8),
                  state.conv_exponents[at((layer * 3 + tap) * (all / 64) + channel / 64)]);
      }
      ASSERT_EQ(bits(bytes, from + 48, 16), 0u);
    }
  }
}

void expect_ssm_state(const GoldenState& state, const Core& core, int state_bits,
                      std::int64_t channel, Bytes bytes) {
  const std::int64_t part = core.ssm_lanes / core.state_channels;
  const std::int64_t channels = core.state_channels / core.ssm_units;  // for each head
  std::int64_t byte = 0;
  for (std::int64_t head = 0; head < std::ssize(state.ssm_exponents) / 64; ++head) {
    if (head % core.ssm_units != channel / channels) continue;
    for (std::int64_t row = 64 * head; row < 64 * (head + 1); ++row) {
      ASSERT_EQ(signed_bits(bytes, 8 * byte++, 8), state.ssm_exponents[at(row)]);
    }
    for (std::int64_t row = 64 * head; row < 64 * (head + 1); ++row) {
      for (std::int64_t n = 0; n < 128; ++n) {
        if (n / part % channels != channel % channels) continue;
        ASSERT_EQ(signed_bits(bytes, 8 * byte, state_bits), state.ssm_codes[at(128 * row + n)]);
        byte += state_bits / 8;
      }
    }
  }
  EXPECT_EQ(byte, std::ssize(bytes));
}

TEST(ImageState, HoldsTheStateAsTheDocumentSays) {
  for (const Case& each : cases()) {
    SCOPED_TRACE(name_of(each));
    const Mamba2Config c = test::random_integer_model(each.model).config;
    const Hardware& hardware = hardware_preset(each.core.name);
    GoldenState state = random_state(c);
    for (const int state_bits : {16, 8}) {
      if (state_bits == 8) {
        for (std::int16_t& code : state.ssm_codes) code = static_cast<std::int16_t>(code / 256);
      }
      const ImageState image = to_image_state(state, c, state_bits, hardware, each.order);
      expect_conv_state(state, c, each.order, image.conv);
      ASSERT_EQ(std::ssize(image.ssm), each.core.state_channels);
      for (std::size_t channel = 0; channel < image.ssm.size(); ++channel) {
        expect_ssm_state(state, each.core, state_bits, static_cast<std::int64_t>(channel),
                         image.ssm[channel]);
      }
      EXPECT_EQ(from_image_state(image, 11, c, state_bits, hardware, each.order), state);
    }
  }
}

TEST(ImageState, OfANewSequenceIsZeroWithTheLeastExponents) {
  const Mamba2Config c = test::random_integer_model().config;
  const ImageState image =
      to_image_state(GoldenState(c), c, 16, hardware_preset("u280"), RowOrder::hardware);
  EXPECT_EQ(bits(image.conv, 64, 64), 0x0000808080000000u);
  EXPECT_EQ(bits(image.ssm[1], 0, 64), 0x8080808080808080u);
  EXPECT_EQ(bits(image.ssm[1], 8 * 64, 64), 0u);
  ImageState other = image;
  other.ssm[1].pop_back();
  EXPECT_THAT(test::error_of([&] {
                from_image_state(other, 0, c, 16, hardware_preset("u280"), RowOrder::hardware);
              }),
              HasSubstr("not that of this model"));
}

TEST(Hardware, SaysWhatDoesNotFit) {
  const auto reason = [](const auto& change) {
    IntegerModel model = test::random_integer_model();
    change(model);
    return does_not_fit(model).value_or("");
  };
  EXPECT_EQ(reason([](IntegerModel&) {}), "");
  EXPECT_EQ(reason([](IntegerModel& n) { n.config.headdim = 32; }), "headdim is 32, not 64");
  EXPECT_EQ(reason([](IntegerModel& n) { n.config.d_state = 64; }), "d_state is 64, not 128");
  EXPECT_EQ(reason([](IntegerModel& n) { n.config.d_conv = 3; }), "d_conv is 3, not 4");
  EXPECT_EQ(reason([](IntegerModel& n) { n.config.ngroups = 2; }), "ngroups is 2, not 1");
  EXPECT_EQ(reason([](IntegerModel& n) { n.config.nheads = 82; }), "nheads is 82, not 1 to 80");
  EXPECT_EQ(reason([](IntegerModel& n) { n.config.d_model = 2688; }),
            "d_model is 2688, no multiple of 128 up to 2560");
  EXPECT_EQ(reason([](IntegerModel& n) { n.config.d_model = 192; }),
            "d_model is 192, no multiple of 128 up to 2560");
  EXPECT_EQ(reason([](IntegerModel& n) { n.group = 64; }), "the group is 64, not 128");
  EXPECT_EQ(reason([](IntegerModel& n) { n.state_bits = 4; }),
            "the state's number of bits is 4, not 16 or 8");
  EXPECT_EQ(reason([](IntegerModel& n) { n.hadamard_m = 41; }),
            "m of the rotation is 41, not 1 to 40");
  EXPECT_EQ(reason([](IntegerModel& n) { n.hadamard_n = 64; }),
            "m n of the rotation is 128, not 256");
  EXPECT_THAT(test::error_of([] { hardware_preset("vck5000"); }),
              HasSubstr("no preset 'vck5000', only tiny, tiny_wide, vck190, u280"));
}

TEST(Image, SaysWhichNumberHasTooManyBits) {
  const auto refusal = [](const auto& change) {
    IntegerModel model = test::random_integer_model();
    change(model);
    return test::error_of([&] { make_image(model, hardware_preset("tiny"), RowOrder::hardware); });
  };
  EXPECT_THAT(refusal([](IntegerModel& n) { n.config.d_conv = 2; }),
              HasSubstr("does not fit the core: d_conv is 2"));
  EXPECT_THAT(refusal([](IntegerModel& n) { n.layers[1].heads[2].D = 40000; }),
              HasSubstr("layer 1: D is 40000, more than 16 bits hold"));
  EXPECT_THAT(refusal([](IntegerModel& n) { n.head.exponent = -110; }),
              HasSubstr("the exponent of in_proj or the head is -129"));
}

// Other tests run it: values must be of the kind that real models have.
TEST(RandomNetwork, GivesModerateValues) {
  for (const Case& each : cases()) {
    const IntegerModel model = test::random_integer_model(each.model);
    GoldenState state(model.config);
    std::vector<std::vector<std::int32_t>> logits;
    for (const TokenId token : {3, 17, 3, 30, 9}) {
      logits.emplace_back(at(model.config.vocab_size));
      golden_decode(model, state, token, logits.back());
    }
    for (std::size_t i = 0; i < logits.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) EXPECT_NE(logits[i], logits[j]);
      double square = 0;
      for (const std::int32_t logit : logits[i]) {
        square += std::pow(logit * 0x1p-16, 2) / static_cast<double>(logits[i].size());
      }
      EXPECT_GT(square, 0.1);
      EXPECT_LT(square, 100);
    }
    for (const std::int8_t exponent : state.ssm_exponents) {
      EXPECT_GT(exponent, -60);
      EXPECT_LT(exponent, 10);
    }
    std::size_t saturated = 0;
    for (const std::int8_t code : state.conv_codes) saturated += std::abs(code) == 127 ? 1 : 0;
    EXPECT_LT(saturated, state.conv_codes.size() / 20);
  }
}

}  // namespace
}  // namespace lightmamba::accel
