#include <memory>

#include <lightmamba/engine.h>
#include <lightmamba/prompt_cache.h>

#include "support/errors.h"
#include "support/quantized.h"

namespace lightmamba {
namespace {

using ::testing::HasSubstr;

const std::shared_ptr<const Backend>& backend() {
  static const auto result = engine_backend(
      quantize(test::load_random_model({}),
               {.scheme = {8, 8}, .group = 16, .calibration = test::random_tokens(100, 37)})
          .model);
  return result;
}

std::span<const TokenId> tokens() {
  static const std::vector<TokenId> ids = test::random_tokens(4 * kPrefillSegment, 37);
  return ids;
}

std::size_t state_bytes() { return backend()->open()->bytes(); }

void expect_as_without(const PromptCache::Prompted& found, std::span<const TokenId> prompt) {
  const auto sequence = backend()->open();
  sequence->prefill(prompt);
  EXPECT_EQ(found.sequence->state(), sequence->state());
}

TEST(PromptCache, GoesOnFromTheLongestBeginning) {
  PromptCache cache(backend(), 100 * state_bytes());
  const auto first = tokens().first(2 * kPrefillSegment + 10);
  expect_as_without(cache.open(first), first);
  EXPECT_EQ(cache.bytes(), 2 * state_bytes());

  const auto longer = tokens().first(3 * kPrefillSegment + 5);
  const PromptCache::Prompted again = cache.open(longer);
  EXPECT_EQ(again.reused_tokens, 2 * kPrefillSegment);
  expect_as_without(again, longer);

  std::vector<TokenId> other(longer.begin(), longer.end());
  other[kPrefillSegment + 3] = (other[kPrefillSegment + 3] + 1) % 37;
  const PromptCache::Prompted branch = cache.open(other);
  EXPECT_EQ(branch.reused_tokens, kPrefillSegment);
  expect_as_without(branch, other);
}

TEST(PromptCache, PromptsThatEndWhereSegmentsDoHaveLogits) {
  PromptCache cache(backend(), 100 * state_bytes());
  const auto prompt = tokens().first(kPrefillSegment);
  for (int i = 0; i < 2; ++i) {
    const PromptCache::Prompted found = cache.open(prompt);
    EXPECT_EQ(found.reused_tokens, i == 0 ? 0 : kPrefillSegment);
    expect_as_without(found, prompt);
  }
  EXPECT_EQ(cache.bytes(), state_bytes());
}

TEST(PromptCache, DecodingLeavesWhatIsKeptAlone) {
  PromptCache cache(backend(), 100 * state_bytes());
  const auto prompt = tokens().first(kPrefillSegment + 1);
  cache.open(prompt).sequence->decode(3);
  expect_as_without(cache.open(prompt), prompt);
}

TEST(PromptCache, ForgetsTheLeastRecentlyUsed) {
  PromptCache cache(backend(), 2 * state_bytes());
  std::vector<std::vector<TokenId>> prompts;
  for (TokenId first = 0; first < 3; ++first) {
    std::vector<TokenId>& prompt = prompts.emplace_back(tokens().begin(), tokens().end());
    prompt.resize(kPrefillSegment + 1);
    prompt[0] = first;
  }
  cache.open(prompts[0]);
  cache.open(prompts[1]);
  EXPECT_EQ(cache.open(prompts[0]).reused_tokens, kPrefillSegment);
  cache.open(prompts[2]);
  EXPECT_EQ(cache.bytes(), 2 * state_bytes());
  EXPECT_EQ(cache.open(prompts[0]).reused_tokens, kPrefillSegment);
  EXPECT_EQ(cache.open(prompts[1]).reused_tokens, 0);
}

TEST(PromptCache, WithoutRoomKeepsNothing) {
  PromptCache cache(backend(), state_bytes() - 1);
  const auto prompt = tokens().first(kPrefillSegment + 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(cache.open(prompt).reused_tokens, 0);
  EXPECT_EQ(cache.bytes(), 0);
}

TEST(PromptCache, RefusesBadPrompts) {
  PromptCache cache(backend(), 0);
  EXPECT_THAT(test::error_of([&] { cache.open({}); }), HasSubstr("no tokens"));
  EXPECT_THAT(test::error_of([&] {
                cache.open(std::vector<TokenId>{1, 37});
              }),
              HasSubstr("token id 37"));
}

}  // namespace
}  // namespace lightmamba
