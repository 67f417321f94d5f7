// What comes to the matrix unit and what leaves it.
#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vlogit_unit.h"
#include "Vsum_serializer_16.h"
#include "Vsum_serializer_2.h"
#include "Vweight_unpack_1_128.h"
#include "Vweight_unpack_2_32.h"
#include "Vweight_unpack_2_8.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

template <typename Unit>
class WeightUnpack {
 public:
  WeightUnpack(int rows, int columns)
      : rows_(rows),
        codes_(rows * columns),
        lot_(static_cast<std::size_t>(columns) / 4),
        beats_(128 / static_cast<std::size_t>(columns)) {}

  // The weights of a token: words of scales and codes, the last scale block with groups missing.
  void check(std::size_t groups) {
    RandomNumbers random(groups);
    words_.clear();
    std::vector<Beat> expected;
    std::vector<std::int64_t> scales;
    for (std::size_t group = 0; group < groups; ++group) {
      const std::size_t g = group % lot_;
      if (g == 0) {
        scales.assign(lot_ * rows_, 0);
        const std::size_t there = std::min(lot_, groups - group);
        for (std::size_t i = 0; i < there * rows_; ++i) scales[i] = random.number(16);
        words_.push_back({16, scales});
      }
      for (std::size_t beat = 0; beat < beats_; ++beat) {
        std::vector<std::int64_t> codes(codes_);
        for (std::int64_t& code : codes) code = random.number(4);
        words_.push_back({4, codes});
        codes.insert(codes.end(), &scales[g * rows_], &scales[g * rows_] + rows_);
        expected.push_back(codes);
      }
    }
    const auto read = [this] {
      Beat beat = lanes_of(unit_.out_codes_o, codes_, 4);
      const Beat group = lanes_of(unit_.out_scales_o, rows_, 16);
      beat.insert(beat.end(), group.begin(), group.end());
      return beat;
    };
    const StreamWork work = {.clock = clock_of(unit_),
                             .in = {{unit_.in_valid_i, unit_.in_ready_o, words_.size(),
                                     [this](std::size_t i) { send(i); }}},
                             .out = {{unit_.out_valid_o, unit_.out_ready_i, read, expected}},
                             .start = [this] { clear(); }};
    exercise(work, static_cast<std::int64_t>(words_.size()));
  }

 private:
  struct Word {
    int bits;
    std::vector<std::int64_t> values;
  };

  void send(std::size_t i) {
    for (std::size_t k = 0; k < words_[i].values.size(); ++k) {
      set_lane(unit_.in_data_i, k, words_[i].bits, words_[i].values[k]);
    }
  }

  void clear() {
    unit_.clear_i = 1;
    tick(unit_);
    unit_.clear_i = 0;
  }

  Unit unit_;
  std::size_t rows_, codes_;
  std::size_t lot_;  // groups whose scales a word has
  std::size_t beats_;
  std::vector<Word> words_;
};

template <typename Unit>
void check_unpack(int rows, int columns) {
  WeightUnpack<Unit> unpack(rows, columns);
  for (const std::size_t groups : {1, 2, 7, 8, 31, 32, 33, 100}) unpack.check(groups);
}

TEST(WeightUnpackRtl, TakesApart2By8) { check_unpack<Vweight_unpack_2_8>(2, 8); }
TEST(WeightUnpackRtl, TakesApart2By32) { check_unpack<Vweight_unpack_2_32>(2, 32); }
TEST(WeightUnpackRtl, TakesApart1By128) { check_unpack<Vweight_unpack_1_128>(1, 128); }

template <typename Unit>
void check_sums(Unit& unit, std::size_t rows, std::size_t first_rows, std::size_t second_rows) {
  constexpr int kSumBits = 48;
  RandomNumbers random(first_rows + 1000 * second_rows);
  std::vector<std::vector<std::int64_t>> tiles;
  std::vector<Beat> expected;
  for (const bool is_second : {false, true}) {
    const std::size_t count = is_second ? second_rows : first_rows;
    for (std::size_t row = 0; row < count; ++row) {
      if (row % rows == 0) {
        tiles.emplace_back(rows);
        for (std::int64_t& sum : tiles.back()) sum = random.number(kSumBits);
      }
      const bool is_last = row + 1 == count && (is_second || second_rows == 0);
      expected.push_back({tiles.back()[row % rows], is_second, is_last});
    }
  }
  const auto send = [&](std::size_t i) {
    set_lanes(unit.in_sums_i, tiles[i].data(), rows, kSumBits);
  };
  const auto read = [&] {
    return Beat{sign_extend(unit.out_sum_o, kSumBits), unit.out_is_second_o, unit.out_last_o};
  };
  const auto start = [&] {
    unit.first_rows_i = static_cast<std::uint32_t>(first_rows);
    unit.second_rows_i = static_cast<std::uint32_t>(second_rows);
    unit.start_i = 1;
    tick(unit);
    unit.start_i = 0;
    // Only the cycle of the start counts.
    unit.first_rows_i = 1;
    unit.second_rows_i = 1;
  };
  const StreamWork work = {.clock = clock_of(unit),
                           .in = {{unit.in_valid_i, unit.in_ready_o, tiles.size(), send}},
                           .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}},
                           .start = start};
  exercise(work, static_cast<std::int64_t>(expected.size()) + 1);
}

template <typename Unit>
void check_serializer(std::size_t rows) {
  Unit unit;
  for (const std::size_t first : {std::size_t{1}, rows - 1, rows, rows + 1, std::size_t{300}}) {
    for (const std::size_t second : {std::size_t{0}, std::size_t{1}, rows, 3 * rows + 1}) {
      check_sums(unit, rows, first, second);
    }
  }
}

TEST(SumSerializerRtl, GivesSumsOf2Rows) { check_serializer<Vsum_serializer_2>(2); }
TEST(SumSerializerRtl, GivesSumsOf16Rows) { check_serializer<Vsum_serializer_16>(16); }

void check_logits(Vlogit_unit& unit, const std::vector<std::int64_t>& logits, bool writes) {
  std::vector<Beat> pairs;
  for (std::size_t i = 0; writes && i < logits.size(); ++i) {
    if (i % 2 == 0) {
      pairs.push_back({logits[i], 0});
    } else {
      pairs.back()[1] = logits[i];
    }
  }
  const auto largest = std::max_element(logits.begin(), logits.end());
  const auto send = [&](std::size_t i) {
    unit.in_logit_i = static_cast<std::uint32_t>(low_bits(logits[i], 32));
  };
  const auto start = [&] {
    unit.write_logits_i = writes;
    unit.count_i = static_cast<std::uint32_t>(logits.size());
    unit.start_i = 1;
    tick(unit);
    unit.start_i = 0;
    settle(unit);
    EXPECT_FALSE(unit.done_o);
  };
  const auto end = [&] {
    EXPECT_TRUE(unit.done_o);
    EXPECT_EQ(unit.token_o, largest - logits.begin());
    EXPECT_EQ(sign_extend(unit.logit_o, 32), *largest);
  };
  const auto read = [&] { return lanes_of(unit.out_pair_o, 2, 32); };
  const StreamWork work = {.clock = clock_of(unit),
                           .in = {{unit.in_valid_i, unit.in_ready_o, logits.size(), send}},
                           .out = {{unit.out_valid_o, unit.out_ready_i, read, pairs}},
                           .start = start,
                           .end = end};
  exercise(work, static_cast<std::int64_t>(logits.size()) + (writes ? 1 : 0));
}

TEST(LogitRtl, GivesLargestAndPairs) {
  Vlogit_unit unit;
  RandomNumbers random(1);
  for (const bool writes : {false, true}) {
    for (const std::size_t count : {1U, 2U, 3U, 600U, 1001U}) {
      for (const int bits : {2, 5, 32}) {  // few numbers: the first of equal ones
        std::vector<std::int64_t> logits(count);
        for (std::int64_t& logit : logits) logit = random.number(bits);
        check_logits(unit, logits, writes);
      }
      check_logits(unit, std::vector<std::int64_t>(count, INT32_MIN), writes);
    }
  }
}

}  // namespace
}  // namespace lightmamba::accel
