#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <lightmamba/tokenizer.h>

#include "support/tokenizers.h"

namespace lightmamba {
namespace {

using test::added_token;
using test::byte_level_file;
using test::parse_tokenizer;
using Ids = std::vector<TokenId>;

constexpr TokenId kToken = 1000;

// One added token "<a>", all flags false but those named.
Tokenizer with_token(const std::vector<std::string>& flags) {
  Json token = added_token(kToken, "<a>");
  for (const std::string& flag : flags) token[flag] = true;
  Json file = byte_level_file();
  file["added_tokens"] = Json::array({token});
  return parse_tokenizer(file);
}

TEST(AddedTokens, AreFoundAnywhere) {
  const Tokenizer tokenizer = with_token({});
  EXPECT_EQ(tokenizer.encode("<a>"), (Ids{kToken}));
  EXPECT_EQ(tokenizer.encode("x<a><a>y"), (Ids{'x', kToken, kToken, 'y'}));
  EXPECT_EQ(tokenizer.encode("<<a"), (Ids{'<', '<', 'a'}));
  EXPECT_EQ(tokenizer.encode(" <a> "), (Ids{' ', kToken, ' '}));
  EXPECT_EQ(tokenizer.decode({kToken, 'x'}), "<a>x");
  EXPECT_FALSE(tokenizer.is_special(kToken));
  EXPECT_TRUE(with_token({"special"}).is_special(kToken));
}

TEST(AddedTokens, TheLeftmostLongestWins) {
  Json file = byte_level_file();
  file["added_tokens"] = {added_token(1001, "ab"), added_token(1002, "abcd"),
                          added_token(1003, "bcd"), added_token(1004, "  "),
                          added_token(1005, "   ")};
  const Tokenizer tokenizer = parse_tokenizer(file);
  EXPECT_EQ(tokenizer.encode("abcd"), (Ids{1002}));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{1001, 'c'}));
  EXPECT_EQ(tokenizer.encode("bcd"), (Ids{1003}));
  EXPECT_EQ(tokenizer.encode("     "), (Ids{1005, 1004}));
}

TEST(AddedTokens, StripTakesWhiteSpaceAlong) {
  const std::string text = "x \u00a0<a>\n\t y";
  EXPECT_EQ(with_token({}).encode(text), (Ids{'x', ' ', 0xc2, 0xa0, kToken, '\n', '\t', ' ', 'y'}));
  EXPECT_EQ(with_token({"lstrip"}).encode(text), (Ids{'x', kToken, '\n', '\t', ' ', 'y'}));
  EXPECT_EQ(with_token({"rstrip"}).encode(text), (Ids{'x', ' ', 0xc2, 0xa0, kToken, 'y'}));
  EXPECT_EQ(with_token({"lstrip", "rstrip"}).encode(text), (Ids{'x', kToken, 'y'}));
  EXPECT_EQ(with_token({"lstrip", "rstrip"}).encode(" <a> <a> "), (Ids{kToken, kToken}));
}

TEST(AddedTokens, ASingleWordTouchesNoWordCharacter) {
  const Tokenizer tokenizer = with_token({"single_word"});
  EXPECT_EQ(tokenizer.encode("<a>"), (Ids{kToken}));
  EXPECT_EQ(tokenizer.encode("-<a>."), (Ids{'-', kToken, '.'}));
  EXPECT_EQ(tokenizer.encode("x<a>"), (Ids{'x', '<', 'a', '>'}));
  EXPECT_EQ(tokenizer.encode("<a>_"), (Ids{'<', 'a', '>', '_'}));
  EXPECT_EQ(tokenizer.encode("<a>\u00e9"), (Ids{'<', 'a', '>', 0xc3, 0xa9}));
}

TEST(AddedTokens, NormalizedOnesAreLookedForInNormalizedText) {
  Json file = byte_level_file();
  file["normalizer"] = {{"type", "NFC"}};
  Json normalized = added_token(1001, "e\u0301x");
  normalized["normalized"] = true;
  file["added_tokens"] = {normalized, added_token(1002, "o\u0301x")};
  const Tokenizer tokenizer = parse_tokenizer(file);
  EXPECT_EQ(tokenizer.encode("e\u0301x"), (Ids{1001}));
  EXPECT_EQ(tokenizer.encode("\u00e9x"), (Ids{1001}));
  EXPECT_EQ(tokenizer.encode("o\u0301x"), (Ids{1002}));
  EXPECT_EQ(tokenizer.encode("\u00f3x"), (Ids{0xc3, 0xb3, 'x'}));
  EXPECT_EQ(tokenizer.decode({1001}), "e\u0301x");
}

TEST(AddedTokens, RawOnesComeBeforeNormalizedOnes) {
  Json file = byte_level_file();
  Json longer = added_token(1001, "abcd");
  longer["normalized"] = true;
  file["added_tokens"] = {longer, added_token(1002, "bc")};
  EXPECT_EQ(parse_tokenizer(file).encode("abcd"), (Ids{'a', 1002, 'd'}));
}

TEST(AddedTokens, MayRepeatTheVocabulary) {
  Json file = byte_level_file();
  file["model"]["vocab"]["<a>"] = kToken;
  file["added_tokens"] = Json::array({added_token(kToken, "<a>")});
  EXPECT_EQ(parse_tokenizer(file).encode("<a>"), (Ids{kToken}));
}

// What the tokenizers library does where a token's white space is itself a token.
TEST(AddedTokens, WhiteSpaceTokensAfterRstrip) {
  Json stripping = added_token(kToken, "<a>");
  stripping["rstrip"] = true;
  Json file = byte_level_file();
  file["added_tokens"] = {stripping, added_token(1001, "  ")};
  EXPECT_EQ(parse_tokenizer(file).encode("<a>   b"), (Ids{kToken, 1001, ' ', 'b'}));
  file["added_tokens"][1]["lstrip"] = true;
  EXPECT_EQ(parse_tokenizer(file).encode("<a>  b"), (Ids{kToken, 'b'}));
}

TEST(AddedTokens, StrippingLongWhiteSpaceTakesNoQuadraticTime) {
  Json token = added_token(kToken, "  ");
  token["lstrip"] = token["rstrip"] = true;
  Json file = byte_level_file();
  file["added_tokens"] = Json::array({token});
  const Tokenizer tokenizer = parse_tokenizer(file);
  const auto start = std::chrono::steady_clock::now();
  tokenizer.encode(std::string(1 << 20, ' '));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace lightmamba
