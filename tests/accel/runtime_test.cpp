#include <array>
#include <atomic>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <thread>
#include <utility>

#include "accel/accelerator_backend.h"
#include "accel/image/lower_to_integers.h"
#include "accel/numerics/golden_model.h"
#include "accel/runtime/compare.h"
#include "support/errors.h"
#include "support/quantized.h"

namespace lightmamba::accel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Model& small_model() {
  static const Model model = quantize(test::load_random_model(), test::accelerator_options()).model;
  return model;
}

std::shared_ptr<const IntegerModel> integer_model() {
  static const auto shared =
      std::make_shared<const IntegerModel>(lower_to_integers(small_model().weights()));
  return shared;
}

TEST(GoldenAccelerator, GivesTheLogitsOfTheBackend) {
  const std::vector<TokenId> tokens = test::random_tokens(20, 37);
  const auto accelerator = make_golden_accelerator(integer_model());
  for (int sequence = 0; sequence < 2; ++sequence) {
    const std::unique_ptr<Sequence> expected = golden_backend(small_model())->open();
    accelerator->reset();
    for (const TokenId token : tokens) {
      const std::span row = expected->decode(token);
      const StepResult step = accelerator->step(token, Output::logits);
      ASSERT_EQ(step.logits.size(), row.size());
      for (std::size_t i = 0; i < row.size(); ++i) {
        ASSERT_EQ(std::ldexp(static_cast<float>(step.logits[i]), -kLogitFractionBits), row[i]);
      }
      const auto best = std::max_element(row.begin(), row.end());
      const auto index = best - row.begin();
      EXPECT_EQ(step.argmax, (Argmax{static_cast<TokenId>(index),
                                     step.logits[static_cast<std::size_t>(index)]}));
    }
  }
}

TEST(GoldenAccelerator, GivesWhatIsWanted) {
  const auto accelerator = make_golden_accelerator(integer_model());
  const StepResult nothing = accelerator->step(1, Output::none);
  EXPECT_FALSE(nothing.argmax);
  EXPECT_TRUE(nothing.logits.empty());
  const StepResult best = accelerator->step(2, Output::argmax);
  EXPECT_TRUE(best.argmax);
  EXPECT_TRUE(best.logits.empty());
  EXPECT_EQ(best.counters, Counters());
  EXPECT_THAT(test::error_of([&] { accelerator->step(37, Output::none); }), HasSubstr("37"));
}

// One sequence of tokens, alone.
std::vector<std::vector<std::int32_t>> logits_of(Accelerator& accelerator, SequenceId sequence,
                                                 std::span<const TokenId> tokens) {
  std::vector<std::vector<std::int32_t>> all;
  for (const TokenId token : tokens) {
    const Slot slot = {sequence, token, Output::logits};
    all.push_back(std::move(accelerator.pass({&slot, 1}).front().logits));
  }
  return all;
}

// Tables of slots in any mix of sequences give what one slot at a time does.
TEST(GoldenAccelerator, NumbersDoNotDependOnTheSlots) {
  constexpr int kSequences = 4;
  constexpr std::size_t kTokens = 40;
  std::mt19937_64 random(31);
  const auto alone = make_golden_accelerator(integer_model(), 1);
  const auto shared = make_golden_accelerator(integer_model(), 8);
  for (int trial = 0; trial < 25; ++trial) {
    alone->reset();
    shared->reset();
    std::vector<std::vector<TokenId>> tokens;
    std::vector<std::vector<std::vector<std::int32_t>>> expected;
    for (int sequence = 0; sequence < kSequences; ++sequence) {
      if (sequence > 0) {
        ASSERT_EQ(alone->open(), sequence);
        ASSERT_EQ(shared->open(), sequence);
      }
      std::vector<TokenId>& ids = tokens.emplace_back(kTokens);
      for (TokenId& id : ids) id = static_cast<TokenId>(random() % 37);
      expected.push_back(logits_of(*alone, sequence, ids));
    }
    std::array<std::size_t, kSequences> done = {};
    for (int pass = 0; pass < 40; ++pass) {
      std::vector<Slot> slots;
      std::vector<std::size_t> indices;
      std::array<std::size_t, kSequences> next = done;
      for (std::size_t count = 1 + random() % 8; slots.size() < count;) {
        const std::size_t sequence = random() % kSequences;
        if (next[sequence] == kTokens) break;
        indices.push_back(next[sequence]);
        slots.push_back({static_cast<SequenceId>(sequence), tokens[sequence][next[sequence]++],
                         random() % 3 == 0 ? Output::none : Output::logits});
      }
      if (slots.empty()) break;
      const std::vector<StepResult> results = shared->pass(slots);
      ASSERT_EQ(results.size(), slots.size());
      for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i].output == Output::none) continue;
        ASSERT_EQ(results[i].logits,
                  expected[static_cast<std::size_t>(slots[i].sequence)][indices[i]]);
      }
      done = next;
    }
  }
}

TEST(GoldenAccelerator, RefusesSlotsThatDoNotExist) {
  const auto accelerator = make_golden_accelerator(integer_model(), 2);
  const SequenceId other = accelerator->open();
  accelerator->step(1, Output::none);
  const GoldenState before = accelerator->state();
  const auto refusal = [&](std::vector<Slot> slots) {
    return test::error_of([&] { accelerator->pass(slots); });
  };
  const Slot good = {.token = 2};
  EXPECT_THAT(refusal({}), HasSubstr("a pass has 1 to 2 slots, not 0"));
  EXPECT_THAT(refusal({good, good, good}), HasSubstr("1 to 2 slots, not 3"));
  EXPECT_THAT(refusal({good, {.sequence = 7, .token = 1}}), HasSubstr("there is no sequence 7"));
  EXPECT_THAT(refusal({good, {.sequence = other, .token = 37}}), HasSubstr("37"));
  EXPECT_THAT(test::error_of([&] { accelerator->close(kFirstSequence); }),
              HasSubstr("the first sequence cannot be closed"));
  accelerator->close(other);
  EXPECT_THAT(refusal({{.sequence = other, .token = 1}}), HasSubstr("there is no sequence 1"));
  EXPECT_THAT(test::error_of([&] { accelerator->state(other); }), HasSubstr("no sequence 1"));
  EXPECT_EQ(accelerator->state(), before);
}

TEST(AcceleratorBackend, SequencesDecodeTogetherAsAlone) {
  const auto backend = golden_backend(small_model());
  std::vector<std::unique_ptr<Sequence>> alone;
  std::vector<std::unique_ptr<Sequence>> together;
  std::vector<Sequence*> all;
  std::vector<TokenId> ids;
  for (TokenId i = 0; i < 11; ++i) {  // more than the slots of a pass
    alone.push_back(backend->open());
    if (i > 0) alone.back()->prefill(test::random_tokens(static_cast<std::size_t>(i), 37));
    together.push_back(alone.back()->fork());
    all.push_back(together.back().get());
    ids.push_back((5 * i + 3) % 37);
  }
  for (int step = 0; step < 3; ++step) {
    backend->decode_together(all, ids);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::span expected = alone[i]->decode(ids[i]);
      EXPECT_THAT(all[i]->logits(), testing::ElementsAreArray(expected));
      EXPECT_EQ(all[i]->state(), alone[i]->state());
    }
  }
}

// A prompt in passes of any length gives the same numbers.
TEST(AcceleratorBackend, PrefillsInPasses) {
  const std::vector<TokenId> prompt = test::random_tokens(21, 37);
  std::vector<State> states;
  for (const int slots : {1, 3, 8, 50}) {
    const auto shared = std::make_shared<const AcceleratorBackend>(
        "golden", small_model(), 16, make_golden_accelerator(integer_model(), slots));
    const auto sequence = shared->open();
    sequence->prefill(prompt);
    states.push_back(sequence->state());
    EXPECT_EQ(shared->usage().tokens, 21);
    EXPECT_EQ(states.back(), states.front());
  }
}

// A pass of one sequence runs while the size of another is asked for.
TEST(AcceleratorBackend, ASequenceHasItsSizeWhileOthersRun) {
  const auto backend = golden_backend(small_model());
  const Mamba2Config& c = backend->config();
  const std::int64_t kept = c.d_conv - 1;
  const auto expected =
      static_cast<std::size_t>(c.n_layer * (kept * (c.conv_dim() + c.conv_dim() / c.headdim) +
                                            c.nheads * c.headdim * (2 * c.d_state + 1)));
  const auto a = backend->open();
  const auto b = backend->open();
  std::atomic<bool> done = false;
  std::thread other([&] {
    for (TokenId token = 0; token < 30; ++token) b->decode(token);
    done = true;
  });
  std::int64_t wrong = 0;
  while (!done) {
    a->decode(3);
    for (int i = 0; i < 1000; ++i) wrong += a->bytes() == expected ? 0 : 1;
  }
  other.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(a->fork()->bytes(), expected);
}

// An accelerator with one sequence and one slot, for fakes.
class OneSequence : public Accelerator {
 public:
  SequenceId open() override { return kFirstSequence; }
  SequenceId open_copy(SequenceId sequence) override { return sequence; }
  void close(SequenceId /*sequence*/) override {}
  int max_slots() const override { return 1; }
};

// It does not give back what it was given.
class Forgetful : public OneSequence {
 public:
  explicit Forgetful(const Mamba2Config& config) : config_(config) {}

  void reset() override {}
  GoldenState state(SequenceId /*sequence*/) const override {
    GoldenState state(config_);
    state.ssm_codes.clear();
    return state;
  }
  void restore(const GoldenState& /*state*/, SequenceId /*sequence*/) override {}
  std::vector<StepResult> pass(std::span<const Slot> /*slots*/) override {
    std::vector<StepResult> results(1);
    results[0].logits.resize(static_cast<std::size_t>(config_.vocab_size));
    return results;
  }
  void set_probe(Probe /*probe*/) override {}

 private:
  Mamba2Config config_;
};

TEST(AcceleratorBackend, TheSizeOfASequenceIsNotReadFromItsState) {
  const auto backend = std::make_shared<const AcceleratorBackend>(
      "golden", small_model(), 16, std::make_unique<Forgetful>(small_model().config()));
  const auto a = backend->open();
  const std::size_t bytes = a->bytes();
  a->decode(1);
  backend->open()->decode(1);
  EXPECT_EQ(a->bytes(), bytes);
}

TEST(GoldenAccelerator, TracesEachUnitOfEachLayer) {
  std::map<std::pair<ProbePoint, std::int64_t>, std::vector<std::int64_t>> probed;
  std::vector<ProbePoint> order;
  const auto accelerator = make_golden_accelerator(integer_model());
  accelerator->set_probe(
      [&](ProbePoint unit, std::int64_t layer, std::span<const std::int64_t> values) {
        EXPECT_TRUE(probed.insert({{unit, layer}, {values.begin(), values.end()}}).second);
        order.push_back(unit);
      });
  const StepResult step = accelerator->step(5, Output::logits);
  using enum ProbePoint;
  EXPECT_THAT(order, ElementsAre(residual, blocks, decay, conv, y, gated, rotated, residual, blocks,
                                 decay, conv, y, gated, rotated, residual, logits));
  const Mamba2Config& c = integer_model()->config;
  const auto size = [&](ProbePoint unit, std::int64_t layer) {
    return std::ssize(probed[{unit, layer}]);
  };
  EXPECT_EQ(size(residual, -1), c.d_model);
  for (std::int64_t layer = 0; layer < c.n_layer; ++layer) {
    EXPECT_EQ(size(blocks, layer), 2 * (c.d_inner + c.conv_dim()));
    EXPECT_EQ(size(decay, layer), 4 * c.nheads);
    EXPECT_EQ(size(conv, layer), 2 * c.conv_dim());
    EXPECT_EQ(size(y, layer), c.d_inner);
    EXPECT_EQ(size(gated, layer), c.d_inner);
    EXPECT_EQ(size(rotated, layer), c.d_inner);
    EXPECT_EQ(size(residual, layer), c.d_model);
  }
  const std::vector<std::int64_t>& last = probed[{logits, c.n_layer}];
  EXPECT_EQ(std::vector<std::int64_t>(step.logits.begin(), step.logits.end()), last);
}

// The golden model with a fault.
class Faulty : public OneSequence {
 public:
  using Fault = std::function<void(std::int64_t token, ProbePoint, std::int64_t layer,
                                   std::vector<std::int64_t>& values)>;

  explicit Faulty(Fault fault) : fault_(std::move(fault)) {}

  void reset() override {
    sound_->reset();
    token_ = 0;
  }
  GoldenState state(SequenceId /*sequence*/) const override { return sound_->state(); }
  void restore(const GoldenState& state, SequenceId /*sequence*/) override {
    sound_->restore(state);
  }
  std::vector<StepResult> pass(std::span<const Slot> slots) override {
    std::vector<StepResult> results = sound_->pass(slots);
    if (token_ == stuck_at) throw Error("stuck");
    ++token_;
    results[0].counters.cycles = 10;
    return results;
  }
  void set_probe(Probe probe) override {
    sound_->set_probe([this, probe = std::move(probe)](ProbePoint unit, std::int64_t layer,
                                                       std::span<const std::int64_t> values) {
      std::vector<std::int64_t> changed(values.begin(), values.end());
      fault_(token_, unit, layer, changed);
      if (probe && !changed.empty()) probe(unit, layer, changed);
    });
  }

  std::int64_t stuck_at = -1;

 private:
  std::unique_ptr<Accelerator> sound_ = make_golden_accelerator(integer_model());
  Fault fault_;
  std::int64_t token_ = 0;
};

Comparison compare_with(Faulty&& faulty) {
  const auto golden = make_golden_accelerator(integer_model());
  return compare(*golden, faulty, test::random_tokens(4, 37), 3);
}

TEST(Compare, CountsWhatIsEqual) {
  const Comparison result = compare_with(Faulty([](auto...) {}));
  EXPECT_FALSE(result.difference);
  EXPECT_EQ(result.tokens, 6);
  EXPECT_EQ(result.ids.size(), 3U);
  EXPECT_EQ(result.counters.cycles, 60);
  const Mamba2Config& c = integer_model()->config;
  const std::int64_t layer =
      3 * c.d_inner + 2 * (c.d_inner + 2 * c.conv_dim()) + 4 * c.nheads + c.d_model;
  EXPECT_EQ(result.values, 6 * (c.n_layer * layer + c.d_model + 2 * c.vocab_size + 2));
}

TEST(Compare, NamesTheFirstDifference) {
  const Comparison result = compare_with(
      Faulty([](std::int64_t token, ProbePoint unit, std::int64_t layer, auto& values) {
        if (token != 2 || layer != 1) return;
        if (unit == ProbePoint::conv) values.at(7) += 1;
        if (unit == ProbePoint::gated) values.at(0) += 1;
      }));
  ASSERT_TRUE(result.difference);
  EXPECT_EQ(result.tokens, 3);
  EXPECT_THAT(result.difference->text(),
              HasSubstr("token 2, layer 1, conv, element 3, exponent: "));
  EXPECT_EQ(*result.difference->actual, *result.difference->expected + 1);
}

TEST(Compare, NamesWhatIsMissing) {
  const Comparison result = compare_with(
      Faulty([](std::int64_t token, ProbePoint unit, std::int64_t layer, auto& values) {
        if (token == 1 && layer == 0 && unit == ProbePoint::y) values.pop_back();
      }));
  ASSERT_TRUE(result.difference);
  EXPECT_THAT(result.difference->text(), HasSubstr("y, element 47: nothing instead of "));
}

TEST(Compare, LooksForADifferenceBeforeAnError) {
  Faulty faulty([](std::int64_t token, ProbePoint unit, std::int64_t layer, auto& values) {
    if (token != 1) return;
    if (layer == 1) values.clear();
    if (layer == 0 && unit == ProbePoint::y) {
      values[0] = kNotGiven;
      values[1] += 1;
    }
  });
  faulty.stuck_at = 1;
  const Comparison result = compare_with(std::move(faulty));
  EXPECT_EQ(result.error, "stuck");
  ASSERT_TRUE(result.difference);
  EXPECT_THAT(result.difference->text(), HasSubstr("token 1, layer 0, y, element 1: "));
}

}  // namespace
}  // namespace lightmamba::accel
