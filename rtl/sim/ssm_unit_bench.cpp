#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <gtest/gtest.h>
#include <vector>

#include "Vssm_unit_2.h"
#include "Vssm_unit_4.h"
#include "Vssm_unit_64.h"
#include "accel/numerics/fixed_point.h"
#include "accel/numerics/ssm_unit.h"
#include "ports.h"
#include "streams.h"
#ifdef LIGHTMAMBA_NETLISTS
#include "Vssm_unit_netlist.h"
#endif

namespace lightmamba::accel {
namespace {

constexpr std::size_t kDState = 128;
constexpr std::size_t kBlock = 64;
constexpr std::size_t kBlocks = kDState / kBlock;
constexpr std::uint32_t kDitherIndex = 37345;  // docs/numerics.md; a copy on purpose

struct Row {
  std::array<std::int16_t, kDState> codes = {};
  std::int8_t exponent = kZeroExponent;
};

struct Vector {  // B or C
  std::array<std::int8_t, kDState> codes;
  std::array<std::int8_t, kBlocks> exponents;

  Blocks blocks() const { return {codes, exponents}; }
};

struct Head {
  Decay decay;
  std::int64_t D;
  int D_exponent;
  int x_exponent;
  std::vector<std::int8_t> x;  // x of its rows
  std::uint32_t dither;
  std::vector<Row> before, after;
  std::vector<std::int64_t> y;
};

// Heads that share B and C.
struct Token {
  Vector B, C;
  std::vector<Head> heads;
};

using HeadState = std::vector<Row>;

// Exponents of usual values, or all that a port takes.
enum class Range { kUsual, kAll };

class Work {
 public:
  Work(std::uint64_t seed, Range range, int state_bits = 16)
      : random_(seed), range_(range), state_bits_(state_bits) {}

  // So many tokens, one after the other on the same state, that is random or zero at first and
  // again at times.
  std::vector<Token> tokens(std::size_t count, const std::vector<std::size_t>& rows_of_heads) {
    std::vector<HeadState> state;
    for (const std::size_t rows : rows_of_heads) state.push_back(random_state(rows));
    std::vector<Token> result(count);
    for (Token& token : result) {
      token.B = random_vector();
      token.C = random_vector();
      for (HeadState& rows : state) {
        if (random_.chance(15)) rows = random_state(rows.size());
        token.heads.push_back(step(token, rows));
      }
    }
    return result;
  }

 private:
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low +
           static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }

  int exponent(int low, int high) {
    return static_cast<int>(range_ == Range::kUsual ? between(low, high) : random_.number(8));
  }

  // One code may be the only large one: the scale depends on what is added to it.
  void fill(Row& row) {
    const bool has_peak = random_.chance(30);
    const std::int64_t max = (1 << (state_bits_ - 1)) - 1;
    const std::int64_t min = random_.chance(80) ? -max : -max - 1;
    for (std::int16_t& code : row.codes) {
      code = static_cast<std::int16_t>(
          std::max(random_.number(state_bits_ - (has_peak ? 4 : 0)), min));
    }
    if (has_peak) {
      row.codes[random_.below(kDState)] =
          static_cast<std::int16_t>(random_.chance(50) ? max : -max);
    }
  }

  HeadState random_state(std::size_t rows) {
    HeadState state(rows);
    if (random_.chance(30)) return state;
    for (Row& row : state) {
      if (random_.chance(10)) continue;
      fill(row);
      row.exponent = static_cast<std::int8_t>(std::max(exponent(-26, -8), kZeroExponent + 1));
    }
    return state;
  }

  Vector random_vector() {
    Vector vector = {};
    for (std::size_t block = 0; block < kBlocks; ++block) {
      vector.exponents[block] = kZeroExponent;
      if (random_.chance(15)) continue;
      const bool is_extreme = random_.chance(10);
      for (std::size_t i = 0; i < kBlock; ++i) {
        vector.codes[block * kBlock + i] =
            static_cast<std::int8_t>(is_extreme ? -128 : random_.number(8));
      }
      vector.exponents[block] =
          static_cast<std::int8_t>(std::max(exponent(-12, 0), kZeroExponent + 1));
    }
    return vector;
  }

  Decay random_decay() {
    Decay decay = {.dt = {between(128, 255), exponent(-32, -6)},
                   .complement = {between(128, 255), static_cast<int>(between(-32, -8))}};
    if (random_.chance(10)) decay.dt = {0, kZeroExponent};
    if (random_.chance(15)) decay.complement = {128, -7};
    if (random_.chance(25)) decay.complement = {0, kZeroExponent};
    if (range_ == Range::kAll && random_.chance(10)) {
      decay.complement = {255, static_cast<int>(between(kZeroExponent, -8))};
    }
    return decay;
  }

  Head step(const Token& token, HeadState& state) {
    Head head = {.decay = random_decay(),
                 .D = random_.number(16),
                 .D_exponent = exponent(-24, 2),
                 .x_exponent = exponent(-14, 0),
                 .x = std::vector<std::int8_t>(state.size()),
                 .dither = static_cast<std::uint32_t>(random_.below(1U << 16)),
                 .before = state,
                 .after = {},
                 .y = {}};
    for (std::int8_t& x : head.x) x = static_cast<std::int8_t>(random_.number(8));
    if (random_.chance(10)) {
      std::fill(head.x.begin(), head.x.end(), std::int8_t{0});
      head.x_exponent = kZeroExponent;
    }
    HeadInput in = {.decay = head.decay,
                    .B = token.B.blocks(),
                    .C = token.C.blocks(),
                    .D = head.D,
                    .D_exponent = head.D_exponent,
                    .x = 0,
                    .x_exponent = head.x_exponent};
    for (std::size_t p = 0; p < state.size(); ++p) {
      in.x = head.x[p];
      head.y.push_back(step_channel(
          in, state_bits_, head.dither + static_cast<std::uint32_t>(p * kDState) * kDitherIndex,
          {state[p].codes, state[p].exponent}));
    }
    head.after = state;
    return head;
  }

  RandomNumbers random_;
  Range range_;
  int state_bits_;
};

template <typename Unit, std::size_t kLanes>
class Driver {
 public:
  static constexpr std::size_t kBeats = kDState / kLanes;

  explicit Driver(int state_bits = 16) : random_(7) {
    unit_.is_short_i = state_bits == 8;
    reset();
  }

  void reset() {
    unit_.head_valid_i = 0;
    unit_.row_valid_i = 0;
    unit_.state_valid_i = 0;
    unit_.b_write_i = 0;
    unit_.c_write_i = 0;
    accel::reset(unit_);
  }

  // Until all has left, or for `cycles`.
  void run(const std::vector<Token>& tokens, Stalls stalls, int cycles = 10'000'000) {
    const StreamWork work = work_of(tokens);
    StreamRun run(work, stalls, random_);
    run.cycles(cycles);
    entered_ = run.in(kStates);
    left_ = run.out(0);
    now_ = run.now();
  }

  Transfers entered() const { return entered_; }
  Transfers left() const { return left_; }
  std::int64_t cycles() const { return now_; }

 private:
  enum StreamsIn { kHeads, kRows, kStates };

  struct HeadOffer {
    const Head* head;
    std::size_t token;
  };
  struct Write {
    const Token* token;
    std::size_t index;
    std::size_t beat;
  };
  struct RowBeat {
    const Row* row;
    std::size_t beat;
  };

  StreamWork work_of(const std::vector<Token>& tokens) {
    heads_.clear();
    writes_.clear();
    xs_.clear();
    in_beats_.clear();
    ys_until_.clear();
    std::vector<Beat> out_beats, ys;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      for (std::size_t beat = 0; beat < kBeats; ++beat) writes_.push_back({&tokens[t], t, beat});
      for (const Head& head : tokens[t].heads) {
        heads_.push_back({&head, t});
        xs_.insert(xs_.end(), head.x.begin(), head.x.end());
        for (const std::int64_t y : head.y) ys.push_back({y});
        for (const Row& row : head.before) {
          for (std::size_t beat = 0; beat < kBeats; ++beat) in_beats_.push_back({&row, beat});
        }
        for (const Row& row : head.after) {
          for (auto code = row.codes.begin(); code != row.codes.end(); code += kLanes) {
            out_beats.emplace_back(code, code + kLanes);
            out_beats.back().push_back(row.exponent);
          }
        }
      }
      ys_until_.push_back(ys.size());
    }
    const auto read_state = [this] {
      Beat beat = lanes_of(unit_.state_codes_o, kLanes, 16);
      beat.push_back(sign_extend(unit_.state_exponent_o, 8));
      return beat;
    };
    const auto read_y = [this] { return Beat{sign_extend(unit_.y_o, 32)}; };
    // B and C of a head's token must be there.
    const auto may_offer_head = [this](const StreamRun& run) {
      return writes_.empty() || writes_.front().index > heads_[run.in(kHeads).beats].token;
    };
    return {.clock = clock_of(unit_),
            .in = {{unit_.head_valid_i, unit_.head_ready_o, heads_.size(),
                    [this](std::size_t i) { send_head(heads_[i]); }, may_offer_head},
                   {unit_.row_valid_i, unit_.row_ready_o, xs_.size(),
                    [this](std::size_t i) { set_lane(unit_.row_x_i, 0, 8, xs_[i]); }},
                   {unit_.state_valid_i, unit_.state_ready_o, in_beats_.size(),
                    [this](std::size_t i) { send_state(in_beats_[i]); }}},
            .out = {{unit_.state_valid_o, unit_.state_ready_i, read_state, out_beats},
                    {unit_.y_valid_o, unit_.y_ready_i, read_y, ys}},
            .drive = [this](const StreamRun& run) { write(run.out(1).beats); }};
  }

  // A beat of B and of C, where the bank's last token has left.
  void write(std::size_t ys_taken) {
    unit_.b_write_i = unit_.c_write_i = 0;
    if (writes_.empty()) return;
    const Write next = writes_.front();
    if (next.index >= 2 && ys_taken < ys_until_[next.index - 2]) return;
    unit_.b_write_i = unit_.c_write_i = 1;
    unit_.b_bank_i = unit_.c_bank_i = next.index % 2 != 0;
    unit_.b_beat_i = static_cast<std::uint8_t>(next.beat);
    unit_.c_beat_i = static_cast<std::uint8_t>(next.beat);
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      set_lane(unit_.b_codes_i, lane, 8, next.token->B.codes[next.beat * kLanes + lane]);
      set_lane(unit_.c_codes_i, lane, 8, next.token->C.codes[next.beat * kLanes + lane]);
    }
    const std::size_t block = next.beat * kLanes / kBlock;
    set_lane(unit_.b_exponent_i, 0, 8, next.token->B.exponents[block]);
    set_lane(unit_.c_exponent_i, 0, 8, next.token->C.exponents[block]);
    writes_.pop_front();
  }

  void send_head(const HeadOffer& offer) {
    const Head* head = offer.head;
    unit_.head_bank_i = offer.token % 2 != 0;
    unit_.head_rows_i = static_cast<std::uint8_t>(head->x.size());
    set_field(unit_.head_i, 0, 8, head->decay.dt.mantissa);
    set_field(unit_.head_i, 8, 8, head->decay.dt.exponent);
    set_field(unit_.head_i, 16, 8, head->decay.complement.mantissa);
    set_field(unit_.head_i, 24, 8, head->decay.complement.exponent);
    set_field(unit_.head_i, 32, 8, head->x_exponent);
    set_field(unit_.head_i, 40, 16, head->D);
    set_field(unit_.head_i, 56, 8, head->D_exponent);
    set_field(unit_.head_i, 64, 16, static_cast<std::int64_t>(head->dither));
  }

  // The exponent only counts with the first beat.
  void send_state(const RowBeat& next) {
    const auto [row, beat] = next;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      set_lane(unit_.state_codes_i, lane, 16, row->codes[beat * kLanes + lane]);
    }
    set_lane(unit_.state_exponent_i, 0, 8, beat == 0 ? row->exponent : random_.number(8));
  }

  Unit unit_;
  RandomNumbers random_;
  std::vector<HeadOffer> heads_;
  std::deque<Write> writes_;
  std::vector<std::int64_t> xs_;
  std::vector<RowBeat> in_beats_;
  std::vector<std::size_t> ys_until_;  // the end of each token
  Transfers entered_, left_;
  std::int64_t now_ = 0;
};

// The cases that a bench must meet to be of value.
struct Corners {
  int zero_rows = 0;
  int rows_that_end = 0;   // are zero, and were not
  int rows_that_fill = 0;  // have the largest code
  int rows_below = 0;      // have a largest value of 32767 and a fraction, and so half the scale
  int state_bits = 16;
  int saturated = 0;
  int inside = 0;

  void add(const Head& head) {
    for (std::size_t p = 0; p < head.after.size(); ++p) {
      const Row& row = head.after[p];
      const auto [min, max] = std::minmax_element(row.codes.begin(), row.codes.end());
      zero_rows += row.exponent == kZeroExponent;
      rows_that_end += row.exponent == kZeroExponent && head.before[p].exponent != kZeroExponent;
      rows_that_fill += *max == (1 << (state_bits - 1)) - 1;
      rows_below += *max >= 16383 && *max <= 16384 && *min > -16383;
    }
    for (const std::int64_t y : head.y) {
      const bool is_end = y == saturate(INT64_MAX, 32) || y == saturate(INT64_MIN, 32);
      saturated += is_end;
      inside += !is_end && std::abs(y) > 1000;
    }
  }
};

void expect_corners(int state_bits) {
  for (const Range range : {Range::kUsual, Range::kAll}) {
    Corners corners = {.state_bits = state_bits};
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      for (const Token& token : Work(seed, range, state_bits).tokens(6, {1, 5, 3})) {
        for (const Head& head : token.heads) corners.add(head);
      }
    }
    EXPECT_GT(corners.zero_rows, 20);
    if (range == Range::kAll) {
      EXPECT_GT(corners.rows_that_end, 10);
    }
    EXPECT_GT(corners.rows_that_fill, 20);
    if (state_bits == 16) {
      EXPECT_GT(corners.rows_below, 3);
    }
    EXPECT_GT(corners.saturated, 20);
    EXPECT_GT(corners.inside, 20);
  }
}

TEST(SsmUnitWork, HasCorners) {
  expect_corners(16);
  expect_corners(8);
}

// A netlist is slow: it works on fewer tokens.
template <typename Unit, std::size_t kLanes, std::size_t kMaxTokens = 32>
struct Parameters {
  using UnitDriver = Driver<Unit, kLanes>;
  static constexpr std::size_t kTokens = kMaxTokens;
};

template <typename P>
class SsmUnitRtl : public testing::Test {};

using Units = testing::Types<Parameters<Vssm_unit_2, 2>, Parameters<Vssm_unit_4, 4>,
                             Parameters<Vssm_unit_64, 64>
#ifdef LIGHTMAMBA_NETLISTS
                             ,
                             Parameters<Vssm_unit_netlist, 2, 8>
#endif
                             >;
TYPED_TEST_SUITE(SsmUnitRtl, Units);

TYPED_TEST(SsmUnitRtl, EqualsGoldenOverTokensWhereNeighboursStall) {
  std::uint64_t seed = 0;
  for (const int state_bits : {16, 8}) {
    typename TypeParam::UnitDriver driver(state_bits);
    for (const Range range : {Range::kUsual, Range::kAll}) {
      for (const int in : {0, 20, 70}) {
        for (const int out : {0, 20, 70}) {
          Work work(++seed, range, state_bits);
          driver.run(work.tokens(TypeParam::kTokens / 2, {1, 5, 3, 2, 1}), {in, out});
        }
      }
    }
  }
}

TYPED_TEST(SsmUnitRtl, TakesABeatEachCycle) {
  typename TypeParam::UnitDriver driver;
  driver.run(Work(100, Range::kUsual).tokens(2, {64, 1, 1, 2, 1, 64}), {0, 0});
  const int beats = static_cast<int>(2 * 133 * driver.kBeats);
  EXPECT_EQ(driver.entered().cycles(), beats);
  EXPECT_EQ(driver.left().cycles(), beats);
  EXPECT_LE(driver.cycles(), beats + static_cast<int>(2 * driver.kBeats) + 40);
}

TYPED_TEST(SsmUnitRtl, WorksAfterResetAmidWork) {
  typename TypeParam::UnitDriver driver;
  for (const int cycles : {20, 60, 150, 300}) {
    const auto seed = static_cast<std::uint64_t>(cycles);
    const std::vector<Token> tokens = Work(seed, Range::kUsual).tokens(4, {3, 5, 7});
    driver.run(tokens, {20, 20}, cycles);
    driver.reset();
    driver.run(tokens, {20, 20});
  }
}

}  // namespace
}  // namespace lightmamba::accel
