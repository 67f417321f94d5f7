#include <stop_token>

#include <lightmamba/accelerator.h>
#include <lightmamba/engine.h>
#include <lightmamba/generate.h>
#include <lightmamba/prompt_cache.h>

#include "base/fail.h"
#include "support/errors.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

const Model& model() {
  static const Model result =
      quantize(test::load_random_model(), test::accelerator_options()).model;
  return result;
}

const std::vector<TokenId>& tokens() {
  static const std::vector<TokenId> ids = test::random_tokens(5 * kPrefillSegment, 37);
  return ids;
}

TEST(Stop, PrefillEndsBeforeItsNextSegment) {
  const std::pair<std::shared_ptr<const Backend>, std::int64_t> segments[] = {
      {reference_backend(model()), 2 * kPrefillSegment},
      {engine_backend(model()), kPrefillSegment},
      {golden_backend(model()), 8}};  // the slots of a pass
  for (const auto& [backend, segment] : segments) {
    SCOPED_TRACE(backend->name());
    std::stop_source source;
    std::int64_t calls = 0;
    const auto sequence = backend->open();
    const auto stop_at_once = [&](std::int64_t /*index*/, std::span<const float> /*logits*/) {
      ++calls;
      source.request_stop();
    };
    EXPECT_THROW(sequence->prefill_all(tokens(), stop_at_once, source.get_token()), Stopped);
    EXPECT_EQ(calls, segment);
    const auto another = backend->open();
    EXPECT_THROW(another->prefill(tokens(), source.get_token()), Stopped);
    EXPECT_EQ(another->position(), 0);
  }
}

TEST(Stop, ATokenThatIsNotStoppedChangesNothing) {
  const std::stop_source source;
  const auto prompt = std::span(tokens()).first(kPrefillSegment + 3);
  for (const auto& backend : {reference_backend(model()), engine_backend(model())}) {
    const auto with = backend->open();
    const auto without = backend->open();
    with->prefill(prompt, source.get_token());
    without->prefill(prompt);
    EXPECT_EQ(with->state(), without->state());
  }
}

TEST(Stop, AGeneratorEndsBetweenTokens) {
  const auto backend = engine_backend(model());
  std::stop_source source;
  const auto sequence = backend->open();
  Generator generator(*sequence, std::span(tokens()).first(9), {.stop = source.get_token()});
  EXPECT_TRUE(generator.next());
  source.request_stop();
  EXPECT_THROW(generator.next(), Stopped);
  EXPECT_EQ(generator.result().ids.size(), 1u);
  EXPECT_THROW(generate(*backend, tokens(), {.stop = source.get_token()}), Stopped);
}

TEST(Stop, APromptCacheKeepsWhatWasDone) {
  std::stop_source source;
  PromptCache cache(engine_backend(model()), std::size_t{1} << 20);
  const auto known = std::span(tokens()).first(kPrefillSegment);
  cache.open(known, source.get_token());
  source.request_stop();
  EXPECT_THROW(cache.open(tokens(), source.get_token()), Stopped);
  EXPECT_EQ(cache.open(tokens()).reused_tokens, kPrefillSegment);
}

TEST(Stop, ContextDoesNotHideIt) {
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(with_context("a file", [&] { throw_if_stopped(source.get_token()); }), Stopped);
}

}  // namespace
}  // namespace lightmamba
