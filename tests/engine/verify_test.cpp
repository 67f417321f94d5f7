// Sequence::verify() and keep() on every back end.
#include <array>
#include <random>

#include <lightmamba/accelerator.h>
#include <lightmamba/engine.h>

#include "engine/engine.h"
#include "kernels/isa.h"
#include "support/allocations.h"
#include "support/errors.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

constexpr StateFormat kFormats[] = {StateFormat::floating, StateFormat::int16,
                                    StateFormat::int8_feedback, StateFormat::int8};

Model quantized(const QuantizeOptions& options, const test::RandomModelOptions& shape = {}) {
  QuantizeOptions all = options;
  all.group = 16;
  if (all.calibration.empty()) all.calibration = test::random_tokens(100, 37);
  return quantize(test::load_random_model(shape), all).model;
}

// In shapes whose heads do not fill a task, with one and with two groups, and with convs that are
// shorter and longer than a verification.
std::vector<Model> engine_models() {
  std::vector<Model> models;
  for (const StateFormat format : kFormats) {
    models.push_back(quantized({.scheme = {4, 4}, .state = format}));
    models.push_back(quantized({.scheme = {8, 8}, .ssm = SsmFormat::pot8, .state = format},
                               {.ngroups = 2, .d_conv = 8}));
  }
  models.push_back(quantized({.scheme = {4, 8}, .state = StateFormat::int16},
                             {.headdim = 16, .d_state = 128, .d_conv = 1}));
  return models;
}

std::vector<std::shared_ptr<const Backend>> backends() {
  std::vector<std::shared_ptr<const Backend>> all = {
      reference_backend(test::load_random_model()),
      reference_backend(quantized({.scheme = {4, 4}, .state = StateFormat::int16}))};
  for (const Model& model : engine_models()) {
    all.push_back(engine_backend(model, {.threads = 2}));
  }
  for (const StateFormat format : {StateFormat::int16, StateFormat::int8}) {
    QuantizeOptions options = test::accelerator_options();
    options.state = format;
    all.push_back(golden_backend(quantize(test::load_random_model(), options).model));
  }
  return all;
}

// What must not depend on how the tokens have gone through.
void expect_same(const Sequence& sequence, const Sequence& expected) {
  EXPECT_EQ(sequence.state(), expected.state());
  EXPECT_EQ(sequence.position(), expected.position());
  EXPECT_EQ(sequence.bytes(), expected.bytes());
}

std::vector<float> verify(Sequence& sequence, std::span<const TokenId> tokens,
                          std::size_t certain = 0) {
  std::vector<float> all;
  std::int64_t calls = 0;
  sequence.verify(
      tokens,
      [&](std::int64_t index, std::span<const float> row) {
        EXPECT_EQ(index, calls++);
        all.insert(all.end(), row.begin(), row.end());
      },
      static_cast<std::int64_t>(certain));
  EXPECT_EQ(calls, std::ssize(tokens));
  return all;
}

std::vector<float> decode(Sequence& sequence, std::span<const TokenId> tokens) {
  std::vector<float> all;
  for (const TokenId token : tokens) {
    const std::span row = sequence.decode(token);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

TEST(Verify, GivesWhatDecodeGivesAndKeepsAnyNumberOfTokens) {
  const std::vector<TokenId> ids = test::random_tokens(16, 37);
  const std::span prompt = std::span(ids).first(7);
  const std::span tokens = std::span(ids).subspan(7, 5);
  const std::span more = std::span(ids).subspan(12);
  for (const auto& backend : backends()) {
    SCOPED_TRACE(backend->name());
    const auto begun = backend->open();
    begun->prefill(prompt);
    for (std::size_t kept = 0; kept <= tokens.size(); ++kept) {
      for (std::size_t certain = 0; certain <= kept; ++certain) {
        SCOPED_TRACE(::testing::Message() << kept << ' ' << certain);
        const auto expected = begun->fork();
        const auto sequence = begun->fork();
        EXPECT_EQ(verify(*sequence, tokens, certain), decode(*begun->fork(), tokens));
        sequence->keep(static_cast<std::int64_t>(kept));
        decode(*expected, tokens.first(kept));
        expect_same(*sequence, *expected);
        EXPECT_EQ(verify(*sequence, more), decode(*expected, more));
        expect_same(*sequence, *expected);
      }
    }
  }
}

// Runs verifications of random lengths, of which random numbers of tokens are kept, and in between
// whatever else a sequence can do; and the tokens that were kept through another sequence, in which
// nothing is ever taken back. Returns the logits after all verified tokens.
std::vector<float> run_mixture(const Backend& backend, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t count) { return random() % count; };
  const std::vector<TokenId> ids = test::random_tokens(400, 37, seed);
  auto sequence = backend.open();
  auto expected = backend.open();
  const auto others = std::array{backend.open(), backend.open()};
  std::vector<float> all;
  for (std::size_t at = 0; at + 20 < ids.size() && !::testing::Test::HasFailure(); at += 20) {
    const std::span now = std::span(ids).subspan(at, 1 + below(6));
    const std::size_t certain = below(now.size() + 1);
    const std::vector<float> found = verify(*sequence, now, certain);
    EXPECT_EQ(found, decode(*expected->fork(), now));
    all.insert(all.end(), found.begin(), found.end());
    std::size_t kept = now.size();
    if (below(4) > 0) {
      kept = certain + below(now.size() - certain + 1);
      sequence->keep(static_cast<std::int64_t>(kept));
    }
    decode(*expected, now.first(kept));

    const std::span next = std::span(ids).subspan(at + 6, 1 + below(3));
    switch (below(8)) {
      case 0:
        EXPECT_EQ(decode(*sequence, next), decode(*expected, next));
        break;
      case 1:
        EXPECT_EQ(test::copy_of(sequence->prefill(next)), test::copy_of(expected->prefill(next)));
        break;
      case 2: {
        sequence->advance(next.front());
        expected->advance(next.front());
        break;
      }
      case 3:
        sequence = sequence->fork();
        break;
      case 4: {
        const State state = sequence->state();
        sequence = backend.open({.state = &state});
        break;
      }
      case 5: {
        const std::array first = {sequence.get(), others[0].get()};
        const std::array second = {others[1].get(), expected.get()};
        backend.decode_together(first, std::array{next.front(), ids[at]});
        backend.decode_together(second, std::array{ids[at], next.front()});
        break;
      }
      case 6:
        expect_same(*sequence, *expected);
        break;
      default:
        break;
    }
    EXPECT_EQ(test::copy_of(sequence->logits()), test::copy_of(expected->logits()));
    EXPECT_EQ(sequence->position(), expected->position());
  }
  expect_same(*sequence, *expected);
  expect_same(*others[0], *others[1]);
  return all;
}

TEST(Verify, MixesWithAllThatASequenceCanDo) {
  for (const auto& backend : backends()) {
    SCOPED_TRACE(backend->name());
    for (const unsigned seed : {1, 2, 3}) run_mixture(*backend, seed);
  }
}

TEST(Verify, GivesTheSameBytesOnAnyNumberOfThreadsAndEveryInstructionSet) {
  const Isa best = current_isa();
  for (const Model& model : engine_models()) {
    const std::vector<float> expected = run_mixture(*engine_backend(model, {.threads = 1}), 5);
    for (const int threads : {2, 3}) {
      EXPECT_EQ(run_mixture(*engine_backend(model, {.threads = threads}), 5), expected) << threads;
    }
    for (const Isa isa : supported_isas()) {
      set_isa(isa);
      EXPECT_EQ(run_mixture(*engine_backend(model, {.threads = 1}), 5), expected) << isa_name(isa);
    }
    set_isa(best);
  }
}

TEST(Verify, ManyTokensInOnePass) {
  const auto backend = engine_backend(quantized({.scheme = {8, 8}}), {.threads = 2});
  const std::vector<TokenId> ids = test::random_tokens(kPrefillSegment + 40, 37);
  const auto sequence = backend->open();
  const auto expected = backend->open();
  EXPECT_EQ(verify(*sequence, ids), decode(*expected, ids));
  expect_same(*sequence, *expected);
}

TEST(Verify, RefusesWhatCannotBeTakenBack) {
  const auto refuses_to_keep = [](Sequence& sequence) {
    const State before = sequence.state();
    EXPECT_THAT(test::error_of([&] { sequence.keep(0); }), HasSubstr("must follow verify()"));
    EXPECT_EQ(sequence.state(), before);
  };
  const auto ignore = [](std::int64_t, std::span<const float>) {};
  const std::vector<TokenId> ids = test::random_tokens(3, 37);
  for (const auto& backend : backends()) {
    SCOPED_TRACE(backend->name());
    const auto sequence = backend->open();
    refuses_to_keep(*sequence);

    verify(*sequence, ids);
    const State after = sequence->state();
    for (const std::int64_t count : {-1, 4}) {
      EXPECT_THAT(test::error_of([&] { sequence->keep(count); }), HasSubstr("of 3 verified"));
    }
    EXPECT_THAT(test::error_of([&] { sequence->verify({}, ignore); }),
                HasSubstr("no tokens to verify"));
    EXPECT_THAT(test::error_of([&] {
                  sequence->verify(std::vector<TokenId>{1, 37}, ignore);
                }),
                HasSubstr("token id 37"));
    for (const std::int64_t certain : {-1, 3}) {
      EXPECT_THAT(
          test::error_of([&] { sequence->verify(std::span(ids).first(2), ignore, certain); }),
          HasSubstr("of 2 tokens to verify cannot be certain"));
    }
    EXPECT_EQ(sequence->state(), after);
    refuses_to_keep(*sequence->fork());
    sequence->keep(2);  // what was refused has changed nothing
    EXPECT_EQ(sequence->position(), 2);
    refuses_to_keep(*sequence);
    verify(*sequence, ids, 2);
    EXPECT_THAT(test::error_of([&] { sequence->keep(1); }), HasSubstr("1 of 2 certain"));
    sequence->keep(2);
    EXPECT_EQ(sequence->position(), 4);

    for (const auto& use : std::vector<std::function<void()>>{
             [&] { sequence->decode(1); }, [&] { sequence->advance(1); },
             [&] { sequence->prefill(ids); }, [&] { sequence->prefill_all(ids, ignore); },
             [&] {
               backend->decode_together(std::array{sequence.get()}, std::array<TokenId, 1>{1});
             }}) {
      verify(*sequence, ids);
      use();
      refuses_to_keep(*sequence);
    }
  }
}

TEST(Verify, AllocatesNothingOnceAsManyTokensHaveBeenVerifiedAndKept) {
  if (!test::counts_allocations()) GTEST_SKIP() << "not in this build";
  const Model model = quantized({.scheme = {4, 4}, .state = StateFormat::int16});
  const Engine engine(model.shared_weights(), {.threads = 2});
  const std::vector<TokenId> ids = test::random_tokens(4, 37);
  EngineState state = engine.state_shape().empty();
  std::vector<float> logits(4 * 37);
  for (int pass = 0; pass < 2; ++pass) engine.verify(state, ids, 0, logits);
  const std::int64_t before = test::allocations();
  for (std::int64_t count = 0; count <= 4; ++count) {
    engine.verify(state, ids, count, logits);
    engine.state_shape().take_back(state, 4 - count);
  }
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace lightmamba
