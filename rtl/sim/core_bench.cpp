// The whole core against the golden model, unit by unit and over tokens.
#include <array>
#include <cstring>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "accel/image/image.h"
#include "accel/runtime/compare.h"
#include "accel/runtime/rtlsim.h"
#include "base/fail.h"
#include "support/errors.h"
#include "support/random_integer_model.h"

namespace lightmamba::accel {
namespace {

using ::testing::HasSubstr;

struct Core {
  explicit Core(const test::RandomIntegerModelOptions& shape = {},
                RowOrder order = RowOrder::hardware)
      : Core(shape, hardware_preset("tiny"), order) {}
  Core(const test::RandomIntegerModelOptions& shape, const Hardware& hardware,
       RowOrder order = RowOrder::hardware)
      : integer_model(std::make_shared<const IntegerModel>(test::random_integer_model(shape))),
        image(make_image(*integer_model, hardware, order)),
        golden(make_golden_accelerator(integer_model)) {}

  Comparison compare_with(const RtlsimOptions& options, std::int64_t tokens) const {
    const auto simulation = make_rtlsim(image, options);
    std::vector<TokenId> prompt;
    for (const std::int64_t id : {7, 36, 0}) {
      prompt.push_back(static_cast<TokenId>(id % integer_model->config.vocab_size));
    }
    return compare(*golden, *simulation, prompt, tokens);
  }

  std::shared_ptr<const IntegerModel> integer_model;
  Image image;
  std::unique_ptr<Accelerator> golden;
};

void expect_equal(const Comparison& result, std::int64_t tokens) {
  EXPECT_EQ(result.error, "");
  EXPECT_FALSE(result.difference) << result.difference->text();
  EXPECT_EQ(result.tokens, tokens);
}

// A copy of a region in which something may be changed.
Region changed(const Region& region, const std::function<void(std::span<std::byte>)>& change) {
  auto bytes = std::make_shared<std::vector<std::byte>>(region.bytes.begin(), region.bytes.end());
  change(*bytes);
  return {*bytes, bytes};
}

// A simulation whose parameters are changed when the driver has already checked them.
std::unique_ptr<Accelerator> make_damaged_rtlsim(
    Core& core, const std::function<void(std::span<std::byte>)>& change) {
  const std::span<const std::byte> whole = core.image.parameters.bytes;
  auto bytes = std::make_shared<std::vector<std::byte>>(whole.begin(), whole.end());
  core.image.parameters = {*bytes, bytes};
  auto simulation = make_rtlsim(core.image, {.max_idle_cycles = 5000});
  change(*bytes);
  return simulation;
}

void leave_out_ten_words(std::span<std::byte> parameters) {
  std::uint32_t words = 0;  // words of a weight channel
  std::memcpy(&words, parameters.data() + 16 + 4, sizeof words);
  words -= 10;
  std::memcpy(parameters.data() + 16 + 4, &words, sizeof words);
}

TEST(CoreRtl, EqualsGoldenInEachUnit) {
  expect_equal(Core().compare_with({}, 4), 6);
  expect_equal(Core({.n_layer = 1, .d_model = 256, .nheads = 2, .vocab_size = 129, .seed = 2})
                   .compare_with({}, 2),
               4);
  expect_equal(Core({.n_layer = 3, .d_model = 128, .nheads = 10, .vocab_size = 2, .seed = 3})
                   .compare_with({}, 0),
               3);
}

TEST(CoreRtl, EqualsGoldenWithAStateOf8Bits) {
  for (const int stalls : {0, 50}) {
    const Core core({.n_layer = 3, .nheads = 6, .state_bits = 8, .seed = 16});
    expect_equal(core.compare_with({.stall_percent = stalls}, 4), 6);
  }
  expect_equal(Core({.state_bits = 8, .seed = 17}, RowOrder::checkpoint).compare_with({}, 2), 4);
}

// A size with all that those for boards have: several channels, SSM units, a stream for z.
TEST(CoreRtl, EqualsGoldenWithSeveralUnits) {
  for (const int state_bits : {16, 8}) {
    const Core core({.n_layer = 3, .nheads = 6, .vocab_size = 131, .state_bits = state_bits},
                    hardware_preset("tiny_wide"));
    for (const int stalls : {0, 20, 70}) {
      expect_equal(core.compare_with({.stall_percent = stalls}, 3), 5);
    }
    expect_equal(core.compare_with({.bytes_per_cycle = 5, .latency = 300}, 1), 3);
  }
}

TEST(CoreRtl, EqualsGoldenInTheCheckpointsOrder) {
  expect_equal(Core({.seed = 4}, RowOrder::checkpoint).compare_with({}, 3), 5);
}

TEST(CoreRtl, EqualsGoldenWithASlowMemory) {
  const Core core({.seed = 5});
  for (const int stalls : {20, 70}) {
    for (const int latency : {1, 200}) {
      expect_equal(core.compare_with({.latency = latency, .stall_percent = stalls}, 1), 3);
    }
  }
  expect_equal(core.compare_with({.bytes_per_cycle = 3, .latency = 500}, 1), 3);
}

TEST(CoreRtl, AnswersWhatIsWantedAndStartsAnew) {
  const Core core({.seed = 6});
  const auto simulation = make_rtlsim(core.image, {});
  for (int sequence = 0; sequence < 2; ++sequence) {
    core.golden->reset();
    simulation->reset();
    for (const Output output :
         {Output::none, Output::argmax, Output::none, Output::logits, Output::argmax}) {
      const StepResult expected = core.golden->step(3, output);
      const StepResult actual = simulation->step(3, output);
      EXPECT_EQ(actual.argmax, expected.argmax);
      EXPECT_EQ(actual.logits, expected.logits);
    }
  }
}

TEST(CoreRtl, ContinuesEachOfSeveralSequences) {
  const Core core({.seed = 18});
  const auto simulation = make_rtlsim(core.image, {.stall_percent = 20});
  const auto both = [&](const auto& call) {
    return std::array{call(*simulation), call(*core.golden)};
  };
  const auto opened = both([](Accelerator& each) { return each.open(); });
  EXPECT_EQ(opened[0], opened[1]);
  for (const SequenceId sequence : {0, 1, 1, 0, 1, 0}) {
    const Slot slot = {sequence, 4 + sequence, Output::logits};
    const auto results = both([&](Accelerator& each) { return each.pass({&slot, 1}).front(); });
    EXPECT_EQ(results[0].logits, results[1].logits);
  }
  const auto copies = both([](Accelerator& each) { return each.open_copy(1); });
  EXPECT_EQ(copies[0], copies[1]);
  EXPECT_EQ(simulation->state(copies[0]), core.golden->state(1));
}

// The token ends where one of its values comes; the next sequence has nothing of it.
void expect_work_after_resets(const Hardware& hardware) {
  const Core core({.seed = 13}, hardware);
  const auto simulation = make_rtlsim(core.image, {.stall_percent = 20});
  std::vector<ProbePoint> ends;
  for (std::int64_t end = 0; end < 12; ++end) {
    std::int64_t left = end;
    simulation->set_probe([&](ProbePoint unit, std::int64_t, std::span<const std::int64_t>) {
      if (left-- != 0) return;
      ends.push_back(unit);
      fail("the end");
    });
    simulation->reset();
    EXPECT_THAT(test::error_of([&] { simulation->step(2, Output::logits); }), HasSubstr("the end"));
    simulation->set_probe({});
    simulation->reset();
    core.golden->reset();
    EXPECT_EQ(simulation->step(5, Output::logits).logits,
              core.golden->step(5, Output::logits).logits);
  }
  EXPECT_THAT(ends, testing::IsSupersetOf({ProbePoint::residual, ProbePoint::blocks,
                                           ProbePoint::conv, ProbePoint::y, ProbePoint::rotated}));
}

TEST(CoreRtl, WorksAfterAResetAmidAToken) {
  for (const char* preset : {"tiny", "tiny_wide"}) {
    expect_work_after_resets(hardware_preset(preset));
  }
}

TEST(CoreRtl, MovesWhatTheImageHolds) {
  const Core core({.seed = 7});
  const ImageLayout layout = core.image.layout();
  const auto simulation = make_rtlsim(core.image, {});
  const std::int64_t word = core.image.hardware.weight_word_bytes();
  const std::int64_t parameters =
      layout.parameter_bytes + layout.embedding_row_records * kRecordBytes;
  Traffic expected = {.weights = layout.weight_words_without_head * word,
                      .ssm_state = 2 * layout.ssm_state_bytes,
                      .parameters = parameters,
                      .conv_state = 2 * layout.conv_state_bytes};
  EXPECT_EQ(simulation->step(1, Output::none).traffic, expected);
  expected.weights = layout.weight_words * word;
  EXPECT_EQ(simulation->step(1, Output::argmax).traffic, expected);
  expected.conv_state += layout.logit_bytes;
  EXPECT_EQ(simulation->step(1, Output::logits).traffic, expected);
}

TEST(CoreRtl, CountsEachCycleOnce) {
  const Core core({.seed = 8});
  const Counters c = make_rtlsim(core.image, {})->step(1, Output::argmax).counters;
  EXPECT_GT(c.mmu_busy, 0);
  EXPECT_EQ(c.mmu_busy + c.mmu_waits_for_weights + c.mmu_has_no_product + c.mmu_waits_for_output,
            c.cycles);
  EXPECT_LE(c.ssm_busy + c.ssm_waits_for_state + c.ssm_waits_for_input, c.cycles);
  // A beat for each word of weights, and one of the state for each LANES of its numbers.
  const ImageLayout layout = core.image.layout();
  EXPECT_EQ(c.mmu_busy, layout.groups * core.image.hardware.words_of_group());
  const Mamba2Config& config = core.integer_model->config;
  EXPECT_EQ(c.ssm_busy,
            config.n_layer * config.d_inner * config.d_state / core.image.hardware.ssm_lanes);
}

// What the parts of a token add up to is what the core itself counts.
TEST(CoreRtl, ShowsTheCyclesOfItsUnits) {
  for (const RowOrder order : {RowOrder::hardware, RowOrder::checkpoint}) {
    const Core core({.n_layer = 3, .seed = 15}, order);
    const auto simulation = make_rtlsim(core.image, {.latency = 20, .stall_percent = 10});
    for (const Output output : {Output::none, Output::argmax}) {
      ActivityRecorder recorder(1);
      simulation->set_activity_probe([&](const CycleActivity& cycle) { recorder.add(cycle); });
      const Counters c = simulation->step(1, output).counters;
      std::int64_t mmu_busy = 0;
      std::int64_t ssm_busy = 0;
      for (const TokenPart& part : recorder.parts()) {
        mmu_busy += part.busy_cycles(Unit::mmu);
        ssm_busy += part.busy_cycles(Unit::ssm);
      }
      EXPECT_EQ(mmu_busy, c.mmu_busy);
      EXPECT_EQ(ssm_busy, c.ssm_busy);
      EXPECT_EQ(recorder.parts().back().cycles.end, c.cycles);
      EXPECT_EQ(recorder.parts().size(), output == Output::none ? 4 : 5);
      // A value a cycle leaves the conv and the gate.
      const Mamba2Config& config = core.integer_model->config;
      const LayerTimeline timeline = recorder.timeline();
      EXPECT_EQ(timeline.part.busy_cycles(Unit::conv), config.conv_dim());
      EXPECT_EQ(timeline.part.busy_cycles(Unit::gate), config.d_inner);
      EXPECT_GE(timeline.part.busy_cycles(Unit::loader), config.d_inner + config.d_model);
      EXPECT_GE(timeline.part.busy_cycles(Unit::htu), config.d_inner);
    }
  }
}

TEST(CoreRtl, ComparisonFindsAWeightThatDiffers) {
  Core core({.seed = 9});
  core.image.weights[0] = changed(core.image.weights[0], [](std::span<std::byte> bytes) {
    bytes[bytes.size() / 2] ^= std::byte{0x11};
  });
  const Comparison result = core.compare_with({}, 2);
  EXPECT_EQ(result.error, "");
  EXPECT_TRUE(result.difference);
}

TEST(CoreRtl, ReportsThatThereIsNoImage) {
  Core core({.seed = 10});
  const auto simulation =
      make_damaged_rtlsim(core, [](std::span<std::byte> bytes) { bytes[0] = std::byte{0}; });
  EXPECT_THAT(test::error_of([&] { simulation->step(1, Output::argmax); }),
              HasSubstr("the core reports no image"));
}

// More words of weights than there are: what the core reads beyond its memory is an error.
TEST(CoreRtl, ReportsAnErrorOfTheBus) {
  Core core({.seed = 11});
  const auto simulation = make_damaged_rtlsim(core, [](std::span<std::byte> bytes) {
    bytes[16 + 6] = std::byte{1};  // 2^16 words more
  });
  EXPECT_THAT(test::error_of([&] { simulation->step(1, Output::argmax); }),
              HasSubstr("AXI, in cycle "));
}

TEST(CoreRtl, SaysWhereItIsStuck) {
  Core core({.seed = 12});
  const auto simulation = make_damaged_rtlsim(core, leave_out_ten_words);
  const std::string error = test::error_of([&] { simulation->step(1, Output::argmax); });
  EXPECT_THAT(error, HasSubstr("no word has moved for 5000 cycles"));
  EXPECT_THAT(error, HasSubstr("; weights: "));
}

TEST(CoreRtl, RefusesAnImageOnWhichItWouldBeStuck) {
  Core core({.seed = 12});
  core.image.parameters = changed(core.image.parameters, leave_out_ten_words);
  EXPECT_THAT(test::error_of([&] { make_rtlsim(core.image, {}); }),
              HasSubstr("region 'parameters': the number of words is"));
}

// The end of a token is seen another way, and nothing else is different.
TEST(CoreRtl, AnswersByAnInterruptTheSame) {
  const Core core({.seed = 14});
  const auto polled = make_rtlsim(core.image, {});
  const auto interrupted = make_rtlsim(core.image, {.use_interrupt = true});
  for (int token = 0; token < 3; ++token) {
    const StepResult expected = polled->step(token, Output::logits);
    const StepResult actual = interrupted->step(token, Output::logits);
    EXPECT_EQ(actual.argmax, expected.argmax);
    EXPECT_EQ(actual.logits, expected.logits);
    EXPECT_EQ(actual.counters, expected.counters);
    EXPECT_EQ(actual.traffic, expected.traffic);
  }
  EXPECT_EQ(interrupted->state(), polled->state());
}

}  // namespace
}  // namespace lightmamba::accel
