#include <algorithm>
#include <array>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vparam_reader.h"
#include "Vparam_reader_checkpoint.h"
#include "Vparam_reader_large.h"
#include "Vparam_reader_large_checkpoint.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

using Record = std::array<std::uint32_t, 4>;

struct Shape {
  std::uint32_t magic = 0x314d'414c;
  int n_layer = 2;
  int nheads = 4;
  int d_model = 128;
  int m = 2;
  int log2_n = 7;
  bool is_checkpoint_order = false;
  int state_bits = 16;
  std::int64_t vocab_size = 1000;
};

enum class To { header, embedding, signs, scalars, head, conv, gain };

struct Item {
  To to;
  Record record;
};

Record random_record(RandomNumbers& random) {
  Record record;
  for (std::uint32_t& word : record) word = static_cast<std::uint32_t>(random.number(32));
  return record;
}

void append(RandomNumbers& random, To to, int count, std::vector<Item>& items) {
  for (int i = 0; i < count; ++i) items.push_back({to, random_record(random)});
}

// The parameters of a token in the order of docs/memory-map.md; what is no part of the shape is
// random.
std::vector<Item> params_of(RandomNumbers& random, const Shape& shape) {
  std::vector<Item> items;
  append(random, To::header, 4, items);
  Record& first = items[0].record;
  const auto halves = [](int low, int high) {
    return static_cast<std::uint32_t>(low) | static_cast<std::uint32_t>(high) << 16;
  };
  first = {shape.magic, halves(shape.n_layer, shape.nheads), halves(shape.d_model, shape.m),
           halves(shape.log2_n, shape.state_bits) |
               static_cast<std::uint32_t>(shape.is_checkpoint_order) << 8};
  items[1].record[0] = static_cast<std::uint32_t>(shape.vocab_size);
  append(random, To::embedding, 5 * (shape.d_model / 128), items);
  append(random, To::signs, shape.m, items);
  for (int layer = 0; layer < shape.n_layer; ++layer) {
    append(random, To::scalars, 1, items);
    if (shape.is_checkpoint_order) {
      append(random, To::conv, 64 * shape.nheads + 256, items);
      append(random, To::head, shape.nheads, items);
      append(random, To::gain, 8 * shape.nheads, items);
      continue;
    }
    append(random, To::head, shape.nheads, items);
    append(random, To::conv, 256, items);
    for (int head = 0; head < shape.nheads; ++head) {
      append(random, To::conv, 64, items);
      append(random, To::gain, 8, items);
    }
  }
  return items;
}

std::uint32_t bits_of(const Record& record, int low, int bits) {
  return static_cast<std::uint32_t>(record[static_cast<std::size_t>(low) / 32] >> (low % 32) &
                                    low_bits(-1, bits));
}

std::uint64_t half_of(const Record& record, std::size_t half) {
  return record[2 * half] | std::uint64_t{record[2 * half + 1]} << 32;
}

template <typename Unit>
class ParamReaderRtl : public testing::Test {
 protected:
  ParamReaderRtl() { restart(); }

  void restart() {
    unit_.start_i = 0;
    unit_.valid_i = 0;
    reset(unit_);
  }

  void check(const Shape& shape, int in_stalls, int out_stalls) {
    const std::vector<Item> items = params_of(random_, shape);
    const std::int64_t cycles = take(items, items.size(), in_stalls, out_stalls);
    if (in_stalls == 0 && out_stalls == 0) {
      EXPECT_EQ(cycles, std::ssize(items));
    }
    check_header(shape, items);
    expect_nothing();
  }

  void abandon(const Shape& shape, std::size_t records) {
    take(params_of(random_, shape), records, 0, 20);
    restart();
    expect_nothing();
  }

  void check_bad(const Shape& shape) {
    take(params_of(random_, shape), 4, 20, 20);
    settle(unit_);
    EXPECT_TRUE(unit_.header_done_o);
    const bool is_no_image = shape.magic != Shape{}.magic;
    EXPECT_EQ(unit_.is_no_image_o != 0, is_no_image);
    if (!is_no_image) {
      EXPECT_TRUE(unit_.is_too_large_o);
    }
    rise(unit_);
    expect_nothing();
  }

 private:
  void start() {
    unit_.start_i = 1;
    tick(unit_);
    unit_.start_i = 0;
  }

  // Cycles for the first `count` items.
  std::int64_t take(const std::vector<Item>& items, std::size_t count, int in_stalls,
                    int out_stalls) {
    std::size_t signs = 0;
    bool is_header_end = false;
    const Record* scalars = nullptr;  // taken in the cycle before
    const auto send = [&](std::size_t i) {
      std::copy(items[i].record.begin(), items[i].record.end(), unit_.record_i.data());
    };
    const auto drive = [&](const StreamRun&) {
      const auto choose = [&] { return static_cast<CData>(!random_.chance(out_stalls)); };
      unit_.embedding_ready_i = choose();
      unit_.head_ready_i = choose();
      unit_.conv_ready_i = choose();
      unit_.gain_ready_i = choose();
      unit_.scalars_ready_i = choose();
    };
    const auto watch = [&](const StreamRun& run) {
      EXPECT_EQ(unit_.header_done_o != 0, is_header_end);
      if (scalars != nullptr) check_scalars(*scalars);
      const std::size_t beat = run.in(0).beats;
      const Item& item = items[beat];
      const bool is_valid = unit_.valid_i != 0;
      const bool takes = is_valid && is_ready_for(item.to);
      EXPECT_EQ(is_valid && unit_.ready_o != 0, takes) << beat;
      expect_goes_to(item.to, is_valid, takes);
      if (takes && item.to == To::signs) {
        EXPECT_EQ(unit_.signs_address_o, signs++);
      }
      scalars = takes && item.to == To::scalars ? &item.record : nullptr;
      is_header_end = takes && beat == 3;
    };
    const StreamWork work = {.clock = clock_of(unit_),
                             .in = {{unit_.valid_i, unit_.ready_o, count, send}},
                             .start = [&] { start(); },
                             .drive = drive,
                             .watch = watch};
    const std::int64_t cycles = StreamRun(work, {in_stalls}, random_).finish();
    unit_.valid_i = 0;
    return cycles;
  }

  bool is_ready_for(To to) const {
    switch (to) {
      case To::embedding:
        return unit_.embedding_ready_i != 0;
      case To::head:
        return unit_.head_ready_i != 0;
      case To::conv:
        return unit_.conv_ready_i != 0;
      case To::gain:
        return unit_.gain_ready_i != 0;
      case To::scalars:
        return unit_.scalars_ready_i != 0;
      default:
        return true;
    }
  }

  void expect_goes_to(To to, bool is_valid, bool takes) const {
    EXPECT_EQ(unit_.embedding_valid_o != 0, is_valid && to == To::embedding);
    EXPECT_EQ(unit_.head_valid_o != 0, is_valid && to == To::head);
    EXPECT_EQ(unit_.conv_valid_o != 0, is_valid && to == To::conv);
    EXPECT_EQ(unit_.gain_valid_o != 0, is_valid && to == To::gain);
    EXPECT_EQ(unit_.signs_write_o != 0, is_valid && to == To::signs);
    EXPECT_EQ(unit_.scalars_taken_o != 0, takes && to == To::scalars);
  }

  void check_scalars(const Record& record) const {
    EXPECT_EQ(get_field(unit_.scalars_o, 0, 8), bits_of(record, 32, 8));     // out_exponent
    EXPECT_EQ(get_field(unit_.scalars_o, 8, 16), bits_of(record, 0, 16));    // out_clip
    EXPECT_EQ(get_field(unit_.scalars_o, 24, 8), bits_of(record, 40, 8));    // in_exponent
    EXPECT_EQ(get_field(unit_.scalars_o, 32, 16), bits_of(record, 16, 16));  // in_clip
  }

  // Fields of header_t, the last one lowest.
  void check_header(const Shape& shape, const std::vector<Item>& items) const {
    EXPECT_FALSE(unit_.is_no_image_o);
    EXPECT_FALSE(unit_.is_too_large_o);
    int low = 0;
    const auto next = [&](int bits) {
      low += bits;
      return get_field(unit_.header_o, low - bits, bits);
    };
    const auto number = [&](int bits) { return static_cast<std::int64_t>(next(bits)); };
    const Record& last = items[3].record;
    EXPECT_EQ(next(8), bits_of(last, 40, 8));          // embedding_shift
    EXPECT_EQ(next(8), bits_of(last, 32, 8));          // residual_fraction_bits
    EXPECT_EQ(next(8), bits_of(last, 0, 8));           // dt_limits.min.mantissa
    EXPECT_EQ(next(8), bits_of(last, 8, 8));           // dt_limits.min.exponent
    EXPECT_EQ(next(8), bits_of(last, 16, 8));          // dt_limits.max.mantissa
    EXPECT_EQ(next(8), bits_of(last, 24, 8));          // dt_limits.max.exponent
    EXPECT_EQ(next(64), half_of(items[2].record, 1));  // gated_epsilon
    EXPECT_EQ(next(64), half_of(items[2].record, 0));  // epsilon
    EXPECT_EQ(next(32), items[1].record[3]);           // embedding_records
    EXPECT_EQ(next(32), items[1].record[2]);           // param_records
    EXPECT_EQ(next(32), last[3]);                      // weight_words_without_lm_head
    EXPECT_EQ(next(32), items[1].record[1]);           // weight_words
    EXPECT_EQ(number(8), shape.log2_n);
    EXPECT_EQ(number(16), shape.m);
    EXPECT_EQ(number(32), shape.vocab_size);
    EXPECT_EQ(number(16), shape.d_model);
    EXPECT_EQ(number(16), shape.nheads);
    EXPECT_EQ(number(16), shape.n_layer);
    EXPECT_EQ(number(1), shape.state_bits == 8);
  }

  // Before a start nothing is taken.
  void expect_nothing() {
    unit_.valid_i = 1;
    unit_.embedding_ready_i = unit_.head_ready_i = unit_.conv_ready_i = 1;
    unit_.gain_ready_i = unit_.scalars_ready_i = 1;
    for (int i = 0; i < 5; ++i) {
      settle(unit_);
      EXPECT_FALSE(unit_.ready_o);
      EXPECT_FALSE(unit_.header_done_o);
      EXPECT_FALSE(unit_.embedding_valid_o || unit_.head_valid_o || unit_.conv_valid_o);
      EXPECT_FALSE(unit_.gain_valid_o || unit_.signs_write_o || unit_.scalars_taken_o);
      rise(unit_);
    }
    unit_.valid_i = 0;
  }

  Unit unit_;
  RandomNumbers random_{1};
};

using SmallParamReaderRtl = ParamReaderRtl<Vparam_reader>;
using LargeParamReaderRtl = ParamReaderRtl<Vparam_reader_large>;
using SmallCheckpointParamReaderRtl = ParamReaderRtl<Vparam_reader_checkpoint>;
using LargeCheckpointParamReaderRtl = ParamReaderRtl<Vparam_reader_large_checkpoint>;

TEST_F(SmallParamReaderRtl, TakesParametersApart) {
  const Shape shapes[] = {
      {.n_layer = 1, .nheads = 2, .m = 1, .state_bits = 8, .vocab_size = 1},
      {.n_layer = 3, .nheads = 4, .d_model = 256, .m = 4, .log2_n = 6},
      {.n_layer = 2, .nheads = 24, .d_model = 768, .m = 12, .vocab_size = (1 << 20) - 1},
      {.n_layer = 1, .nheads = 80, .d_model = 2560, .m = 40}};
  for (const Shape& shape : shapes) {
    for (const int in_stalls : {0, 20, 70}) {
      for (const int out_stalls : {0, 20, 70}) check(shape, in_stalls, out_stalls);
    }
  }
}

TEST_F(SmallCheckpointParamReaderRtl, TakesParametersApart) {
  for (const int in_stalls : {0, 20, 70}) {
    for (const int out_stalls : {0, 20, 70}) {
      check({.n_layer = 2, .nheads = 4, .m = 2, .is_checkpoint_order = true}, in_stalls,
            out_stalls);
    }
  }
}

TEST_F(LargeCheckpointParamReaderRtl, TakesParametersApart) {
  check({.n_layer = 2, .nheads = 80, .d_model = 2560, .m = 40, .is_checkpoint_order = true}, 0, 0);
  check({.n_layer = 65, .nheads = 2, .m = 8, .log2_n = 4, .is_checkpoint_order = true}, 20, 20);
}

TEST_F(LargeParamReaderRtl, TakesParametersApart) {
  check({.n_layer = 5, .nheads = 6, .d_model = 384, .m = 12, .log2_n = 5}, 0, 70);
}

TEST_F(SmallParamReaderRtl, RefusesShapes) {
  const Shape good = {.n_layer = 1, .nheads = 2, .m = 1};
  const Shape bad[] = {{.magic = 0x314d'414d},
                       {.magic = 0},
                       {.n_layer = 0},
                       {.nheads = 0},
                       {.nheads = 3, .m = 3, .log2_n = 6},
                       {.nheads = 82, .m = 41},
                       {.d_model = 0},
                       {.d_model = 192},
                       {.d_model = 2688},
                       {.m = 0},
                       {.nheads = 48, .m = 48, .log2_n = 6},
                       {.nheads = 2, .m = 1, .log2_n = 15},
                       {.nheads = 4, .m = 1, .log2_n = 8},
                       {.nheads = 2, .m = 128, .log2_n = 0},
                       {.m = 3},
                       {.state_bits = 0},
                       {.state_bits = 4},
                       {.log2_n = 6},
                       {.vocab_size = 0},
                       {.vocab_size = 1 << 20},
                       {.nheads = 2, .m = 1, .is_checkpoint_order = true}};
  for (const Shape& shape : bad) {
    check_bad(shape);
    check(good, 20, 20);
  }
}

// The other order, and more channels than the queues hold.
TEST_F(SmallCheckpointParamReaderRtl, RefusesShapes) {
  const Shape good = {.nheads = 4, .m = 2, .is_checkpoint_order = true};
  for (const Shape& shape :
       {Shape{.nheads = 4, .m = 2}, Shape{.nheads = 6, .m = 3, .is_checkpoint_order = true}}) {
    check_bad(shape);
    check(good, 20, 20);
  }
}

// The transform gives no more lanes than n.
TEST_F(LargeParamReaderRtl, RefusesShapes) {
  check_bad({.nheads = 2, .m = 16, .log2_n = 3});
  check({.nheads = 2, .m = 8, .log2_n = 4}, 0, 0);
}

TEST_F(SmallParamReaderRtl, WorksAgainAfterReset) {
  const Shape shape = {.n_layer = 2, .nheads = 4};
  for (const std::size_t records : {1U, 3U, 4U, 7U, 10U, 12U, 15U, 100U, 300U, 340U, 700U}) {
    abandon(shape, records);
    check(shape, 20, 20);
  }
}

}  // namespace
}  // namespace lightmamba::accel
