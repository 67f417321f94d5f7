#include "io/byte_level.h"

#include <array>

#include "io/unicode.h"

namespace lightmamba {
namespace {

constexpr int kSymbols = 0x144;  // one more than the highest character used

struct Alphabet {
  std::array<std::string, 256> symbols;
  std::array<int, kSymbols> bytes{};  // -1 for a character that stands for no byte

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
      const char32_t symbol = printable ? static_cast<char32_t>(byte) : next++;
      append_utf8(symbol, symbols.at(static_cast<std::size_t>(byte)));
      bytes.at(symbol) = byte;
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet made;
  return made;
}

}  // namespace

std::string_view byte_symbol(unsigned char byte) { return alphabet().symbols.at(byte); }

std::optional<std::string> spelled_bytes(std::string_view token) {
  const Alphabet& table = alphabet();
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t at = 0; at < token.size();) {
    const CodePoint symbol = code_point_at(token, at);
    const int byte = symbol.value < kSymbols ? table.bytes.at(symbol.value) : -1;
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    at += symbol.size;
  }
  return bytes;
}

}  // namespace lightmamba
