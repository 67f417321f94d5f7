#include <atomic>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
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

// The token of one sequence moves the state of another out of the accelerator.
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

// It does not give back what it was given.
class Forgetful : public Accelerator {
 public:
  explicit Forgetful(const Mamba2Config& config) : config_(config) {}

  void reset() override {}
  GoldenState state() const override {
    GoldenState state(config_);
    state.ssm_codes.clear();
    return state;
  }
  void restore(const GoldenState& /*state*/) override {}
  StepResult step(TokenId /*token*/, Output /*output*/) override {
    StepResult step;
    step.logits.resize(static_cast<std::size_t>(config_.vocab_size));
    return step;
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
class Faulty : public Accelerator {
 public:
  using Fault = std::function<void(std::int64_t token, ProbePoint, std::int64_t layer,
                                   std::vector<std::int64_t>& values)>;

  explicit Faulty(Fault fault) : fault_(std::move(fault)) {}

  void reset() override {
    sound_->reset();
    token_ = 0;
  }
  GoldenState state() const override { return sound_->state(); }
  void restore(const GoldenState& state) override { sound_->restore(state); }
  StepResult step(TokenId token, Output output) override {
    StepResult step = sound_->step(token, output);
    if (token_ == stuck_at) throw Error("stuck");
    ++token_;
    step.counters.cycles = 10;
    return step;
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
