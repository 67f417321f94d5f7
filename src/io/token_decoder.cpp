#include "io/token_decoder.h"

#include <charconv>

namespace lightmamba {
namespace {

std::string without_metaspace(std::string_view token, std::string_view metaspace,
                              std::string_view space) {
  std::string text;
  std::size_t done = 0;
  for (std::size_t at = token.find(metaspace); at != std::string_view::npos;
       at = token.find(metaspace, done)) {
    text += token.substr(done, at - done);
    text += space;
    done = at + metaspace.size();
  }
  text += token.substr(done);
  return text;
}

}  // namespace

std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(value);
}

std::string decoded_token(const TokenDecoder& decoder, std::string_view token, bool begins_text) {
  std::string text(token);
  const std::size_t max_bytes = longest_normalized(token.size());
  for (const ReplaceStep& step : decoder.replacements) text = replaced(text, step, max_bytes);
  if (decoder.metaspace) {
    const bool drops = begins_text && decoder.drops_first_metaspace;
    text = without_metaspace(text, *decoder.metaspace, drops ? "" : " ");
  }
  if (decoder.byte_fallback) {
    if (const std::optional<char> byte = fallback_byte(text)) return {*byte};
  }
  return text;
}

void strip_text(const TokenDecoder& decoder, std::string& text) {
  const std::string_view cut = decoder.stripped;
  std::string_view rest = text;
  for (std::size_t i = 0; i < decoder.strip_begin && rest.starts_with(cut); ++i) {
    rest.remove_prefix(cut.size());
  }
  for (std::size_t i = 0; i < decoder.strip_end && rest.ends_with(cut); ++i) {
    rest.remove_suffix(cut.size());
  }
  if (rest.size() != text.size()) text = std::string(rest);
}

}  // namespace lightmamba
