#include <gtest/gtest.h>
#include <map>
#include <random>

#include <lightmamba/generate.h>

#include "base/utf8.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

const Tokenizer& tokenizer() {
  static const Tokenizer shipped = Tokenizer::load(test::shipped_model() / "tokenizer.json");
  return shipped;
}

// Tokens for single bytes, by which any sequence of bytes can be spelled.
TokenId byte_token(char byte) {
  static const auto tokens = [] {
    std::map<char, TokenId> found;
    for (TokenId id = 0; id < static_cast<TokenId>(tokenizer().vocab_size()); ++id) {
      if (!tokenizer().has_token(id)) continue;
      const std::string_view bytes = tokenizer().token_bytes(id);
      if (bytes.size() == 1) found[bytes.front()] = id;
    }
    return found;
  }();
  return tokens.at(byte);
}

TEST(TextStream, HoldsBackAnIncompleteCharacter) {
  TextStream stream(tokenizer());
  EXPECT_EQ(stream.push(byte_token('a')), "a");
  EXPECT_EQ(stream.push(byte_token('\xf0')), "");
  EXPECT_EQ(stream.push(byte_token('\x9f')), "");
  EXPECT_EQ(stream.push(byte_token('\x98')), "");
  EXPECT_EQ(stream.push(byte_token('\x80')), "\xf0\x9f\x98\x80");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, ReplacesWhatIsNoCharacter) {
  TextStream stream(tokenizer());
  EXPECT_EQ(stream.push(byte_token('\xe2')), "");
  EXPECT_EQ(stream.push(byte_token('a')),
            "\xef\xbf\xbd"
            "a");
  EXPECT_EQ(stream.push(byte_token('\x80')), "\xef\xbf\xbd");
  EXPECT_EQ(stream.push(byte_token('\xe2')), "");
  EXPECT_EQ(stream.push(byte_token('\x82')), "");
  EXPECT_EQ(stream.finish(), "\xef\xbf\xbd");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, IsTheWholeTextInWellFormedPieces) {
  std::mt19937 random(1);
  const std::string bytes = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\xed\xa0";
  for (int round = 0; round < 500; ++round) {
    TextStream stream(tokenizer());
    std::string whole;
    std::string streamed;
    for (int i = 0; i < 20; ++i) {
      const char byte = bytes[random() % bytes.size()];
      whole += byte;
      const std::string piece = stream.push(byte_token(byte));
      EXPECT_EQ(valid_utf8_prefix(piece), piece.size());
      streamed += piece;
    }
    streamed += stream.finish();
    ASSERT_EQ(streamed, replace_invalid_utf8(whole));
  }
}

}  // namespace
}  // namespace lightmamba
