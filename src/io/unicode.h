// Properties of characters that tokenizers need: classes and normal form C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lightmamba {

struct CodePoint {
  char32_t value;
  std::size_t size;  // bytes of UTF-8
};

// Returns the character that begins at `at`, in well-formed UTF-8.
inline CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + i]));
  };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xe0) return {(lead & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  if (lead < 0xf0) return {(lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f),
          4};
}

// Returns the character that ends just before `end`, which must not be 0.
inline CodePoint code_point_before(std::string_view text, std::size_t end) {
  std::size_t begin = end - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
  return code_point_at(text, begin);
}

void append_utf8(char32_t value, std::string& out);

// Classes of regular expressions: \p{L}, \p{N}, \s (White_Space), and all other characters.
enum class CharClass : std::uint8_t { other, letter, number, space };
CharClass char_class(char32_t value);

// \w of UTS #18: alphabetic, mark, decimal number, connector punctuation, join control.
bool is_word_character(char32_t value);

// Returns the normal form C of well-formed text, in time O(n log n) for any text. The result is
// `text` itself if nothing changes, else it lies in `storage`.
std::string_view to_nfc(std::string_view text, std::string& storage);

}  // namespace lightmamba
