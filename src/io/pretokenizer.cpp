#include "io/pretokenizer.h"

#include <array>

#include "io/unicode.h"

namespace lightmamba {
namespace {

struct ClassedCharacter {
  CharClass kind;
  std::size_t size;
};

constexpr std::array<CharClass, 128> ascii_classes() {
  std::array<CharClass, 128> classes{};
  for (std::size_t c = '0'; c <= '9'; ++c) classes.at(c) = CharClass::number;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) classes.at(c) = classes.at(c + 32) = CharClass::letter;
  for (std::size_t c = '\t'; c <= '\r'; ++c) classes.at(c) = CharClass::space;
  classes.at(' ') = CharClass::space;
  return classes;
}

constexpr std::array<CharClass, 128> kAsciiClasses = ascii_classes();

ClassedCharacter character_at(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {kAsciiClasses[byte], 1};
  const CodePoint c = code_point_at(text, at);
  return {char_class(c.value), c.size};
}

std::size_t run_end(std::string_view text, std::size_t begin, CharClass kind) {
  std::size_t at = begin;
  while (at < text.size()) {
    const ClassedCharacter c = character_at(text, at);
    if (c.kind != kind) break;
    at += c.size;
  }
  return at;
}

// Size of the English ending at the front of `text`, which begins with an apostrophe, or 0.
std::size_t contraction_size(std::string_view text) {
  if (text.size() < 2) return 0;
  const char first = text[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  const std::string_view two = text.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

}  // namespace

std::size_t gpt2_word_end(std::string_view text, std::size_t begin) {
  if (text[begin] == '\'') {
    const std::size_t size = contraction_size(text.substr(begin));
    if (size > 0) return begin + size;
  }
  const ClassedCharacter first = character_at(text, begin);
  std::size_t at = begin + first.size;
  if (first.kind != CharClass::space) return run_end(text, at, first.kind);
  if (at == text.size()) return at;
  const ClassedCharacter second = character_at(text, at);
  if (second.kind != CharClass::space) {
    return text[begin] == ' ' ? run_end(text, at + second.size, second.kind) : at;
  }
  // Of white space before a word, the last character is left to the next match.
  std::size_t last = at;
  while (at < text.size()) {
    const ClassedCharacter c = character_at(text, at);
    if (c.kind != CharClass::space) return last;
    last = at;
    at += c.size;
  }
  return at;
}

}  // namespace lightmamba
