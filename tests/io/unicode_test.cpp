#include "io/unicode.h"

#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <utf8proc.h>
#include <vector>

namespace lightmamba {
namespace {

std::string nfc(std::string_view text) {
  std::string storage;
  return std::string(to_nfc(text, storage));
}

std::string utf8proc_nfc(const std::string& text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.c_str());
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> result(utf8proc_NFC(bytes),
                                                                       &std::free);
  return reinterpret_cast<const char*>(result.get());
}

std::string utf8(const std::vector<char32_t>& characters) {
  std::string text;
  for (const char32_t c : characters) append_utf8(c, text);
  return text;
}

TEST(CharClass, SpaceIsWhiteSpace) {
  const std::vector<char32_t> spaces{0x09,   0x0a,   0x0b,   0x0c,   0x0d,   0x20,   0x85,
                                     0xa0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                     0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028,
                                     0x2029, 0x202f, 0x205f, 0x3000};
  std::vector<char32_t> found;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (char_class(c) == CharClass::space) found.push_back(c);
  }
  EXPECT_EQ(found, spaces);
}

TEST(CharClass, LettersAndNumbersOfAllKinds) {
  for (const char32_t c : std::u32string(U"aZªÀǅʰאक中가ﬁ𝒜𠀀")) {
    EXPECT_EQ(char_class(c), CharClass::letter) << std::hex << unsigned{c};
  }
  for (const char32_t c : std::u32string(U"09²½Ⅷ〇١๓①𝟘")) {
    EXPECT_EQ(char_class(c), CharClass::number) << std::hex << unsigned{c};
  }
  for (const char32_t c : U"_-'$€\u0301\u093f\u200b\u200d\ufeff😀\U000e0001\U0010fffd") {
    EXPECT_EQ(char_class(c), CharClass::other) << std::hex << unsigned{c};
  }
}

TEST(WordCharacter, FollowsUts18) {
  for (const char32_t c : std::u32string(U"a9_‿é中\u0301\u200dⓐ🅐Ⅷ")) {
    EXPECT_TRUE(is_word_character(c)) << std::hex << unsigned{c};
  }
  for (const char32_t c : U" -.½²€😀") EXPECT_FALSE(is_word_character(c)) << std::hex << unsigned{c};
}

TEST(Nfc, KnownForms) {
  EXPECT_EQ(nfc(""), "");
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("e\u0301"), "\u00e9");
  EXPECT_EQ(nfc("xe\u0301y"), "x\u00e9y");
  EXPECT_EQ(nfc("\u212b"), "\u00c5");               // the angstrom sign is a letter
  EXPECT_EQ(nfc("\u0301"), "\u0301");               // nothing to join
  EXPECT_EQ(nfc("a\u0316\u0301"), "\u00e1\u0316");  // marks of two classes
  EXPECT_EQ(nfc("a\u0301\u0316"), "\u00e1\u0316");  // in either order
  EXPECT_EQ(nfc("a\u0301\u0300"), "\u00e1\u0300");  // marks of one class keep their order
  EXPECT_EQ(nfc("\u0958"), "\u0915\u093c");         // excluded from composition
  EXPECT_EQ(nfc("\u1100\u1161\u11a8"), "\uac01");   // Hangul
  EXPECT_EQ(nfc("\uac00\u11a8"), "\uac01");
  EXPECT_EQ(nfc("\U0001d15e"), "\U0001d157\U0001d165");
  EXPECT_EQ(nfc("ﬁ½"), "ﬁ½");  // compatibility forms stay
}

TEST(Nfc, UnchangedTextIsNotCopied) {
  std::string storage;
  const std::string_view text = "caf\u00e9 \u4e2d\U0001f600";
  EXPECT_EQ(to_nfc(text, storage).data(), text.data());
}

TEST(Nfc, AgreesWithUtf8procOnRandomText) {
  std::mt19937 random(1);
  const std::vector<char32_t> likely{'a',    'e',    ' ',    0x0301, 0x0316, 0x0300, 0x0327,
                                     0xe9,   0x1100, 0x1161, 0x11a8, 0xac00, 0x0f71, 0x0f72,
                                     0x0958, 0x212b, 0x4e2d, 0x1e9b, 0x0323, 0x3099, 0x304b};
  for (int round = 0; round < 20000; ++round) {
    std::vector<char32_t> characters(1 + random() % 12);
    for (char32_t& c : characters) {
      c = random() % 4 != 0 ? likely[random() % likely.size()]
                            : static_cast<char32_t>(1 + random() % 0x2ffff);
      if (c >= 0xd800 && c < 0xe000) c = 'x';
    }
    const std::string text = utf8(characters);
    const std::string expected = utf8proc_nfc(text);
    ASSERT_EQ(nfc(text), expected) << round;
    ASSERT_EQ(nfc(expected), expected) << round;
  }
}

TEST(Nfc, EveryCharacterAloneAndAfterALetter) {
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const std::string text = utf8({c, 'a', c});
    ASSERT_EQ(nfc(text), utf8proc_nfc(text)) << std::hex << unsigned{c};
  }
}

TEST(Nfc, LongRunsOfMarksTakeNoQuadraticTime) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += "\u0301\u0316";
  const auto start = std::chrono::steady_clock::now();
  const std::string result = nfc(text);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(result.size(), text.size() - 1);
  EXPECT_TRUE(result.starts_with("\u00e1\u0316\u0316"));
}

}  // namespace
}  // namespace lightmamba
