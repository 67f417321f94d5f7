// Drafts change how many passes a text takes, and nothing else.
#include <algorithm>

#include <lightmamba/accelerator.h>
#include <lightmamba/engine.h>
#include <lightmamba/generate.h>
#include <lightmamba/load.h>

#include "model/weights.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Ids = std::vector<TokenId>;

constexpr TokenId kVocab = 37;
constexpr std::int64_t kMaxTokens = 41;

const Model& model() {
  static const Model result =
      quantize(test::load_random_model(), test::accelerator_options()).model;
  return result;
}

std::vector<std::shared_ptr<const Backend>> backends() {
  return {reference_backend(test::load_random_model()), engine_backend(model(), {.threads = 2}),
          golden_backend(model())};
}

const Ids& prompt() {
  static const Ids ids = test::random_tokens(9, kVocab);
  return ids;
}

std::vector<SamplingOptions> samplings() {
  return {{},
          {.repeat_penalty = 1.5F, .repeat_window = 5},
          {.temperature = 1, .seed = 3},
          {.temperature = 0.7F, .top_k = 9, .top_p = 0.9F, .repeat_penalty = 1.2F, .seed = 8}};
}

// Knows the text and proposes it, but for the tokens of a draft at place `wrong` and, if
// `wrong_after`, after it.
Drafter knowing(const Ids& text, std::int64_t wrong, bool wrong_after = false) {
  return [=](std::span<const TokenId> seen, std::int64_t count) {
    EXPECT_GE(count, 1);
    const std::size_t known = seen.size() - prompt().size();
    EXPECT_TRUE(std::equal(prompt().begin(), prompt().end(), seen.begin()));
    EXPECT_TRUE(std::equal(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(known),
                           seen.begin() + std::ssize(prompt())));
    Ids draft;
    for (std::int64_t i = 0; i < count; ++i) {
      const TokenId right = text[known + static_cast<std::size_t>(i)];
      const bool is_wrong = i == wrong || (wrong_after && i > wrong);
      draft.push_back(is_wrong ? (right + 1) % kVocab : right);
    }
    return draft;
  };
}

// The result of generation and the sequence that it leaves.
struct Text {
  GenerateResult result;
  State state;
};

Text text_of(const Backend& backend, const GenerateOptions& options) {
  const auto sequence = backend.open();
  Text text = {generate(*sequence, prompt(), options), {}};
  text.state = sequence->state();
  return text;
}

void expect_same_text(const Text& found, const Text& expected) {
  EXPECT_EQ(found.result.ids, expected.result.ids);
  EXPECT_EQ(found.result.stop_reason, expected.result.stop_reason);
  EXPECT_EQ(found.result.decode_steps, expected.result.decode_steps);
  EXPECT_EQ(found.state, expected.state);
}

TEST(Drafts, ChangeNoTextHoweverRightOrWrong) {
  for (const auto& backend : backends()) {
    for (const SamplingOptions& sampling : samplings()) {
      SCOPED_TRACE(backend->name());
      GenerateOptions options{.max_tokens = kMaxTokens, .sampling = sampling, .stop_at_eos = false};
      const Text expected = text_of(*backend, options);
      EXPECT_EQ(expected.result.decode_passes, kMaxTokens);
      EXPECT_EQ(expected.result.draft_tokens, 0);
      for (const std::int64_t tokens : {1, 3}) {
        options.draft.tokens = tokens;
        for (std::int64_t wrong = 0; wrong <= tokens; ++wrong) {
          SCOPED_TRACE(wrong);
          options.draft.drafter = knowing(expected.result.ids, wrong, wrong % 2 == 0);
          const Text found = text_of(*backend, options);
          expect_same_text(found, expected);
          // The first token comes with the prompt; each pass then gives `wrong` tokens of the draft
          // and another. The last one is fed by itself.
          const std::int64_t passes = (kMaxTokens - 1 + wrong) / (wrong + 1);
          EXPECT_EQ(found.result.decode_passes, passes + 1);
          EXPECT_EQ(found.result.accepted_tokens, kMaxTokens - 1 - passes);
          EXPECT_GE(found.result.draft_tokens, found.result.accepted_tokens);
          EXPECT_LE(found.result.draft_tokens, tokens * passes);
        }
      }
    }
  }
}

TEST(Drafts, OfNgramsAndModelsChangeNoText) {
  const auto smaller = engine_backend(
      quantize(test::load_random_model({.d_model = 16, .n_layer = 1}), test::accelerator_options())
          .model);
  for (const auto& backend : backends()) {
    for (const SamplingOptions& sampling : samplings()) {
      SCOPED_TRACE(backend->name());
      GenerateOptions options{.max_tokens = kMaxTokens, .sampling = sampling};
      const Text expected = text_of(*backend, options);
      for (const Drafter& drafter :
           {ngram_drafter({.shortest = 1}), model_drafter(smaller, backend->model()),
            model_drafter(backend, backend->model())}) {
        options.draft.drafter = drafter;
        for (const std::int64_t tokens : {1, 4, 7}) {
          options.draft.tokens = tokens;
          const Text found = text_of(*backend, options);
          expect_same_text(found, expected);
          EXPECT_GT(found.result.draft_tokens, 0);
        }
      }
    }
  }
}

TEST(Drafts, OfTheSameModelAreAcceptedWhereTheLikeliestTokenIsTaken) {
  for (const auto& backend : backends()) {
    SCOPED_TRACE(backend->name());
    const GenerateOptions options{
        .max_tokens = kMaxTokens,
        .draft = {.drafter = model_drafter(backend, backend->model()), .tokens = 4}};
    const GenerateResult result = generate(*backend, prompt(), options);
    // Its own first prefill ends one token later, which rounds a little differently.
    EXPECT_GE(result.accepted_tokens, result.draft_tokens * 9 / 10);
    EXPECT_LE(result.decode_passes, 10);
    // Another text, of which the sequence has seen only the beginning.
    EXPECT_GE(generate(*backend, std::span(prompt()).first(5), options).accepted_tokens, 20);
  }
}

TEST(Drafts, OfStrangeLengthsAreCutOrLeftOut) {
  const auto backend = engine_backend(model());
  const Text expected = text_of(*backend, {.max_tokens = kMaxTokens});
  std::int64_t calls = 0;
  const Drafter varying = [&](std::span<const TokenId> /*text*/, std::int64_t count) {
    // More than was asked for, and nothing now and then.
    return Ids(static_cast<std::size_t>(++calls % 3 == 0 ? 0 : count + 5), TokenId{1});
  };
  const Text found =
      text_of(*backend, {.max_tokens = kMaxTokens, .draft = {.drafter = varying, .tokens = 2}});
  expect_same_text(found, expected);
  EXPECT_GT(calls, 10);
  EXPECT_LE(found.result.draft_tokens, 2 * calls);
}

TEST(Drafts, MayHoldTheEndOfText) {
  const Ids expected = generate(*engine_backend(model()), prompt(), {.max_tokens = 20}).ids;
  // The end is within the draft of the third pass.
  const TokenId end = expected[10];
  const auto first = std::find(expected.begin(), expected.end(), end);
  auto weights = std::make_shared<Weights>(model().weights());
  weights->config.eos_token_ids = {end};
  const auto backend = engine_backend(model().with_weights(std::move(weights)));
  for (const std::int64_t tokens : {1, 2, 3, 4, 5}) {
    GenerateOptions options{.max_tokens = 20};
    const Text plain = text_of(*backend, options);
    EXPECT_EQ(plain.result.ids, Ids(expected.begin(), first));
    EXPECT_EQ(plain.result.stop_reason, StopReason::end_of_text);
    options.draft = {.drafter = knowing(expected, tokens), .tokens = tokens};
    expect_same_text(text_of(*backend, options), plain);
  }
}

TEST(Drafts, AGeneratorStopsWithinAPass) {
  for (const auto& backend : backends()) {
    SCOPED_TRACE(backend->name());
    const Ids expected = generate(*backend, prompt(), {.max_tokens = 20}).ids;
    for (std::int64_t length = 1; length <= 7; ++length) {
      const auto sequence = backend->open();
      Generator generator(
          *sequence, prompt(),
          {.max_tokens = 20, .draft = {.drafter = knowing(expected, -1), .tokens = 3}});
      Ids ids;
      while (std::ssize(ids) < length) ids.push_back(generator.next().value());
      generator.stop();
      EXPECT_EQ(generator.next(), std::nullopt);
      EXPECT_EQ(ids, Ids(expected.begin(), expected.begin() + length));
      EXPECT_EQ(generator.result().ids, ids);
      generator.finish();
      const auto plain = backend->open();
      plain->prefill(prompt());
      for (const TokenId id : ids) plain->decode(id);
      EXPECT_EQ(sequence->state(), plain->state());
    }
  }
}

TEST(Drafts, AGeneratorThatIsLeftLeavesTheSameSequence) {
  for (const auto& backend : backends()) {
    SCOPED_TRACE(backend->name());
    const Ids expected = generate(*backend, prompt(), {.max_tokens = 20}).ids;
    const auto state_after = [&](std::int64_t length, const Drafter& drafter) {
      const auto sequence = backend->open();
      {
        Generator generator(*sequence, prompt(),
                            {.max_tokens = 20, .draft = {.drafter = drafter, .tokens = 3}});
        for (std::int64_t i = 0; i < length; ++i) generator.next();
      }
      return sequence->state();
    };
    for (std::int64_t length = 0; length <= 9; ++length) {
      const State plain = state_after(length, {});
      for (const std::int64_t wrong : {-1, 0, 2}) {
        const State found = state_after(length, knowing(expected, wrong));
        EXPECT_EQ(found.position, plain.position) << length;
        EXPECT_EQ(found.ssm, plain.ssm) << length;
        EXPECT_EQ(found.conv, plain.conv) << length;
      }
    }
  }
}

TEST(Drafts, StopBetweenTheTokensOfAPass) {
  const auto backend = engine_backend(model());
  const Ids expected = generate(*backend, prompt(), {.max_tokens = 20}).ids;
  std::stop_source source;
  const auto sequence = backend->open();
  Generator generator(*sequence, prompt(),
                      {.max_tokens = 20,
                       .draft = {.drafter = knowing(expected, -1), .tokens = 3},
                       .stop = source.get_token()});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(generator.next());
  source.request_stop();
  EXPECT_THROW(generator.next(), Stopped);
  EXPECT_EQ(generator.result().ids.size(), 3u);
}

TEST(Drafts, RefuseWhatCannotBe) {
  const auto backend = engine_backend(model());
  const Drafter strange = [](std::span<const TokenId>, std::int64_t) { return Ids{kVocab}; };
  EXPECT_THAT(
      test::error_of([&] { generate(*backend, prompt(), {.draft = {.drafter = strange}}); }),
      HasSubstr("token id 37 is outside the vocabulary"));
  EXPECT_THAT(test::error_of([&] {
                generate(*backend, prompt(), {.draft = {.drafter = strange, .tokens = 0}});
              }),
              HasSubstr("at least 1 token"));
  EXPECT_THAT(test::error_of([] { ngram_drafter({.shortest = 0}); }), HasSubstr("0 to 16"));
  EXPECT_THAT(test::error_of([] { ngram_drafter({.shortest = 3, .longest = 2}); }),
              HasSubstr("3 to 2"));
}

TEST(Drafts, NeedAModelWithTheSameTokens) {
  const test::TemporaryFolder folder;
  const auto saved = [&](const std::string& name, std::int64_t vocab) {
    test::RandomModel({.vocab_size = vocab}).write_hugging_face(folder / name);
    return open_model(folder / name);
  };
  const Model bare = saved("bare", 37);
  const Model other = saved("other", 41);
  EXPECT_THAT(test::error_of([&] { model_drafter(reference_backend(other), bare); }),
              AllOf(HasSubstr((folder / "bare").string()), HasSubstr((folder / "other").string()),
                    HasSubstr("41 and 37 tokens")));

  const auto shipped = test::shipped_model() / "tokenizer.json";
  test::RandomModel({.vocab_size = 4096}).write_hugging_face(folder / "same");
  test::RandomModel({.vocab_size = 4100}).write_hugging_face(folder / "padded");
  const Model same = open_model(folder / "same", {.tokenizer = shipped});
  const Model padded = open_model(folder / "padded", {.tokenizer = shipped});
  model_drafter(reference_backend(padded), same);
  model_drafter(reference_backend(same), padded);

  // Ids that only the larger vocabulary has end the drafts, and not the text.
  const auto larger = reference_backend(padded);
  const GenerateOptions plain = {.max_tokens = 6};
  GenerateOptions drafted = plain;
  drafted.draft.drafter = model_drafter(reference_backend(same), padded);
  const Ids strange = {10, 4098, 20};
  EXPECT_EQ(generate(*larger, strange, drafted).ids, generate(*larger, strange, plain).ids);

  const Model little = test::load_random_model({.vocab_size = 300}, true);
  EXPECT_THAT(test::error_of([&] { model_drafter(reference_backend(little), same); }),
              AllOf(HasSubstr((folder / "same").string()), HasSubstr("different tokens")));
}

TEST(NgramDrafter, ProposesWhatFollowedTheLongestMatch) {
  const Drafter drafter = ngram_drafter({.shortest = 2, .longest = 3});
  struct Case {
    Ids text;
    std::int64_t count;
    Ids draft;
  };
  const Case cases[] = {
      {{}, 3, {}},
      {{1}, 3, {}},
      {{1, 2}, 3, {}},
      {{1, 2, 3, 4, 5}, 3, {}},
      {{5, 1, 5}, 3, {}},                                    // one token is too short
      {{1, 2, 7, 8, 1, 2}, 2, {7, 8}},                       //
      {{1, 2, 7, 8, 1, 2}, 1, {7}},                          //
      {{1, 2, 7, 3, 1, 2, 8, 4, 1, 2}, 2, {8, 4}},           // the latest of equals
      {{9, 1, 2, 7, 3, 1, 2, 8, 9, 1, 2}, 2, {7, 3}},        // the longest
      {{6, 9, 1, 2, 7, 5, 9, 1, 2, 8, 6, 9, 1, 2}, 1, {8}},  // equal in its last three tokens
      {{1, 2, 3, 1, 2}, 7, {3, 1, 2, 3, 1, 2, 3}},           // continues a repetition
      {{4, 4, 4}, 3, {4, 4, 4}},
      {{1, 2, 3, 1, 2}, 0, {}},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(drafter(each.text, each.count), each.draft) << ::testing::PrintToString(each.text);
  }
}

}  // namespace
}  // namespace lightmamba
