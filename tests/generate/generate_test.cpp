#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include <lightmamba/generate.h>
#include <lightmamba/load.h>

#include "support/errors.h"
#include "support/on_reference.h"
#include "support/paths.h"
#include "support/random_model.h"

namespace lightmamba {
namespace {

using test::error_of;
using test::RandomModel;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Lt;

class Generate : public ::testing::Test {
 protected:
  static const Model& model() {
    static const Model shipped = open_model(test::shipped_model());
    return shipped;
  }
  static std::vector<TokenId> prompt() { return model().tokenizer().encode("It was the"); }
};

// Token by token from nothing, without prefill or a sampler.
std::vector<TokenId> greedy_by_decode(const Model& model, const std::vector<TokenId>& sequence,
                                      std::size_t count) {
  const auto running = reference_backend(model)->open();
  for (const TokenId id : sequence) running->decode(id);
  std::vector<TokenId> ids;
  while (ids.size() < count) {
    const std::span logits = running->logits();
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    ids.push_back(static_cast<TokenId>(best));
    running->decode(ids.back());
  }
  return ids;
}

TEST_F(Generate, GreedyIsTheLargestLogitOfEachStep) {
  const GenerateResult result = generate(model(), prompt(), {.max_tokens = 24});
  EXPECT_EQ(result.ids, greedy_by_decode(model(), prompt(), 24));
  EXPECT_EQ(result.stop_reason, StopReason::max_tokens);
  EXPECT_EQ(result.prompt_tokens, std::ssize(prompt()));
  EXPECT_EQ(result.decode_steps, 23);
  EXPECT_GT(result.prefill_seconds, 0);
  EXPECT_GT(result.decode_seconds, 0);
}

TEST_F(Generate, TheSeedDecides) {
  GenerateOptions options{.max_tokens = 24, .sampling = {.temperature = 1, .seed = 7}};
  const std::vector<TokenId> first = generate(model(), prompt(), options).ids;
  EXPECT_EQ(generate(model(), prompt(), options).ids, first);
  options.sampling.seed = 8;
  EXPECT_NE(generate(model(), prompt(), options).ids, first);
}

TEST_F(Generate, ThePenaltySeesPromptAndOutput) {
  GenerateOptions options{.max_tokens = 40};
  options.sampling.repeat_penalty = 1e6F;
  std::vector<TokenId> ids = generate(model(), prompt(), options).ids;
  for (const TokenId id : prompt()) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST_F(Generate, TheCallbackSeesEachTokenAndCanStop) {
  std::vector<TokenId> seen;
  const GenerateResult result = generate(model(), prompt(), {.max_tokens = 20}, [&](TokenId id) {
    seen.push_back(id);
    return seen.size() < 5;
  });
  EXPECT_EQ(seen.size(), 5u);
  EXPECT_EQ(result.ids, seen);
  EXPECT_EQ(result.stop_reason, StopReason::callback);
}

TEST_F(Generate, StopsAtEndOfTextWithoutReturningIt) {
  const std::vector<TokenId> greedy = generate(model(), prompt(), {.max_tokens = 12}).ids;
  const TokenId end = greedy[8];
  const auto first = std::find(greedy.begin(), greedy.end(), end);

  const test::TemporaryFolder folder;
  for (const char* name : {"model.safetensors", "tokenizer.json"}) {
    std::filesystem::create_symlink(test::shipped_model() / name, folder / name);
  }
  auto config = test::read_file(test::shipped_model() / "config.json");
  const std::string field = "\"eos_token_id\": 0";
  ASSERT_NE(config.find(field), std::string::npos);
  config.replace(config.find(field), field.size(), "\"eos_token_id\": " + std::to_string(end));
  test::write_file(folder / "config.json", config);
  const Model other = open_model(folder.path());

  const GenerateResult stopped = generate(other, prompt(), {.max_tokens = 12});
  EXPECT_EQ(stopped.ids, std::vector<TokenId>(greedy.begin(), first));
  EXPECT_EQ(stopped.stop_reason, StopReason::end_of_text);
  const GenerateResult whole = generate(other, prompt(), {.max_tokens = 12, .stop_at_eos = false});
  EXPECT_EQ(whole.ids, greedy);
}

TEST_F(Generate, AStateGoesOnWhereItStopped) {
  const auto backend = reference_backend(model());
  const auto running = backend->open();
  const GenerateResult first = generate(*running, prompt(), {.max_tokens = 6});
  EXPECT_EQ(first.decode_steps, 6);
  const auto expected = backend->open();
  expected->prefill(prompt());
  for (const TokenId id : first.ids) expected->decode(id);
  EXPECT_EQ(running->state(), expected->state());

  const std::vector<TokenId> more = model().tokenizer().encode(" and");
  std::vector<TokenId> sequence = prompt();
  sequence.insert(sequence.end(), first.ids.begin(), first.ids.end());
  sequence.insert(sequence.end(), more.begin(), more.end());
  EXPECT_EQ(generate(*running->fork(), {}, {.max_tokens = 6}).ids,
            greedy_by_decode(model(), {sequence.begin(), sequence.end() - std::ssize(more)}, 6));
  EXPECT_EQ(generate(*running, more, {.max_tokens = 6}).ids,
            greedy_by_decode(model(), sequence, 6));
}

TEST_F(Generate, AGeneratorIsSteppedStoppedAndFinished) {
  const std::vector<TokenId> greedy = greedy_by_decode(model(), prompt(), 5);
  const auto running = reference_backend(model())->open();
  Generator generator(*running, prompt(), {.max_tokens = 5});
  EXPECT_EQ(generator.result().prompt_tokens, std::ssize(prompt()));
  EXPECT_EQ(generator.next(), greedy[0]);
  EXPECT_EQ(running->position(), std::ssize(prompt()));  // the last token is fed when one follows
  EXPECT_EQ(generator.next(), greedy[1]);
  EXPECT_EQ(generator.next(), greedy[2]);
  generator.stop();
  EXPECT_EQ(generator.next(), std::nullopt);
  EXPECT_EQ(generator.result().stop_reason, StopReason::callback);
  EXPECT_EQ(generator.result().ids, std::vector<TokenId>(greedy.begin(), greedy.begin() + 3));
  generator.finish();
  EXPECT_EQ(running->position(), std::ssize(prompt()) + 3);
  EXPECT_EQ(generate(*running, {}, {.max_tokens = 2}).ids,
            std::vector<TokenId>(greedy.begin() + 3, greedy.end()));
}

TEST_F(Generate, ASamplerAndASequenceDoWhatTheGeneratorDoes) {
  const SamplingOptions options{.temperature = 0.9F, .top_k = 40, .repeat_penalty = 1.1F};
  const auto running = reference_backend(model())->open();
  Sampler sampler(options, model());
  std::vector<TokenId> seen = prompt();
  running->prefill(seen);
  std::vector<TokenId> ids;
  while (ids.size() < 12) {
    ids.push_back(sampler.sample(running->logits(), seen));
    seen.push_back(ids.back());
    running->decode(ids.back());
  }
  EXPECT_EQ(ids, generate(model(), prompt(), {.max_tokens = 12, .sampling = options}).ids);
}

TEST_F(Generate, NoTokensWantedIsThePromptAlone) {
  const auto running = reference_backend(model())->open();
  const GenerateResult result = generate(*running, prompt(), {.max_tokens = 0});
  EXPECT_TRUE(result.ids.empty());
  EXPECT_EQ(result.stop_reason, StopReason::max_tokens);
  EXPECT_EQ(running->position(), std::ssize(prompt()));
}

TEST_F(Generate, RefusesBadInput) {
  EXPECT_THAT(error_of([&] { generate(model(), {}); }), HasSubstr("the prompt has no tokens"));
  EXPECT_THAT(error_of([&] { generate(model(), prompt(), {.max_tokens = -1}); }),
              HasSubstr("max_tokens must not be negative"));
  EXPECT_THAT(error_of([&] { generate(model(), std::vector<TokenId>{4096}); }),
              HasSubstr("token id 4096 is outside the vocabulary"));
  EXPECT_THAT(error_of([&] { generate(model(), prompt(), {.sampling = {.top_p = 2}}); }),
              HasSubstr("top_p"));
}

TEST_F(Generate, PaddingRowsOfTheVocabularyAreNeverChosen) {
  const test::TemporaryFolder folder;
  RandomModel({.vocab_size = 8192}).write_hugging_face(folder / "m");
  const std::vector<TokenId> start = {1, 2, 3};
  const GenerateOptions options{.max_tokens = 64, .sampling = {.temperature = 100}};
  const auto tokenizer = test::shipped_model() / "tokenizer.json";
  const Model padded = open_model(folder / "m", {.tokenizer = tokenizer});
  EXPECT_THAT(generate(padded, start, options).ids, Each(Lt(4096)));
  const Model bare = open_model(folder / "m");
  const std::vector<TokenId> ids = generate(bare, start, options).ids;
  EXPECT_GE(*std::max_element(ids.begin(), ids.end()), 4096);
}

}  // namespace
}  // namespace lightmamba
