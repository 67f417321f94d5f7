// The sums of several slots on their way from the matrix unit to the units that take one slot's.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vslot_transpose_2_1.h"
#include "Vslot_transpose_4_16.h"
#include "Vslot_transpose_8_2.h"
#include "Vsum_serializer_16_2_slots.h"
#include "Vsum_serializer_2_8_slots.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

constexpr int kSumBits = 48;
constexpr std::size_t kBlock = 64;

// Sums of rows and slots in the order of lm_mmu.
template <typename Unit>
void check_sums(Unit& unit, std::size_t rows, std::size_t slots, std::size_t first_rows,
                std::size_t second_rows) {
  RandomNumbers random(first_rows + 1000 * second_rows + slots);
  std::vector<std::vector<std::int64_t>> beats;
  std::vector<Beat> expected;
  for (const bool is_second : {false, true}) {
    const std::size_t count = is_second ? second_rows : first_rows;
    for (std::size_t tile = 0; tile < count; tile += rows) {
      for (std::size_t slot = 0; slot < slots; ++slot) {
        beats.emplace_back(rows);
        for (std::int64_t& sum : beats.back()) sum = random.number(kSumBits);
        for (std::size_t row = tile; row < std::min(tile + rows, count); ++row) {
          const bool is_last =
              row + 1 == count && slot + 1 == slots && (is_second || second_rows == 0);
          expected.push_back(
              {beats.back()[row - tile], static_cast<std::int64_t>(slot), is_second, is_last});
        }
      }
    }
  }
  const auto send = [&](std::size_t i) {
    set_lanes(unit.in_sums_i, beats[i].data(), rows, kSumBits);
  };
  const auto read = [&] {
    return Beat{sign_extend(unit.out_sum_o, kSumBits), unit.out_slot_o, unit.out_is_second_o,
                unit.out_last_o};
  };
  const auto start = [&] {
    unit.in_valid_i = 0;
    unit.first_rows_i = static_cast<std::uint32_t>(first_rows);
    unit.second_rows_i = static_cast<std::uint32_t>(second_rows);
    unit.slots_i = static_cast<std::uint8_t>(slots);
    unit.start_i = 1;
    tick(unit);
    unit.start_i = 0;
    // Only the cycle of the start counts.
    unit.first_rows_i = 1;
    unit.second_rows_i = 1;
    unit.slots_i = 1;
  };
  const StreamWork work = {.clock = clock_of(unit),
                           .in = {{unit.in_valid_i, unit.in_ready_o, beats.size(), send}},
                           .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}},
                           .start = start};
  exercise(work, static_cast<std::int64_t>(expected.size()) + 1);
}

template <typename Unit>
void check_serializer(std::size_t rows, std::size_t max_slots) {
  Unit unit;
  for (std::size_t slots = 1; slots <= max_slots; ++slots) {
    for (const std::size_t first : {std::size_t{1}, rows - 1, rows, rows + 1, std::size_t{100}}) {
      for (const std::size_t second : {std::size_t{0}, rows, 3 * rows + 1}) {
        check_sums(unit, rows, slots, first, second);
      }
    }
  }
}

TEST(SlotSumSerializerRtl, GivesSumsOf2RowsAnd8Slots) {
  check_serializer<Vsum_serializer_2_8_slots>(2, 8);
}
TEST(SlotSumSerializerRtl, GivesSumsOf16RowsAnd2Slots) {
  check_serializer<Vsum_serializer_16_2_slots>(16, 2);
}

// Blocks of as many slots in use.
template <typename Unit>
void check_blocks(Unit& unit, std::size_t rows, const std::vector<std::size_t>& slots) {
  struct Value {
    std::int64_t number;
    std::size_t slots;
  };
  RandomNumbers random(rows);
  std::vector<Value> values;
  std::vector<Beat> expected;
  // The cycle after the last one in which a block is written, and read: one is written while the
  // one before it is read.
  std::int64_t written = 0;
  std::int64_t read_before = 0;
  std::int64_t read_now = 0;
  for (const std::size_t count : slots) {
    std::vector<std::vector<std::int64_t>> block(count, std::vector<std::int64_t>(kBlock));
    for (std::vector<std::int64_t>& row : block) {
      for (std::int64_t& number : row) number = random.number(kSumBits);
    }
    for (std::size_t i = 0; i < kBlock; i += rows) {
      for (std::size_t slot = 0; slot < count; ++slot) {
        for (std::size_t row = i; row < i + rows; ++row) {
          values.push_back({block[slot][row], count});
        }
      }
    }
    for (std::size_t slot = 0; slot < count; ++slot) {
      for (const std::int64_t number : block[slot]) {
        expected.push_back({number, static_cast<std::int64_t>(slot)});
      }
    }
    const auto cycles = static_cast<std::int64_t>(count * kBlock);
    written = std::max(written, read_before) + cycles;
    read_before = read_now;
    read_now = std::max(written, read_now) + cycles;
  }
  const auto send = [&](std::size_t i) {
    unit.in_data_i = low_bits(values[i].number, kSumBits);
    unit.slots_i = static_cast<std::uint8_t>(values[i].slots);
  };
  const auto read = [&] { return Beat{sign_extend(unit.out_data_o, kSumBits), unit.out_slot_o}; };
  const StreamWork work = {.clock = clock_of(unit),
                           .in = {{unit.in_valid_i, unit.in_ready_o, values.size(), send}},
                           .out = {{unit.out_valid_o, unit.out_ready_i, read, expected}}};
  exercise(work, read_now + 2);
}

template <typename Unit>
void check_transpose(std::size_t rows, std::size_t max_slots) {
  Unit unit;
  for (std::size_t slots = 1; slots <= max_slots; ++slots) {
    check_blocks(unit, rows, std::vector<std::size_t>(4, slots));
  }
  check_blocks(unit, rows, {1, max_slots, max_slots, 1, 1, 2, 1, max_slots - 1, max_slots});
}

TEST(SlotTransposeRtl, GivesBlocksOf2Slots) { check_transpose<Vslot_transpose_2_1>(1, 2); }
TEST(SlotTransposeRtl, GivesBlocksOf4Slots) { check_transpose<Vslot_transpose_4_16>(16, 4); }
TEST(SlotTransposeRtl, GivesBlocksOf8Slots) { check_transpose<Vslot_transpose_8_2>(2, 8); }

}  // namespace
}  // namespace lightmamba::accel
