#include "io/regex.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "io/regex_syntax.h"
#include "support/errors.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> found(const std::string& pattern, const std::string& text) {
  std::vector<std::string> result;
  for (const TextRange& match : Regex(pattern).matches(text)) {
    result.push_back(text.substr(match.begin, match.end - match.begin));
  }
  return result;
}

TEST(Regex, FindsMatchesFromLeftToRight) {
  EXPECT_THAT(found("a+", "aa b aaa"), ElementsAre("aa", "aaa"));
  EXPECT_THAT(found("\\p{N}{1,3}", "1234567 8"), ElementsAre("123", "456", "7", "8"));
  EXPECT_THAT(found("(?i:'ll|'s)", "I'LL it's"), ElementsAre("'LL", "'s"));
  EXPECT_THAT(found("\\s+(?!\\S)|\\s+", "a   b "), ElementsAre("  ", " ", " "));
  EXPECT_THAT(found("[^\\r\\n\\p{L}]?\\p{L}+", "(né\n世界"), ElementsAre("(né", "世界"));
  EXPECT_THAT(found("(?<=a)b", "ab bb"), ElementsAre("b"));
  EXPECT_THAT(found("x", ""), IsEmpty());
  EXPECT_EQ(Regex("é").matches("aéé"), (std::vector<TextRange>{{1, 3}, {3, 5}}));
}

TEST(Regex, AnEmptyMatchDoesNotTouchAnother) {
  EXPECT_EQ(Regex("a*").matches("baé"), (std::vector<TextRange>{{0, 0}, {1, 2}, {4, 4}}));
  EXPECT_EQ(Regex("").matches("é"), (std::vector<TextRange>{{0, 0}, {2, 2}}));
}

TEST(Regex, LiteralTextHasNoSpecialCharacters) {
  EXPECT_EQ(Regex::literal("a.[").matches("abc a.["), (std::vector<TextRange>{{4, 7}}));
}

// What the classes of Oniguruma hold, and those that PCRE2 has under the same names do not.
TEST(Regex, ClassesAreThoseOfTheTokenizersLibrary) {
  EXPECT_THAT(found("\\s", "a\u0085\u00a0\u2028\u3000\u180e\u200b"),
              ElementsAre("\u0085", "\u00a0", "\u2028", "\u3000"));
  EXPECT_THAT(found("[\\S]", " \u180e\u3000x"), ElementsAre("\u180e", "x"));
  EXPECT_THAT(found("\\w", "a_\u0301\u203f²½ⓐ-"),
              ElementsAre("a", "_", "\u0301", "\u203f", "²", "½", "ⓐ"));
  EXPECT_THAT(found("[\\w-]", "a_²-"), ElementsAre("a", "_", "-"));
  EXPECT_THAT(found("\\d", "1٣Ⅷ²"), ElementsAre("1", "٣"));
  EXPECT_THAT(found("\\v", "\v\n\x0c"), ElementsAre("\v"));
  EXPECT_THAT(found("\\p{Han}", "漢あ、"), ElementsAre("漢"));  // the script, not its extensions
  EXPECT_THAT(found("\\p{^L}", "a1"), ElementsAre("1"));
  EXPECT_THAT(found("^.", "ab\ncd"), ElementsAre("a", "c"));
  EXPECT_THAT(found(".+", "a\r\nb"), ElementsAre("a\r", "b"));
  EXPECT_THAT(found("\\bx\\b", "x xx éx x"), ElementsAre("x", "x"));
}

TEST(Regex, SetsWithinSetsAreFlat) {
  EXPECT_THAT(found("[^(\\s|[.,!?…])]+", "a.b(c|d)e f"), ElementsAre("a", "b", "c", "d", "e", "f"));
  EXPECT_THAT(found("[a[b-d]-]", "a-ce"), ElementsAre("a", "-", "c"));
}

TEST(Regex, RefusesWhatIsMalformedOrMeansSomethingElse) {
  for (const char* pattern :
       {"(?m)x",   "(?s:.)", "a(?i)b",  "(?x) a",      "(?<name>x)", "(?(1)x)",
        "(*FAIL)", "\\h",    "\\R",     "\\X",         "\\K",        "\\1",
        "\\G",     "[a&&b]", "[a[^b]]", "[[:alpha:]]", "[]a]",       "[a-\\d]",
        "[\\w-z]", "x{2}?",  "x{2,3}+", "x{,2}",       "{",          "\\x80",
        "\\x{",    "\\u12",  "\\p{L",   "\\p{a b}",    "\\"}) {
    EXPECT_THAT(error_of([&] { Regex{pattern}; }),
                AllOf(HasSubstr("offset"), HasSubstr("is not supported")))
        << pattern;
  }
  EXPECT_THAT(error_of([] { Regex("(x"); }), HasSubstr("parenthesis"));
  EXPECT_THAT(error_of([] { Regex("[x"); }), HasSubstr("has no end"));
  EXPECT_THAT(error_of([] { Regex("\\p{Klingon}"); }), HasSubstr("unknown property"));
  EXPECT_THAT(error_of([] { Regex("a\xff"); }), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(error_of([] { Regex(std::string(20000, 'a')); }), HasSubstr("too long"));
}

TEST(Regex, GivesUpWhereAMatchTakesFarTooManySteps) {
  const Regex regex("(a|aa)+$");
  EXPECT_EQ(regex.matches(std::string(20, 'a')), (std::vector<TextRange>{{0, 20}}));
  std::string text(61, 'a');
  text.back() = 'b';
  EXPECT_THAT(error_of([&] { regex.matches(text); }),
              AllOf(HasSubstr("a pattern cannot be matched at byte 0 of 61"), HasSubstr("limit")));
}

TEST(Regex, LongRunsOfOneKindAreNoTrouble) {
  const std::string spaces(1 << 20, ' ');
  const Regex regex("\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");
  EXPECT_EQ(regex.matches(spaces + "x").size(), 2U);
  EXPECT_EQ(Regex("[^\\s\\p{L}\\p{N}]+[\\r\\n]*").matches(std::string(1 << 20, '-')).size(), 1U);
}

}  // namespace
}  // namespace lightmamba
