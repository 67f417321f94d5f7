#include "engine/engine.h"

#include <array>
#include <cmath>

#include <lightmamba/engine.h>
#include <lightmamba/generate.h>

#include "base/affinity.h"
#include "base/threads.h"
#include "kernels/isa.h"
#include "support/allocations.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

Model quantized(const QuantizeOptions& options, const test::RandomModelOptions& shape = {}) {
  QuantizeOptions all = options;
  all.group = 16;
  if (all.calibration.empty()) all.calibration = test::random_tokens(100, 37);
  return quantize(test::load_random_model(shape), all).model;
}

const std::vector<TokenId>& tokens() {
  static const std::vector<TokenId> ids = test::random_tokens(70, 37);
  return ids;
}

struct Case {
  const char* name;
  QuantizeOptions options;
  double bound;
};

// The reference rounds the same numbers, found in other orders of summation: now and then a value
// falls on the other side of a boundary. And its prefill rounds the state after every token, of
// which int8 makes the most.
const std::vector<Case> kCases = {
    {"w8a8", {.scheme = {8, 8}}, 0.01},
    {"w4a8", {.scheme = {4, 8}}, 0.01},
    {"w4a4", {.scheme = {4, 4}}, 0.1},
    {"w4a4 clipped", {.scheme = {4, 4}, .clip = true}, 0.1},
    {"w8a8 pot8", {.scheme = {8, 8}, .ssm = SsmFormat::pot8}, 0.02},
    {"w8a8 rtn, 4-bit head", {.method = Method::rtn, .scheme = {8, 8}, .head_bits = 4}, 0.01},
    {"w8a8 os+", {.method = Method::os_plus, .scheme = {8, 8}}, 0.03},
    {"w8a8 int8 state", {.scheme = {8, 8}, .state = StateFormat::int8}, 0.1}};

TEST(Engine, GivesTheLogitsOfTheReference) {
  for (const Case& each : kCases) {
    for (const bool groups : {false, true}) {
      SCOPED_TRACE(each.name);
      test::RandomModelOptions shape;
      if (groups) shape.ngroups = 2;
      const Model reference = quantized(each.options, shape);
      const Model fast = with_engine(reference);
      const std::vector<float> expected = test::decode_logits(reference, tokens());
      EXPECT_LT(test::relative_distance(test::decode_logits(fast, tokens()), expected), each.bound);
      EXPECT_LT(test::relative_distance(test::prefill_logits(fast, tokens()),
                                        test::prefill_logits(reference, tokens())),
                each.bound);
    }
  }
}

std::vector<float> sequence_logits(const Model& model);

// Also once the file is gone, as it is copied.
TEST(Engine, ALoadedFileGivesTheLogitsOfTheModelThatWasWritten) {
  const test::TemporaryFolder folder;
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.name);
    QuantizeOptions options = each.options;
    options.group = 16;
    options.calibration = test::random_tokens(100, 37);
    quantize_to_file(test::load_random_model(), options, folder / "q");
    const std::vector<float> expected = sequence_logits(with_engine(quantized(each.options)));
    for (const int threads : {1, 2, 3}) {
      set_thread_count(threads);
      std::filesystem::copy_file(folder / "q", folder / "copy",
                                 std::filesystem::copy_options::overwrite_existing);
      const Model model = with_engine(Model::load(folder / "copy"));
      std::filesystem::resize_file(folder / "copy", 0);
      EXPECT_EQ(sequence_logits(model), expected) << threads;
    }
    set_thread_count(0);
  }
}

// d_inner is 66: rotated in two steps.
const test::RandomModelOptions kUnevenShape = {.d_model = 33, .headdim = 6};

TEST(Engine, RotatesAWidthWithoutHadamardMatrix) {
  const Model reference = quantized({.scheme = {8, 8}}, kUnevenShape);
  const std::vector<float> expected = test::decode_logits(reference, tokens());
  const Model fast = with_engine(reference, {.threads = 2});
  EXPECT_LT(test::relative_distance(test::decode_logits(fast, tokens()), expected), 0.01);
  const std::vector<float> found = test::prefill_logits(fast, tokens());
  const Isa best = current_isa();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(test::prefill_logits(with_engine(reference), tokens()), found) << isa_name(isa);
  }
  set_isa(best);
}

std::vector<float> sequence_logits(const Model& model) {
  const auto sequence = model.open();
  std::vector<float> all;
  sequence->prefill_all(std::span(tokens()).first(50),
                        [&](std::int64_t /*index*/, std::span<const float> logits) {
                          all.insert(all.end(), logits.begin(), logits.end());
                        });
  std::vector<float> logits(static_cast<std::size_t>(model.config().vocab_size));
  for (const TokenId id : std::span(tokens()).subspan(50)) {
    sequence->decode(id, logits);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

TEST(Engine, GivesTheSameBytesOnAnyNumberOfThreadsAndEveryInstructionSet) {
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.name);
    const Model model = quantized(each.options);
    const std::vector<float> expected = sequence_logits(with_engine(model, {.threads = 1}));
    for (const int threads : {2, 5}) {
      EXPECT_EQ(sequence_logits(with_engine(model, {.threads = threads})), expected) << threads;
    }
    const Isa best = current_isa();
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      EXPECT_EQ(sequence_logits(with_engine(model, {.threads = 2})), expected) << isa_name(isa);
    }
    set_isa(best);
  }
}

TEST(Engine, SequencesThatDecodeTogetherGiveWhatEachGivesAlone) {
  const Model model = quantized({.scheme = {4, 4}, .ssm = SsmFormat::pot8});
  const Engine engine(model.shared_weights(), {.threads = 2});
  constexpr std::size_t kSequences = 5;
  const auto vocab = static_cast<std::size_t>(model.config().vocab_size);
  std::vector<EngineState> alone(kSequences, engine.state_shape().empty());
  for (std::size_t s = 0; s < kSequences; ++s) {
    engine.prefill(alone[s], std::span(tokens()).first(s + 1), LogitsFor::none, {});
  }
  std::vector<EngineState> together = alone;
  std::vector<EngineState*> states;
  for (EngineState& state : together) states.push_back(&state);
  std::vector<float> all(kSequences * vocab);
  std::vector<float> one(vocab);
  for (std::size_t step = 0; step < 10; ++step) {
    const std::span ids = std::span(tokens()).subspan(step, kSequences);
    engine.decode(states, ids, all);
    for (std::size_t s = 0; s < kSequences; ++s) {
      const std::array state = {&alone[s]};
      engine.decode(state, ids.subspan(s, 1), one);
      const std::span mine = std::span(all).subspan(s * vocab, vocab);
      EXPECT_TRUE(std::equal(one.begin(), one.end(), mine.begin())) << s << ' ' << step;
      EXPECT_EQ(alone[s].position, together[s].position);
    }
  }
}

TEST(Engine, AStateIsForkedSavedAndRestored) {
  for (const StateFormat format :
       {StateFormat::floating, StateFormat::int16, StateFormat::int8_feedback, StateFormat::int8}) {
    const Model model = with_engine(quantized({.scheme = {8, 8}, .state = format}));
    const auto first = model.open();
    first->prefill(std::span(tokens()).first(30));
    const auto fork = first->fork();
    const auto restored = model.open(first->state());
    EXPECT_EQ(restored->state(), first->state());
    EXPECT_EQ(first->state().position, 30);
    std::vector<std::vector<float>> logits(3, std::vector<float>(37));
    for (const TokenId id : std::span(tokens()).subspan(30)) {
      first->decode(id, logits[0]);
      fork->decode(id, logits[1]);
      restored->decode(id, logits[2]);
    }
    EXPECT_EQ(logits[0], logits[1]);
    EXPECT_EQ(logits[0], logits[2]);
  }
}

TEST(Engine, PromptsCutWhereSegmentsEndLeaveTheSameBytes) {
  const Model model = with_engine(quantized({.scheme = {8, 8}}));
  const std::vector<TokenId> prompt = test::random_tokens(2 * kPrefillSegment + 30, 37);
  const auto whole = model.open();
  const std::vector<float> expected = whole->prefill(prompt);
  const auto parts = model.open();
  parts->prefill(std::span(prompt).first(kPrefillSegment));
  EXPECT_EQ(parts->prefill(std::span(prompt).subspan(kPrefillSegment)), expected);
  EXPECT_EQ(parts->state(), whole->state());
}

TEST(Engine, DecodesWithoutAllocating) {
  if (!test::counts_allocations()) GTEST_SKIP() << "not in this build";
  const Model model = quantized({.scheme = {4, 4}, .ssm = SsmFormat::pot8});
  const Engine engine(model.shared_weights(), {.threads = 2});
  std::vector<EngineState> owned(3, engine.state_shape().empty());
  const std::array states = {&owned[0], &owned[1], &owned[2]};
  std::vector<float> logits(3 * 37);
  engine.decode(states, std::span(tokens()).first(3), logits);
  const std::int64_t before = test::allocations();
  for (std::size_t step = 0; step < 5; ++step) {
    engine.decode(states, std::span(tokens()).subspan(step, 3), logits);
    engine.decode(std::span(states).first(1), std::span(tokens()).subspan(step, 1), {});
  }
  EXPECT_EQ(test::allocations(), before);
  const std::vector<int> one(1);
  EXPECT_EQ(test::allocations(), before + 1);
}

TEST(Engine, PinnedThreadsGiveTheSame) {
  const Model model = quantized({.scheme = {8, 8}});
  const std::vector<int> allowed = allowed_processors();
  const std::vector<float> expected = sequence_logits(with_engine(model, {.threads = 2}));
  {
    const Model pinned = with_engine(model, {.threads = 2, .pin_threads = true});
    EXPECT_EQ(allowed_processors().size(), allowed.size() < 2 ? allowed.size() : 1);
    EXPECT_EQ(sequence_logits(pinned), expected);
  }
  EXPECT_EQ(allowed_processors(), allowed);
}

TEST(DecodeTogether, GivesWhatEachGivesAlone) {
  const Model reference = quantized({.scheme = {8, 8}});
  const Model fast = with_engine(reference);
  const Model other = with_engine(reference);
  const auto check = [&](const Model& first, const Model& second) {
    std::vector<std::unique_ptr<Sequence>> sequences;
    sequences.push_back(first.open());
    sequences.push_back(second.open());
    sequences[1]->prefill(std::span(tokens()).first(5));
    std::vector<float> expected(2 * 37);
    sequences[0]->fork()->decode(7, std::span(expected).first(37));
    sequences[1]->fork()->decode(9, std::span(expected).last(37));
    const std::array pointers = {sequences[0].get(), sequences[1].get()};
    std::vector<float> logits(2 * 37);
    decode_together(pointers, std::array<TokenId, 2>{7, 9}, logits);
    EXPECT_EQ(logits, expected);
    EXPECT_EQ(sequences[0]->position(), 1);
    EXPECT_EQ(sequences[1]->position(), 6);
  };
  check(fast, fast);
  check(fast, other);
  check(reference, reference);
  check(fast, reference);
}

TEST(DecodeTogether, RefusesWhatDoesNotFit) {
  const Model model = with_engine(quantized({.scheme = {8, 8}}));
  const auto a = model.open();
  const auto b = a->fork();
  const std::array sequences = {a.get(), b.get()};
  std::vector<float> logits(2 * 37);
  using Ids = std::vector<TokenId>;
  EXPECT_THAT(test::error_of([&] { decode_together(sequences, Ids{1}, logits); }),
              HasSubstr("1 tokens for 2 sequences"));
  EXPECT_THAT(test::error_of([&] {
                decode_together(sequences, Ids{1, 37}, logits);
              }),
              HasSubstr("token id 37"));
  EXPECT_THAT(test::error_of([&] {
                decode_together(sequences, Ids{1, 2}, std::span(logits).first(37));
              }),
              HasSubstr("room for 37 logits"));
  EXPECT_EQ(a->position(), 0);
  decode_together({}, {}, {});
  decode_together(sequences, Ids{1, 2}, {});
  EXPECT_EQ(b->position(), 1);
}

TEST(Engine, ModelsOnItKeepStatesAsNumbers) {
  const Model reference = quantized({.scheme = {8, 8}});
  const Model fast = with_engine(reference);
  State state = fast.new_state();
  std::vector<float> logits = fast.prefill(state, std::span(tokens()).first(40));
  EXPECT_EQ(state.position, 40);
  fast.decode(state, 5, logits);
  State expected = reference.new_state();
  std::vector<float> expected_logits = reference.prefill(expected, std::span(tokens()).first(40));
  reference.decode(expected, 5, expected_logits);
  EXPECT_LT(test::relative_distance(logits, expected_logits), 0.01);
  EXPECT_LT(test::relative_distance(state.ssm, expected.ssm), 0.01);
  EXPECT_LT(test::relative_distance(state.conv, expected.conv), 0.01);
}

TEST(Engine, RefusesWhatItCannotRun) {
  const Model model = test::load_random_model();
  EXPECT_FALSE(engine_supports(model));
  EXPECT_THAT(test::error_of([&] { with_engine(model); }), HasSubstr("the weights are floats"));
  const Model a16 = quantized({.scheme = {4, 16}});
  EXPECT_FALSE(engine_supports(a16));
  EXPECT_THAT(test::error_of([&] { with_engine(a16); }), HasSubstr("activations have 16 bits"));
}

TEST(Engine, BadTokensLeaveASequenceAlone) {
  const Model model = with_engine(quantized({.scheme = {8, 8}}));
  const auto sequence = model.open();
  sequence->prefill(std::span(tokens()).first(3));
  const State before = sequence->state();
  std::vector<float> logits(37);
  EXPECT_THAT(test::error_of([&] { sequence->decode(37, logits); }),
              HasSubstr("token id 37 is outside the vocabulary of 37"));
  EXPECT_THAT(test::error_of([&] { sequence->decode(-1, logits); }), HasSubstr("-1"));
  EXPECT_THAT(test::error_of([&] { sequence->decode(1, std::span(logits).first(5)); }),
              HasSubstr("room for 5 logits"));
  EXPECT_THAT(test::error_of([&] { sequence->prefill({}); }), HasSubstr("no tokens"));
  EXPECT_EQ(sequence->state(), before);
  State wrong = model.new_state();
  wrong.ssm.pop_back();
  EXPECT_THAT(test::error_of([&] { model.open(wrong); }), HasSubstr("the state has"));
}

}  // namespace
}  // namespace lightmamba
