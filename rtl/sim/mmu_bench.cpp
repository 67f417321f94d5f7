#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <optional>
#include <utility>
#include <vector>

#include "Vmmu_six_rows.h"
#include "Vmmu_six_rows_2_slots.h"
#include "Vmmu_tiny.h"
#include "Vmmu_tiny_8_slots.h"
#include "Vmmu_tiny_lut.h"
#include "Vmmu_tiny_primitive.h"
#include "Vmmu_vck190.h"
#include "Vmmu_vck190_2_slots.h"
#include "Vmmu_vck190_2_slots_lut.h"
#include "Vmmu_vck190_4_slots_mixed.h"
#include "Vmmu_vck190_8_slots_primitive.h"
#include "Vmmu_vck190_lut.h"
#include "Vmmu_vck190_primitive.h"
#include "Vmmu_wide.h"
#include "Vmmu_wide_2_slots_primitive.h"
#include "Vmmu_wide_4_slots_lut.h"
#include "Vmmu_wide_lut.h"
#include "Vmmu_wide_primitive.h"
#include "accel/numerics/mmu.h"
#include "ports.h"
#include "streams.h"
#ifdef LIGHTMAMBA_NETLISTS
#include "Vmmu_netlist.h"
#include "Vmmu_netlist_lut.h"
#include "Vmmu_netlist_slots.h"
#endif

namespace lightmamba::accel {
namespace {

constexpr int kGroup = 128;
constexpr std::int64_t kMaxMultiplier = (1 << (kMultiplierBits - 1)) - 1;

// A module and its parameters.
template <typename Module, int rows, int columns, int latency, int slots = 1,
          int max_groups = kMaxGroups>
struct Unit {
  using Model = Module;
  static constexpr int kRows = rows;
  static constexpr int kColumns = columns;
  static constexpr int kBeats = kGroup / columns;
  static constexpr int kLatency = latency;  // from a tile's last beat to its sums
  static constexpr int kSlots = slots;
  static constexpr int kGroups = max_groups;
  // Tiles that are on their way at most.
  static constexpr int kDepth = slots == 1 || kBeats <= 2 ? 32 : kBeats == 4 ? 16 : 8;
};

struct Product {
  WeightMatrix weights;
  std::vector<QuantizedVector> x;  // one for each slot in use
  bool reuses_vectors = false;     // the vectors of the product before

  std::int64_t tiles(int rows) const { return weights.rows / rows; }
};

enum class Values { kRandom, kMax, kMin };

int random_code(RandomNumbers& random, Values values) {
  if (values == Values::kRandom) return static_cast<int>(random.number(kCodeBits));
  return -(1 << (kCodeBits - 1));
}

std::int64_t random_multiplier(RandomNumbers& random, Values values) {
  if (values == Values::kMax) return -kMaxMultiplier;
  if (values == Values::kMin) return kMaxMultiplier;
  return std::max(random.number(kMultiplierBits), -kMaxMultiplier);
}

std::int64_t random_scale(RandomNumbers& random, Values values) {
  if (values == Values::kRandom) return random.number(kScaleBits);
  return -(1 << (kScaleBits - 1));
}

QuantizedVector random_vector(RandomNumbers& random, std::int64_t columns, Values values) {
  QuantizedVector x;
  for (std::int64_t i = 0; i < columns; ++i) {
    x.codes.push_back(static_cast<std::int8_t>(random_code(random, values)));
  }
  for (std::int64_t i = 0; i < columns; i += kGroup) {
    x.multipliers.push_back(static_cast<std::int32_t>(random_multiplier(random, values)));
  }
  return x;
}

WeightMatrix random_matrix(RandomNumbers& random, std::int64_t rows, std::int64_t columns,
                           Values values) {
  WeightMatrix weights;
  weights.rows = rows;
  weights.columns = columns;
  for (std::int64_t i = 0; i < rows * columns / 2; ++i) {
    const std::uint64_t even = low_bits(random_code(random, values), kCodeBits);
    const std::uint64_t odd = low_bits(random_code(random, values), kCodeBits);
    weights.codes.push_back(static_cast<std::uint8_t>(odd << kCodeBits | even));
  }
  for (std::int64_t i = 0; i < rows * weights.groups(); ++i) {
    weights.scales.push_back(static_cast<std::int16_t>(random_scale(random, values)));
  }
  return weights;
}

Product random_product(RandomNumbers& random, std::int64_t rows, std::int64_t columns, int slots,
                       Values values = Values::kRandom) {
  Product product{random_matrix(random, rows, columns, values), {}};
  for (int i = 0; i < slots; ++i) product.x.push_back(random_vector(random, columns, values));
  return product;
}

// The code of a column; past the last there is what a group is filled with.
std::uint64_t weight_code(const WeightMatrix& weights, std::int64_t row, std::int64_t column,
                          RandomNumbers& random) {
  if (column >= weights.columns) return random.below(16);
  const auto byte = weights.codes[static_cast<std::size_t>((row * weights.columns + column) / 2)];
  return byte >> (column % 2 * kCodeBits) & 15U;
}

// Runs products one after another: writes vectors as soon as a bank is free, starts products as
// soon as their vector is there, and compares all sums.
template <typename Unit>
class Bench {
 public:
  Bench(std::vector<Product> products, Stalls stalls, std::uint64_t seed)
      : products_(std::move(products)), stalls_(stalls), random_(seed) {
    bool bank = true;
    for (const Product& product : products_) {
      if (!product.reuses_vectors) bank = !bank;
      banks_.push_back(bank ? 1 : 0);
    }
    work_ = make_work();
    reset();
  }

  ~Bench() { unit_.final(); }

  void reset() {
    unit_.code_we_i = 0;
    unit_.multiplier_we_i = 0;
    reset_streams(work_);
    writer_ = {};
    run_.emplace(work_, stalls_, random_);
  }

  // Until all sums are there.
  void run() { run_->finish(); }
  void run_cycles(int cycles) { run_->cycles(cycles); }
  void set_stalls(Stalls stalls) { run_->set_stalls(stalls); }

  std::int64_t beats() const { return static_cast<std::int64_t>(run_->in(kWeights).beats); }
  std::int64_t beat_cycles() const { return run_->in(kWeights).cycles(); }
  std::int64_t latency() const { return run_->out(0).last_cycle - run_->in(kWeights).last_cycle; }

 private:
  using Model = typename Unit::Model;
  enum StreamsIn { kStarts, kWeights };

  // Which beat or word comes next.
  struct Position {
    std::size_t product = 0;
    std::int64_t tile = 0;
    std::size_t slot = 0;
    std::int64_t group = 0;
    int part = 0;
  };

  StreamWork make_work() {
    std::vector<Beat> sums;
    for (std::size_t i = 0; i < products_.size(); ++i) {
      const Product& product = products_[i];
      const std::int64_t tiles = product.tiles(Unit::kRows);
      for (std::int64_t tile = 0; tile < tiles; ++tile) {
        for (std::int64_t group = 0; group < product.weights.groups(); ++group) {
          for (int part = 0; part < Unit::kBeats; ++part) {
            beats_.push_back({i, tile, 0, group, part});
          }
        }
        for (std::size_t slot = 0; slot < product.x.size(); ++slot) {
          sums.emplace_back();
          for (int r = 0; r < Unit::kRows; ++r) {
            sums.back().push_back(
                multiply_row(product.weights, tile * Unit::kRows + r, product.x[slot]));
          }
          sums.back().push_back(tile + 1 == tiles && slot + 1 == product.x.size());
        }
      }
    }
    const auto read = [this] {
      Beat beat = lanes_of(unit_.sums_o, Unit::kRows, kAccumulatorBits);
      beat.push_back(unit_.last_o);
      return beat;
    };
    return {
        .clock = clock_of(unit_),
        .in = {{unit_.start_valid_i, unit_.start_ready_o, products_.size(),
                [this](std::size_t i) { send_start(i); },
                [this](const StreamRun& run) { return vector_is_written(run.in(kStarts).beats); }},
               {unit_.w_valid_i, unit_.w_ready_o, beats_.size(),
                [this](std::size_t i) { send_weights(beats_[i]); }}},
        .out = {{unit_.sums_valid_o, unit_.sums_ready_i, read, sums}},
        .drive = [this](const StreamRun&) { drive_vector(); }};
  }

  // A word of codes each cycle, the multiplier with a group's last; slot by slot.
  void drive_vector() {
    unit_.code_we_i = 0;
    unit_.multiplier_we_i = 0;
    Position& at = writer_;
    while (at.product < products_.size() && products_[at.product].reuses_vectors) ++at.product;
    if (at.product == products_.size() || !bank_is_free(at.product)) return;
    const QuantizedVector& x = products_[at.product].x[at.slot];
    unit_.vector_bank_i = banks_[at.product];
    unit_.vector_slot_i = static_cast<std::uint8_t>(at.slot);
    unit_.code_we_i = 1;
    set_field(unit_.code_address_i, 0, 16,
              static_cast<std::uint64_t>(at.group * Unit::kBeats + at.part));
    for (int c = 0; c < Unit::kColumns; ++c) {
      const auto column =
          static_cast<std::size_t>(at.group * kGroup + at.part * Unit::kColumns + c);
      const int code = column < x.codes.size() ? x.codes[column] : 0;
      set_field(unit_.codes_i, kCodeBits * c, kCodeBits, low_bits(code, kCodeBits));
    }
    unit_.multiplier_i = static_cast<std::uint16_t>(
        low_bits(x.multipliers[static_cast<std::size_t>(at.group)], kMultiplierBits));
    unit_.multiplier_group_i = static_cast<std::uint8_t>(at.group);
    unit_.multiplier_we_i = at.part + 1 == Unit::kBeats;
    if (++at.part < Unit::kBeats) return;
    at.part = 0;
    if (++at.group < std::ssize(x.multipliers)) return;
    at.group = 0;
    if (++at.slot < products_[at.product].x.size()) return;
    at.slot = 0;
    ++at.product;
  }

  // All products that read the bank before have been started and need it no more.
  bool bank_is_free(std::size_t product) const {
    for (std::size_t i = run_->in(kStarts).beats; i < product; ++i) {
      if (banks_[i] == banks_[product]) return false;
    }
    return (unit_.bank_busy_o >> banks_[product] & 1) == 0;
  }

  bool vector_is_written(std::size_t product) const {
    while (products_[product].reuses_vectors) --product;
    return writer_.product > product;
  }

  void send_start(std::size_t i) {
    unit_.start_bank_i = banks_[i];
    unit_.groups_i = static_cast<std::uint8_t>(products_[i].weights.groups());
    unit_.tiles_i = static_cast<std::uint16_t>(products_[i].tiles(Unit::kRows));
    unit_.slots_i = static_cast<std::uint8_t>(products_[i].x.size());
  }

  void send_weights(const Position& at) {
    const bool is_last = at.part + 1 == Unit::kBeats;
    const WeightMatrix& weights = products_[at.product].weights;
    for (int r = 0; r < Unit::kRows; ++r) {
      const std::int64_t row = at.tile * Unit::kRows + r;
      for (int c = 0; c < Unit::kColumns; ++c) {
        const std::int64_t column = at.group * kGroup + at.part * Unit::kColumns + c;
        set_field(unit_.w_codes_i, kCodeBits * (r * Unit::kColumns + c), kCodeBits,
                  weight_code(weights, row, column, random_));
      }
      const auto scale = static_cast<std::size_t>(row * weights.groups() + at.group);
      // Without a meaning before a group's last beat.
      set_field(
          unit_.w_scales_i, kScaleBits * r, kScaleBits,
          is_last ? low_bits(weights.scales[scale], kScaleBits) : random_.below(1 << kScaleBits));
    }
  }

  Model unit_;
  std::vector<Product> products_;
  std::vector<std::uint8_t> banks_;
  std::vector<Position> beats_;
  Stalls stalls_;
  RandomNumbers random_;
  StreamWork work_;
  std::optional<StreamRun> run_;
  Position writer_;
};

template <typename Unit>
class MmuRtl : public testing::Test {};

using Units = testing::Types<
    Unit<Vmmu_tiny, 2, 8, 20>, Unit<Vmmu_tiny_primitive, 2, 8, 20>, Unit<Vmmu_tiny_lut, 2, 8, 14>,
    Unit<Vmmu_vck190, 2, 32, 29>, Unit<Vmmu_vck190_primitive, 2, 32, 29>,
    Unit<Vmmu_vck190_lut, 2, 32, 16>, Unit<Vmmu_wide, 4, 128, 30>,
    Unit<Vmmu_wide_primitive, 4, 128, 30>, Unit<Vmmu_wide_lut, 2, 128, 16>,
    Unit<Vmmu_six_rows, 6, 32, 30, 1, 40>, Unit<Vmmu_vck190_2_slots, 2, 32, 32, 2>,
    Unit<Vmmu_vck190_4_slots_mixed, 2, 32, 32, 4>,
    Unit<Vmmu_vck190_8_slots_primitive, 2, 32, 36, 8>, Unit<Vmmu_vck190_2_slots_lut, 2, 32, 18, 2>,
    Unit<Vmmu_tiny_8_slots, 2, 8, 35, 8>, Unit<Vmmu_wide_2_slots_primitive, 4, 128, 32, 2>,
    Unit<Vmmu_wide_4_slots_lut, 2, 128, 19, 4>, Unit<Vmmu_six_rows_2_slots, 6, 32, 32, 2, 40>
#ifdef LIGHTMAMBA_NETLISTS
    ,
    Unit<Vmmu_netlist, 2, 8, 20>, Unit<Vmmu_netlist_lut, 2, 8, 14>,
    Unit<Vmmu_netlist_slots, 2, 8, 23, 2>
#endif
    >;
TYPED_TEST_SUITE(MmuRtl, Units);

// Products have 1 ... 40 groups, the last of which may be shorter, and any count of slots.
template <typename Unit>
std::vector<Product> random_products(int count, RandomNumbers& random) {
  std::vector<Product> products;
  for (int i = 0; i < count; ++i) {
    const auto groups = static_cast<std::int64_t>(1 + random.below(i % 4 == 0 ? 40 : 4));
    const auto missing = static_cast<std::int64_t>(random.chance(30) ? 2 * random.below(64) : 0);
    const auto tiles = static_cast<std::int64_t>(1 + random.below(groups < 5 ? 12 : 3));
    const auto slots = static_cast<int>(1 + random.below(Unit::kSlots));
    products.push_back(
        random_product(random, tiles * Unit::kRows, groups * kGroup - missing, slots));
  }
  return products;
}

TYPED_TEST(MmuRtl, EqualsGolden) {
  RandomNumbers random(1);
  for (const int input : {0, 20, 70}) {
    for (const int output : {0, 20, 70}) {
      Bench<TypeParam> bench(random_products<TypeParam>(20, random), {input, output},
                             random.below(1000));
      bench.run();
      if (this->HasFatalFailure()) return;
    }
  }
}

// The largest sums that there are.
TYPED_TEST(MmuRtl, HasRoomForExtremes) {
  RandomNumbers random(2);
  std::vector<Product> products;
  for (const Values values : {Values::kMax, Values::kMin}) {
    products.push_back(random_product(random, 2 * TypeParam::kRows, TypeParam::kGroups * kGroup,
                                      TypeParam::kSlots, values));
  }
  // An odd count of code -8 gives rows of opposite signs, which share a word.
  products.push_back(products.back());
  std::vector<std::uint8_t>& codes = products.back().weights.codes;
  const auto row = products.back().weights.columns / 2;
  std::fill(codes.begin(), codes.begin() + row, std::uint8_t{0x77});
  std::fill(codes.begin() + 3 * row, codes.begin() + 4 * row, std::uint8_t{0x77});
  // And so do slots.
  std::vector<QuantizedVector>& x = products.back().x;
  for (std::size_t slot = 1; slot < x.size(); slot += 2) {
    std::fill(x[slot].codes.begin(), x[slot].codes.end(), std::int8_t{7});
  }
  Bench<TypeParam> bench(std::move(products), {0, 0}, 1);
  bench.run();
}

// With fewer there are more beats of sums than of weights.
template <typename Unit>
constexpr std::int64_t kLeastGroups = (Unit::kSlots + Unit::kBeats - 1) / Unit::kBeats;

TYPED_TEST(MmuRtl, TakesABeatEachCycle) {
  RandomNumbers random(3);
  std::vector<Product> products;
  for (int i = 0; i < 12; ++i) {
    const auto groups = static_cast<std::int64_t>(1 + random.below(8));
    // So many that the next vectors are there before they end.
    const auto tiles = static_cast<std::int64_t>((8 + random.below(8)) * TypeParam::kSlots);
    products.push_back(random_product(random, tiles * TypeParam::kRows,
                                      (groups + kLeastGroups<TypeParam> - 1) * kGroup,
                                      TypeParam::kSlots));
  }
  Bench<TypeParam> bench(std::move(products), {0, 0}, 1);
  bench.run();
  EXPECT_EQ(bench.beat_cycles(), bench.beats());
  EXPECT_EQ(bench.latency(), TypeParam::kLatency);
}

// Products as short as can be, with vectors that are there already.
TYPED_TEST(MmuRtl, TakesABeatEachCycleOfShortProducts) {
  RandomNumbers random(4);
  std::vector<Product> products;
  for (int i = 0; i < 100; ++i) {
    const std::int64_t tiles = i == 0 ? 40 : i % 10 == 0 ? 3 : 1;
    products.push_back(random_product(random, tiles * TypeParam::kRows,
                                      kLeastGroups<TypeParam> * kGroup, TypeParam::kSlots));
    if (i == 0) continue;
    products.back().x = products.front().x;
    products.back().reuses_vectors = true;
  }
  Bench<TypeParam> bench(std::move(products), {0, 0}, 1);
  bench.run();
  EXPECT_EQ(bench.beat_cycles(), bench.beats());
}

// Nobody takes sums: weights are taken until there is no more room, and nothing is lost.
TYPED_TEST(MmuRtl, StallsWhenFull) {
  RandomNumbers random(5);
  std::vector<Product> products;
  products.push_back(random_product(random, 50 * TypeParam::kRows, kGroup, TypeParam::kSlots));
  Bench<TypeParam> bench(std::move(products), {0, 100}, 1);
  bench.run_cycles(50 * TypeParam::kBeats + 200);
  EXPECT_EQ(bench.beats(), TypeParam::kDepth * TypeParam::kBeats);
  bench.set_stalls({0, 0});
  bench.run();
  EXPECT_EQ(bench.beats(), 50 * TypeParam::kBeats);
}

TYPED_TEST(MmuRtl, WorksAfterReset) {
  RandomNumbers random(6);
  Bench<TypeParam> bench(random_products<TypeParam>(5, random), {20, 20}, 1);
  for (const int cycles : {3, 40, 61, 100, 137, 300}) {
    bench.run_cycles(cycles);
    if (this->HasFatalFailure()) return;
    bench.reset();
  }
  bench.run();
}

}  // namespace
}  // namespace lightmamba::accel
