#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "Vembedding_unit.h"
#include "Vresidual_unit.h"
#include "accel/numerics/residual_unit.h"
#include "ports.h"
#include "streams.h"

namespace lightmamba::accel {
namespace {

TEST(EmbeddingRtl, EqualsGolden) {
  constexpr std::size_t kGroup = 128;
  constexpr std::size_t kGroups = 20;
  constexpr std::size_t kCodes = 32;  // in a record
  constexpr std::size_t kRecords = 1 + kGroup / kCodes;
  Vembedding_unit unit;
  for (const int shift : {-128, -30, -8, -1, 0, 1, 5, 19, 127}) {
    RandomNumbers random(static_cast<std::uint64_t>(shift + 200));
    std::vector<std::int16_t> scales;
    std::vector<std::int64_t> codes;
    std::vector<Beat> expected;
    for (std::size_t i = 0; i < kGroups * kGroup; ++i) {
      if (i % kGroup == 0) scales.push_back(static_cast<std::int16_t>(random.number(16)));
      codes.push_back(random.number(4));
      expected.push_back({embed(codes[i], scales.back(), shift)});
    }
    unit.shift_i = static_cast<std::uint8_t>(low_bits(shift, 8));
    const StreamWork work = {
        .clock = clock_of(unit),
        .in = {{unit.record_valid_i, unit.record_ready_o, kGroups * kRecords,
                [&](std::size_t i) {
                  const std::size_t place = i % kRecords;
                  for (std::size_t k = 0; k < kCodes; ++k) {
                    set_lane(unit.record_i, k, 4,
                             place == 0 ? random.number(4)
                                        : codes[i / kRecords * kGroup + (place - 1) * kCodes + k]);
                  }
                  if (place == 0) set_field(unit.record_i, 0, 16, scales[i / kRecords]);
                }}},
        .out = {{unit.out_valid_o, unit.out_ready_i,
                 [&] { return Beat{sign_extend(unit.out_value_o, kResidualBits)}; }, expected}}};
    exercise(work, kGroups * (kGroup + 1) + 2);
  }
}

class ResidualRtl : public testing::Test {
 protected:
  explicit ResidualRtl() { reset(unit_); }

  // Sets the residual, or adds several vectors to it.
  void run(std::size_t d_model, bool adds, std::size_t vectors, Stalls stalls) {
    const std::vector<std::int64_t> updates = random_updates(d_model * vectors);
    const StreamWork work = work_of(d_model, adds, updates);
    const std::int64_t cycles = run_streams(work, stalls, random_);
    if (stalls.in == 0 && stalls.out == 0) {
      EXPECT_EQ(cycles, static_cast<std::int64_t>(updates.size()) + 3);
    }
  }

  void abandon(std::size_t d_model, std::size_t beats) {
    const std::vector<std::int64_t> updates = random_updates(d_model);
    const StreamWork work = work_of(d_model, false, updates);
    StreamRun run(work, {0, 20}, random_);
    while (run.out(0).beats < beats && !HasFailure()) run.cycle();
    run.reset();
    run.expect_silence();
  }

 private:
  std::vector<std::int64_t> random_updates(std::size_t count) {
    std::vector<std::int64_t> updates(count);
    for (std::int64_t& update : updates) update = random_.number(kResidualBits);
    return updates;
  }

  StreamWork work_of(std::size_t d_model, bool adds, const std::vector<std::int64_t>& updates) {
    residual_.resize(d_model);
    std::vector<Beat> expected;
    for (std::size_t i = 0; i < updates.size(); ++i) {
      std::int64_t& value = residual_[i % d_model];
      value = adds ? add_to_residual(value, updates[i]) : updates[i];
      expected.push_back({value, i % d_model == d_model - 1});
    }
    unit_.last_index_i = static_cast<std::uint16_t>(d_model - 1);
    unit_.adds_i = adds;
    return {.clock = clock_of(unit_),
            .in = {{unit_.in_valid_i, unit_.in_ready_o, updates.size(),
                    [&](std::size_t i) {
                      unit_.in_value_i =
                          static_cast<std::uint32_t>(low_bits(updates[i], kResidualBits));
                    }}},
            .out = {{unit_.out_valid_o, unit_.out_ready_i,
                     [&] {
                       return Beat{sign_extend(unit_.out_value_o, kResidualBits), unit_.out_last_o};
                     },
                     expected}}};
  }

  Vresidual_unit unit_;
  RandomNumbers random_{1};
  std::vector<std::int64_t> residual_;
};

TEST_F(ResidualRtl, EqualsGolden) {
  for (const std::size_t d_model : {128U, 256U, 1152U, 2560U}) {
    for (const Stalls stalls : {Stalls{0, 0}, {20, 20}, {70, 0}, {0, 70}, {70, 70}, {0, 20}}) {
      run(d_model, false, 1, stalls);
      run(d_model, true, 1, {0, 0});
      run(d_model, true, 3, stalls);
    }
  }
}

TEST_F(ResidualRtl, WorksAgainAfterReset) {
  for (const std::size_t beats : {1U, 77U, 256U}) {
    abandon(256, beats);
    run(128, false, 1, {0, 0});
    run(128, true, 2, {20, 20});
  }
}

}  // namespace
}  // namespace lightmamba::accel
