#include "base/utf8.h"

#include <algorithm>

#include "base/fail.h"

namespace lightmamba {
namespace {

struct Lead {
  int length;         // bytes of the character, 0 for a byte that cannot lead one
  unsigned char low;  // bounds of the second byte
  unsigned char high;
};

Lead classify(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte >= 0xc2 && byte <= 0xdf) return {2, 0x80, 0xbf};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return {3, 0x80, 0xbf};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte >= 0xf1 && byte <= 0xf3) return {4, 0x80, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

// Returns how many of the bytes at the front of `text` fit one character of `length` bytes.
std::size_t match_character(std::string_view text, std::size_t& length) {
  const Lead lead = classify(static_cast<unsigned char>(text.front()));
  length = static_cast<std::size_t>(lead.length);
  if (length == 0) return 0;
  std::size_t matched = 1;
  for (; matched < std::min(length, text.size()); ++matched) {
    const auto byte = static_cast<unsigned char>(text[matched]);
    const unsigned char low = matched == 1 ? lead.low : 0x80;
    const unsigned char high = matched == 1 ? lead.high : 0xbf;
    if (byte < low || byte > high) break;
  }
  return matched;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    if (static_cast<unsigned char>(text[position]) < 0x80) {
      ++position;
      continue;
    }
    std::size_t length = 0;
    const std::size_t matched = match_character(text.substr(position), length);
    if (matched == 0 || matched < length) return position;
    position += length;
  }
  return position;
}

void require_utf8(std::string_view text, std::string_view what) {
  const std::size_t valid = valid_utf8_prefix(text);
  if (valid == text.size()) return;
  fail("{} is not valid UTF-8: byte 0x{:02x} at offset {}", what,
       static_cast<unsigned char>(text[valid]), valid);
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    result += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty()) break;
    std::size_t length = 0;
    const std::size_t matched = match_character(text, length);
    result += "\xef\xbf\xbd";
    text.remove_prefix(std::max<std::size_t>(matched, 1));
  }
  return result;
}

bool is_incomplete_utf8(std::string_view tail) {
  if (tail.empty()) return false;
  std::size_t length = 0;
  const std::size_t matched = match_character(tail, length);
  return matched == tail.size() && matched < length;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  std::string shown = replace_invalid_utf8(text.substr(0, kLongest));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text.size() > kLongest ? shown + "..." : shown;
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace lightmamba
