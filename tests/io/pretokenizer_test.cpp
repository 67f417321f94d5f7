#include "io/pretokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "io/unicode.h"

namespace lightmamba {
namespace {

using ::testing::ElementsAre;
using Text = std::u32string_view;

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = gpt2_word_end(text, begin);
    found.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return found;
}

bool is_space(char32_t c) { return char_class(c) == CharClass::space; }

std::size_t count_while(Text text, CharClass kind) {
  std::size_t n = 0;
  while (n < text.size() && char_class(text[n]) == kind) ++n;
  return n;
}

// Length of the first alternative that matches at the front, each tried as the pattern has it.
std::size_t match_pattern(Text text) {
  for (const Text ending : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"}) {
    if (text.starts_with(ending)) return ending.size();
  }
  for (const CharClass kind : {CharClass::letter, CharClass::number, CharClass::other}) {
    const std::size_t space = text[0] == U' ' ? 1 : 0;
    const std::size_t run = count_while(text.substr(space), kind);
    if (run > 0) return space + run;
  }
  const std::size_t spaces = count_while(text, CharClass::space);
  for (std::size_t n = spaces; n > 0; --n) {
    if (n == text.size() || is_space(text[n])) return n;
  }
  return spaces;
}

TEST(PreTokenizer, SplitsAsGpt2Does) {
  EXPECT_THAT(words("Hello, world!"), ElementsAre("Hello", ",", " world", "!"));
  EXPECT_THAT(words("I'm you're we'll they'd it's don't I've"),
              ElementsAre("I", "'m", " you", "'re", " we", "'ll", " they", "'d", " it", "'s",
                          " don", "'t", " I", "'ve"));
  EXPECT_THAT(words("'S 'r '' !'s"), ElementsAre("'", "S", " '", "r", " ''", " !'", "s"));
  EXPECT_THAT(words("a1b2 3½x"), ElementsAre("a", "1", "b", "2", " 3½", "x"));
  EXPECT_THAT(words("a  b   c "), ElementsAre("a", " ", " b", "  ", " c", " "));
  EXPECT_THAT(words("a\n\nb\t\n"), ElementsAre("a", "\n", "\n", "b", "\t\n"));
  EXPECT_THAT(words("\u00a0x \u3000y"), ElementsAre("\u00a0", "x", " ", "\u3000", "y"));
  EXPECT_THAT(words("e\u0301t"), ElementsAre("e", "\u0301", "t"));  // a mark is no letter
  EXPECT_THAT(words("你好，世界"), ElementsAre("你好", "，", "世界"));
}

TEST(PreTokenizer, AgreesWithThePatternOnRandomText) {
  std::mt19937 random(2);
  const std::u32string alphabet = U"   ''strevmldx19!?.\n\t½é中\u00a0\u3000\u0085\u0301😀";
  for (int round = 0; round < 20000; ++round) {
    std::u32string text(1 + random() % 16, U' ');
    for (char32_t& c : text) c = alphabet[random() % alphabet.size()];
    std::string bytes;
    std::vector<std::string> expected;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = at + match_pattern(Text(text).substr(at));
      expected.emplace_back();
      for (; at < end; ++at) append_utf8(text[at], expected.back());
      bytes += expected.back();
    }
    ASSERT_EQ(words(bytes), expected) << bytes;
  }
}

std::vector<std::string> pieces(const std::vector<PreTokenizerStep>& steps, std::string_view text,
                                bool begins_text = true) {
  std::vector<std::string> found;
  PreTokenizer(steps).split(text, begins_text,
                            [&](std::string_view word) { found.emplace_back(word); });
  return found;
}

std::vector<std::string> split_at_dashes(SplitBehavior behavior, bool invert = false) {
  return pieces({SplitStep{Regex::literal("-"), behavior, invert}}, "the-final--countdown-");
}

TEST(PreTokenizer, MatchesGoWhereTheBehaviorSays) {
  EXPECT_THAT(split_at_dashes(SplitBehavior::removed), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(split_at_dashes(SplitBehavior::isolated),
              ElementsAre("the", "-", "final", "-", "-", "countdown", "-"));
  EXPECT_THAT(split_at_dashes(SplitBehavior::merged_with_previous),
              ElementsAre("the-", "final-", "-", "countdown-"));
  EXPECT_THAT(split_at_dashes(SplitBehavior::merged_with_next),
              ElementsAre("the", "-final", "-", "-countdown", "-"));
  EXPECT_THAT(split_at_dashes(SplitBehavior::contiguous),
              ElementsAre("the", "-", "final", "--", "countdown", "-"));
  EXPECT_THAT(split_at_dashes(SplitBehavior::removed, true), ElementsAre("-", "-", "-", "-"));
}

TEST(PreTokenizer, StepsWorkOnThePiecesOfTheStepBefore) {
  const SplitStep at_t{Regex::literal("t"), SplitBehavior::merged_with_next, false};
  EXPECT_THAT(pieces({DigitsStep{true}, at_t}, "at12½t"),
              ElementsAre("a", "t", "1", "2", "½", "t"));
  EXPECT_THAT(pieces({DigitsStep{false}, at_t}, "at12½t"), ElementsAre("a", "t", "12½", "t"));
  EXPECT_THAT(pieces({}, "a b"), ElementsAre("a b"));
  EXPECT_THAT(pieces({}, ""), ElementsAre());
}

TEST(PreTokenizer, BytesMayBeSplitFurtherInTheirSpelling) {
  EXPECT_THAT(pieces({ByteLevelStep{true, true}}, "a b"), ElementsAre(" a", " b"));
  EXPECT_THAT(pieces({ByteLevelStep{true, false}}, " a b"), ElementsAre(" a b"));
  // In the spelling of é, which is two bytes, the second is a copyright sign.
  EXPECT_THAT(pieces({ByteLevelStep{false, false},
                      SplitStep{Regex("\u00a9|Ġ"), SplitBehavior::isolated, false}},
                     "é b"),
              ElementsAre("\xc3", "\xa9", " ", "b"));
}

TEST(PreTokenizer, MetaspaceMarksWhereWordsBegin) {
  const auto steps = [](PrependScheme scheme, bool split) {
    return std::vector<PreTokenizerStep>{MetaspaceStep{"▁", scheme, split}};
  };
  EXPECT_THAT(pieces(steps(PrependScheme::always, true), "a  b", false),
              ElementsAre("▁a", "▁", "▁b"));
  EXPECT_THAT(pieces(steps(PrependScheme::always, false), " a b"), ElementsAre("▁a▁b"));
  EXPECT_THAT(pieces(steps(PrependScheme::first, false), "a b"), ElementsAre("▁a▁b"));
  EXPECT_THAT(pieces(steps(PrependScheme::first, false), "a b", false), ElementsAre("a▁b"));
  EXPECT_THAT(pieces(steps(PrependScheme::never, true), "a b"), ElementsAre("a", "▁b"));
}

TEST(PreTokenizer, TheWrittenOutPatternGivesTheWordsOfGpt2) {
  const SplitStep written_out{Regex(kGpt2Pattern), SplitBehavior::isolated, false};
  std::mt19937 random(3);
  const std::u32string alphabet = U"   ''strevmldx19!?.\n\t½é中\u00a0\u3000\u0085\u0301😀";
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::size_t n = 1 + random() % 16; n > 0; --n) {
      append_utf8(alphabet[random() % alphabet.size()], text);
    }
    ASSERT_EQ(pieces({written_out}, text), words(text)) << text;
  }
}

}  // namespace
}  // namespace lightmamba
