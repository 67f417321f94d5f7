#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <lightmamba/generate.h>

#include "base/utf8.h"

namespace lightmamba {
namespace {

// Bytes at the end of `text` that begin a character. Since no lead byte can continue another
// character, a tail that looks like one is one.
std::size_t incomplete_tail(std::string_view text) {
  constexpr std::size_t kLongest = 3;
  for (std::size_t size = std::min(kLongest, text.size()); size > 0; --size) {
    if (is_incomplete_utf8(text.substr(text.size() - size))) return size;
  }
  return 0;
}

}  // namespace

TextStream::TextStream(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

std::string TextStream::push(TokenId id) {
  pending_ += tokenizer_.token_bytes(id);
  const std::size_t complete = pending_.size() - incomplete_tail(pending_);
  std::string text = replace_invalid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return text;
}

std::string TextStream::finish() {
  std::string text = replace_invalid_utf8(pending_);
  pending_.clear();
  return text;
}

}  // namespace lightmamba
