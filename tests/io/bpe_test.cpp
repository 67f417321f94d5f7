#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <lightmamba/tokenizer.h>

#include "support/errors.h"
#include "support/tokenizers.h"

namespace lightmamba {
namespace {

using test::byte_level_file;
using test::parse_tokenizer;
using test::TokenPair;

// Merges over letters, each of two tokens that are there before.
std::vector<TokenPair> random_merges(std::mt19937& random, const std::string& letters, int count) {
  std::vector<std::string> tokens;
  for (const char c : letters) tokens.emplace_back(1, c);
  std::map<std::string, bool> made;
  std::vector<TokenPair> merges;
  while (static_cast<int>(merges.size()) < count) {
    const std::string& left = tokens[random() % tokens.size()];
    const std::string& right = tokens[random() % tokens.size()];
    if (left.size() + right.size() > 12 || made[left + right]) continue;
    made[left + right] = true;
    merges.emplace_back(left, right);
    tokens.push_back(left + right);
  }
  std::shuffle(merges.begin(), merges.end(), random);
  return merges;
}

// BPE as one would explain it: again and again, join the leftmost pair of the lowest rank.
std::vector<TokenId> naive_bpe(const std::string& word, const std::vector<TokenPair>& merges) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  while (true) {
    std::size_t best_rank = merges.size();
    std::size_t best = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      for (std::size_t rank = 0; rank < best_rank; ++rank) {
        if (merges[rank] == TokenPair(symbols[i], symbols[i + 1])) {
          best_rank = rank;
          best = i;
        }
      }
    }
    if (best_rank == merges.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  std::vector<TokenId> ids;
  for (const std::string& symbol : symbols) {
    TokenId id = static_cast<unsigned char>(symbol[0]);
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
      if (merges[rank].first + merges[rank].second == symbol) id = static_cast<TokenId>(256 + rank);
    }
    ids.push_back(id);
  }
  return ids;
}

TEST(Bpe, AgreesWithNaiveBpeOnRandomWords) {
  std::mt19937 random(3);
  for (int vocabulary = 0; vocabulary < 30; ++vocabulary) {
    const std::string letters = vocabulary % 2 == 0 ? "ab" : "abcd";
    const std::vector<TokenPair> merges = random_merges(random, letters, 3 + vocabulary);
    const Tokenizer tokenizer = parse_tokenizer(byte_level_file(merges));
    for (int round = 0; round < 200; ++round) {
      std::string word(1 + random() % 60, ' ');
      for (char& c : word) c = letters[random() % letters.size()];
      const std::vector<TokenId> expected = naive_bpe(word, merges);
      ASSERT_EQ(tokenizer.encode(word), expected) << word;
      ASSERT_EQ(tokenizer.encode(word), expected) << word << ", remembered";
      ASSERT_EQ(tokenizer.decode(expected), word);
    }
  }
}

TEST(Bpe, MergesTheLowestRankFirstAndOfEqualsTheLeftmost) {
  const Tokenizer tokenizer =
      parse_tokenizer(byte_level_file({{"b", "c"}, {"a", "b"}, {"a", "a"}}));
  EXPECT_EQ(tokenizer.encode("abc"), (std::vector<TokenId>{'a', 256}));
  EXPECT_EQ(tokenizer.encode("ab"), (std::vector<TokenId>{257}));
  EXPECT_EQ(tokenizer.encode("aaa"), (std::vector<TokenId>{258, 'a'}));
}

TEST(Bpe, IgnoreMergesKeepsWordsThatAreTokens) {
  Json file = byte_level_file({{"a", "b"}});
  file["model"]["vocab"]["Ġabc"] = 300;
  EXPECT_EQ(parse_tokenizer(file).encode(" abc"), (std::vector<TokenId>{' ', 256, 'c'}));
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(parse_tokenizer(file).encode(" abc"), (std::vector<TokenId>{300}));
  EXPECT_EQ(parse_tokenizer(file).encode("abc"), (std::vector<TokenId>{256, 'c'}));
}

TEST(Bpe, AMegabyteWithoutAWordBoundaryTakesNoQuadraticTime) {
  std::mt19937 random(4);
  const Tokenizer tokenizer = parse_tokenizer(byte_level_file(random_merges(random, "abc", 60)));
  std::string word(1 << 20, ' ');
  for (char& c : word) c = "abc"[random() % 3];
  for (const std::string& text : {word, std::string(1 << 20, 'a')}) {
    const auto start = std::chrono::steady_clock::now();
    const std::vector<TokenId> ids = tokenizer.encode(text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
    EXPECT_EQ(tokenizer.decode(ids), text);
  }
}

TEST(Bpe, AByteWithoutATokenIsNamed) {
  Json file = byte_level_file();
  file["model"]["vocab"].erase("x");
  const Tokenizer tokenizer = parse_tokenizer(file);
  EXPECT_EQ(tokenizer.encode("abc").size(), 3U);
  EXPECT_THAT(test::error_of([&] { tokenizer.encode("a x"); }),
              testing::AllOf(testing::HasSubstr("t.json"), testing::HasSubstr("byte 0x78")));
  EXPECT_EQ(tokenizer.encode("abc").size(), 3U);
}

TEST(Bpe, SeveralThreadsEncodeAtOnce) {
  std::mt19937 random(5);
  const Tokenizer tokenizer = parse_tokenizer(byte_level_file(random_merges(random, "abcd", 40)));
  std::string text;
  for (int i = 0; i < 20000; ++i) text += " abcd"[random() % 5];
  const std::vector<TokenId> expected = tokenizer.encode(text);
  std::vector<std::vector<TokenId>> results(4);
  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (std::vector<TokenId>& result : results) {
    threads.emplace_back([&result, &text, copy = tokenizer] {
      for (int i = 0; i < 5; ++i) result = copy.encode(text);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<TokenId>& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace lightmamba
