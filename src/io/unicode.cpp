#include "io/unicode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utf8proc.h>
#include <vector>

namespace lightmamba {
namespace {

// Characters below this have a table entry; above are private use, tags and variation selectors.
constexpr char32_t kTableSize = 0x40000;
constexpr std::uint8_t kClassMask = 3;
// Tells whether normal form C never changes a character nor joins it with those before it: text may
// be cut in front of such a character, and the parts normalized separately (UAX #15, section 9.1).
constexpr std::uint8_t kStarter = 4;

int combining_class(utf8proc_int32_t value) {
  return utf8proc_get_property(value)->combining_class;
}

CharClass compute_class(char32_t value) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::number;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::space;
    default:
      return (value >= 0x09 && value <= 0x0d) || value == 0x85 ? CharClass::space
                                                               : CharClass::other;
  }
}

void append_decomposition(char32_t value, std::vector<utf8proc_int32_t>& out) {
  std::array<utf8proc_int32_t, 32> parts;  // the longest canonical decomposition has 4 characters
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(value), parts.data(),
      static_cast<utf8proc_ssize_t>(parts.size()), UTF8PROC_DECOMPOSE, &boundary);
  out.insert(out.end(), parts.begin(), parts.begin() + count);
}

// Composes canonically ordered characters in place.
void compose(std::vector<utf8proc_int32_t>& characters) {
  const auto size = static_cast<utf8proc_ssize_t>(characters.size());
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  characters.resize(
      static_cast<std::size_t>(utf8proc_normalize_utf32(characters.data(), size, kOptions)));
}

std::vector<std::uint8_t> compute_table() {
  std::vector<std::uint8_t> table(kTableSize);
  std::vector<char32_t> joined;  // characters that may join with one before them
  std::vector<utf8proc_int32_t> parts;
  for (char32_t value = 0; value < kTableSize; ++value) {
    table[value] = static_cast<std::uint8_t>(compute_class(value));
    parts.clear();
    append_decomposition(value, parts);
    if (parts.size() > 1) joined.push_back(static_cast<char32_t>(parts.back()));
    const bool begins_apart = combining_class(static_cast<utf8proc_int32_t>(value)) == 0;
    compose(parts);
    const bool unchanged = parts.size() == 1 && static_cast<char32_t>(parts[0]) == value;
    if (begins_apart && unchanged) table[value] |= kStarter;
  }
  for (const char32_t value : joined) table[value] &= static_cast<std::uint8_t>(~kStarter);
  return table;
}

const std::uint8_t* table() {
  static const std::vector<std::uint8_t> made = compute_table();
  return made.data();
}

bool is_starter(char32_t value) {
  return value < 0x300 || (value < kTableSize && (table()[value] & kStarter) != 0);
}

// Returns the position of the first byte at or after `begin` that is not ASCII.
std::size_t skip_ascii(std::string_view text, std::size_t begin) {
  std::size_t at = begin;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, 8);
    if ((bytes & 0x8080808080808080U) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

// A stable sort, since the order of marks of one class has a meaning. utf8proc's own sort takes
// quadratic time on a long run of marks.
void order_marks(std::vector<utf8proc_int32_t>& characters) {
  const auto is_mark = [](utf8proc_int32_t value) { return combining_class(value) != 0; };
  auto begin = characters.begin();
  while (begin != characters.end()) {
    begin = std::find_if(begin, characters.end(), is_mark);
    const auto end = std::find_if_not(begin, characters.end(), is_mark);
    std::stable_sort(begin, end, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return combining_class(a) < combining_class(b);
    });
    begin = end;
  }
}

void append_nfc(std::string_view text, std::string& out) {
  std::vector<utf8proc_int32_t> characters;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    append_decomposition(c.value, characters);
    at += c.size;
  }
  order_marks(characters);
  compose(characters);
  for (const utf8proc_int32_t value : characters) append_utf8(static_cast<char32_t>(value), out);
}

}  // namespace

void append_utf8(char32_t value, std::string& out) {
  std::array<utf8proc_uint8_t, 4> bytes;
  const utf8proc_ssize_t size =
      utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes.data());
  out.append(bytes.begin(), bytes.begin() + size);
}

CharClass char_class(char32_t value) {
  if (value >= kTableSize) return compute_class(value);
  return static_cast<CharClass>(table()[value] & kClassMask);
}

bool is_word_character(char32_t value) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      // Join controls, and the circled and squared letters that are Other_Alphabetic.
      return value == 0x200c || value == 0x200d || (value >= 0x24b6 && value <= 0x24e9) ||
             (value >= 0x1f130 && value <= 0x1f149) || (value >= 0x1f150 && value <= 0x1f169) ||
             (value >= 0x1f170 && value <= 0x1f189);
  }
}

std::string_view to_nfc(std::string_view text, std::string& storage) {
  bool changed = false;
  std::size_t copied = 0;   // text before this is in storage, if anything changed
  std::size_t starter = 0;  // position of the last character at which text may be cut
  for (std::size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
    if (at > 0 && static_cast<unsigned char>(text[at - 1]) < 0x80) starter = at - 1;
    CodePoint c = code_point_at(text, at);
    if (is_starter(c.value)) {
      starter = at;
      at += c.size;
      continue;
    }
    while (at < text.size() && !is_starter(c.value)) {
      at += c.size;
      if (at < text.size()) c = code_point_at(text, at);
    }
    if (!changed) storage.clear();
    changed = true;
    storage += text.substr(copied, starter - copied);
    append_nfc(text.substr(starter, at - starter), storage);
    copied = starter = at;
  }
  if (!changed) return text;
  storage += text.substr(copied);
  return storage;
}

}  // namespace lightmamba
