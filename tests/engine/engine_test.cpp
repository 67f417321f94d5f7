#include "engine/engine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

#include <lightmamba/engine.h>
#include <lightmamba/generate.h>
#include <lightmamba/load.h>

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
      const auto fast = engine_backend(reference);
      const std::vector<float> expected = test::decode_logits(reference, tokens());
      EXPECT_LT(test::relative_distance(test::decode_logits(*fast, tokens()), expected),
                each.bound);
      EXPECT_LT(test::relative_distance(test::prefill_logits(*fast, tokens()),
                                        test::prefill_logits(reference, tokens())),
                each.bound);
    }
  }
}

std::vector<float> sequence_logits(const Backend& backend);

// Also once the file is gone, as it is copied.
TEST(Engine, ALoadedFileGivesTheLogitsOfTheModelThatWasWritten) {
  const test::TemporaryFolder folder;
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.name);
    QuantizeOptions options = each.options;
    options.group = 16;
    options.calibration = test::random_tokens(100, 37);
    quantize_to_file(test::load_random_model(), options, folder / "q");
    const std::vector<float> expected = sequence_logits(*engine_backend(quantized(each.options)));
    for (const int threads : {1, 2, 3}) {
      set_thread_count(threads);
      std::filesystem::copy_file(folder / "q", folder / "copy",
                                 std::filesystem::copy_options::overwrite_existing);
      const auto model = engine_backend(open_model(folder / "copy"));
      std::filesystem::resize_file(folder / "copy", 0);
      EXPECT_EQ(sequence_logits(*model), expected) << threads;
    }
    set_thread_count(0);
  }
}

// d_inner is 66: rotated in two steps.
const test::RandomModelOptions kUnevenShape = {.d_model = 33, .headdim = 6};

TEST(Engine, RotatesAWidthWithoutHadamardMatrix) {
  const Model reference = quantized({.scheme = {8, 8}}, kUnevenShape);
  const std::vector<float> expected = test::decode_logits(reference, tokens());
  const auto fast = engine_backend(reference, {.threads = 2});
  EXPECT_LT(test::relative_distance(test::decode_logits(*fast, tokens()), expected), 0.01);
  const std::vector<float> found = test::prefill_logits(*fast, tokens());
  const Isa best = current_isa();
  for (const Isa isa : supported_isas()) {
    set_isa(isa);
    EXPECT_EQ(test::prefill_logits(*engine_backend(reference), tokens()), found) << isa_name(isa);
  }
  set_isa(best);
}

std::vector<float> sequence_logits(const Backend& backend) {
  const auto sequence = backend.open();
  std::vector<float> all;
  sequence->prefill_all(std::span(tokens()).first(50),
                        [&](std::int64_t /*index*/, std::span<const float> logits) {
                          all.insert(all.end(), logits.begin(), logits.end());
                        });
  for (const TokenId id : std::span(tokens()).subspan(50)) {
    const std::span logits = sequence->decode(id);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

TEST(Engine, GivesTheSameBytesOnAnyNumberOfThreadsAndEveryInstructionSet) {
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.name);
    const Model model = quantized(each.options);
    const std::vector<float> expected = sequence_logits(*engine_backend(model, {.threads = 1}));
    for (const int threads : {2, 5}) {
      EXPECT_EQ(sequence_logits(*engine_backend(model, {.threads = threads})), expected) << threads;
    }
    const Isa best = current_isa();
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      EXPECT_EQ(sequence_logits(*engine_backend(model, {.threads = 2})), expected) << isa_name(isa);
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
  std::vector<EngineState*> states(kSequences);
  std::transform(together.begin(), together.end(), states.begin(),
                 [](EngineState& state) { return &state; });
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
    const auto model = engine_backend(quantized({.scheme = {8, 8}, .state = format}));
    const auto first = model->open();
    first->prefill(std::span(tokens()).first(30));
    const auto fork = first->fork();
    const State state = first->state();
    const auto restored = model->open({.state = &state});
    EXPECT_EQ(restored->state(), state);
    EXPECT_EQ(first->state().position, 30);
    for (const TokenId id : std::span(tokens()).subspan(30)) {
      first->decode(id);
      fork->decode(id);
      restored->decode(id);
    }
    EXPECT_EQ(fork->state(), first->state());
    EXPECT_EQ(restored->state(), first->state());
  }
}

TEST(Engine, PromptsCutWhereSegmentsEndLeaveTheSameBytes) {
  const auto model = engine_backend(quantized({.scheme = {8, 8}}));
  const std::vector<TokenId> prompt = test::random_tokens(2 * kPrefillSegment + 30, 37);
  const auto whole = model->open();
  const std::vector<float> expected = test::copy_of(whole->prefill(prompt));
  const auto parts = model->open();
  parts->prefill(std::span(prompt).first(kPrefillSegment));
  EXPECT_EQ(test::copy_of(parts->prefill(std::span(prompt).subspan(kPrefillSegment))), expected);
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
  const std::vector<float> expected = sequence_logits(*engine_backend(model, {.threads = 2}));
  {
    const auto pinned = engine_backend(model, {.threads = 2, .pin_threads = true});
    EXPECT_EQ(allowed_processors().size(), allowed.size() < 2 ? allowed.size() : 1);
    EXPECT_EQ(sequence_logits(*pinned), expected);
  }
  EXPECT_EQ(allowed_processors(), allowed);
}

// Its own prompt continues as if nothing had happened.
TEST(Engine, OtherSequencesRunWhileAPrefillPassesOnItsLogits) {
  const auto backend = engine_backend(quantized({.scheme = {8, 8}}), {.threads = 2});
  const std::vector<TokenId> prompt = test::random_tokens(2 * kPrefillSegment + 30, 37);
  const std::vector<float> expected = test::prefill_logits(*backend, prompt);
  const std::vector<float> expected_of_other = test::decode_logits(*backend, tokens());
  const auto sequence = backend->open();
  const auto other = backend->open();
  std::vector<float> found;
  std::vector<float> found_of_other;
  sequence->prefill_all(prompt, [&](std::int64_t index, std::span<const float> logits) {
    found.insert(found.end(), logits.begin(), logits.end());
    if (index % 8 != 0 || other->position() == std::ssize(tokens())) return;
    // From this thread and from another one.
    const auto decode = [&] {
      const std::span row = other->decode(tokens()[static_cast<std::size_t>(other->position())]);
      found_of_other.insert(found_of_other.end(), row.begin(), row.end());
    };
    if (index % 16 == 0) {
      decode();
    } else {
      std::thread(decode).join();
    }
    if (index == 64) backend->open()->prefill(prompt);
  });
  EXPECT_EQ(found, expected);
  EXPECT_EQ(found_of_other,
            std::vector<float>(expected_of_other.begin(),
                               expected_of_other.begin() + std::ssize(found_of_other)));
  EXPECT_EQ(other->position(), (std::ssize(prompt) + 7) / 8);
}

TEST(DecodeTogether, GivesWhatEachGivesAlone) {
  const Model reference = quantized({.scheme = {8, 8}});
  for (const auto& backend : {engine_backend(reference), reference_backend(reference)}) {
    const auto a = backend->open();
    const auto b = backend->open();
    b->prefill(std::span(tokens()).first(5));
    const std::vector<float> expected_a = test::copy_of(a->fork()->decode(7));
    const std::vector<float> expected_b = test::copy_of(b->fork()->decode(9));
    const std::array sequences = {a.get(), b.get()};
    backend->decode_together(sequences, std::array<TokenId, 2>{7, 9});
    EXPECT_EQ(test::copy_of(a->logits()), expected_a);
    EXPECT_EQ(test::copy_of(b->logits()), expected_b);
    EXPECT_EQ(a->position(), 1);
    EXPECT_EQ(b->position(), 6);
  }
}

TEST(DecodeTogether, RefusesWhatDoesNotFit) {
  const auto model = engine_backend(quantized({.scheme = {8, 8}}));
  const auto a = model->open();
  const auto b = a->fork();
  const std::array sequences = {a.get(), b.get()};
  using Ids = std::vector<TokenId>;
  EXPECT_THAT(test::error_of([&] { model->decode_together(sequences, Ids{1}); }),
              HasSubstr("1 tokens for 2 sequences"));
  EXPECT_THAT(test::error_of([&] {
                model->decode_together(sequences, Ids{1, 37});
              }),
              HasSubstr("token id 37"));
  const auto other = engine_backend(model->model());
  EXPECT_THAT(test::error_of([&] {
                other->decode_together(sequences, Ids{1, 2});
              }),
              HasSubstr("a sequence of another back end"));
  const std::array twice = {b.get(), a.get(), b.get()};
  EXPECT_THAT(test::error_of([&] {
                model->decode_together(twice, Ids{1, 2, 3});
              }),
              HasSubstr("a sequence cannot decode two tokens at once"));
  EXPECT_EQ(b->position(), 0);
  EXPECT_EQ(a->position(), 0);
  EXPECT_TRUE(a->logits().empty());
  model->decode_together({}, {});
  model->decode_together(sequences, Ids{1, 2});
  EXPECT_EQ(b->position(), 1);
}

TEST(Engine, AStateIsOneForTheReferenceToo) {
  const Model quantized_model = quantized({.scheme = {8, 8}});
  const auto after = [&](const Backend& first, const Backend& second) {
    const auto sequence = first.open();
    sequence->prefill(std::span(tokens()).first(40));
    const State half = sequence->state();
    const auto other = second.open({.state = &half});
    EXPECT_EQ(other->position(), 40);
    other->decode(5);
    return other->state();
  };
  const auto reference = reference_backend(quantized_model);
  const auto fast = engine_backend(quantized_model);
  const State state = after(*fast, *reference);
  const State expected = after(*reference, *fast);
  EXPECT_LT(test::relative_distance(state.logits, expected.logits), 0.01);
  EXPECT_LT(test::relative_distance(state.ssm, expected.ssm), 0.01);
  EXPECT_LT(test::relative_distance(state.conv, expected.conv), 0.01);
}

TEST(Engine, RefusesWhatItCannotRun) {
  const Model model = test::load_random_model();
  EXPECT_FALSE(engine_supports(model));
  EXPECT_THAT(test::error_of([&] { engine_backend(model); }), HasSubstr("the weights are floats"));
  const Model a16 = quantized({.scheme = {4, 16}});
  EXPECT_FALSE(engine_supports(a16));
  EXPECT_THAT(test::error_of([&] { engine_backend(a16); }), HasSubstr("activations have 16 bits"));
}

TEST(Engine, RefusesANegativeNumberOfThreads) {
  EXPECT_THAT(test::error_of([] { engine_backend(quantized({}), {.threads = -1}); }),
              HasSubstr("-1 threads"));
}

TEST(Engine, BadTokensLeaveASequenceAlone) {
  const auto model = engine_backend(quantized({.scheme = {8, 8}}));
  const auto sequence = model->open();
  sequence->prefill(std::span(tokens()).first(3));
  const State before = sequence->state();
  EXPECT_THAT(test::error_of([&] { sequence->decode(37); }),
              HasSubstr("token id 37 is outside the vocabulary of 37"));
  EXPECT_THAT(test::error_of([&] { sequence->decode(-1); }), HasSubstr("-1"));
  EXPECT_THAT(test::error_of([&] { sequence->prefill({}); }), HasSubstr("no tokens"));
  EXPECT_EQ(sequence->state(), before);
  State wrong = new_state(model->config());
  wrong.ssm.pop_back();
  EXPECT_THAT(test::error_of([&] { model->open({.state = &wrong}); }), HasSubstr("the state has"));
  wrong = before;
  wrong.logits.pop_back();
  EXPECT_THAT(test::error_of([&] { model->open({.state = &wrong}); }),
              HasSubstr("room for 36 logits"));
}

}  // namespace
}  // namespace lightmamba
