// tokenizer.json: whatever the bytes, the only thing that comes out is an Error, and a tokenizer
// that parses encodes texts to ids that it can decode.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <lightmamba/error.h>
#include <lightmamba/tokenizer.h>

namespace {

// From what needs few byte tokens to what needs many.
constexpr std::string_view kTexts[] = {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbabababba",
    "<a>ab  <a>b <a>   a",
    "I'LL  \u2581say 12345\u2581\u2581 ab\r\n\r\n  x<0x0A>",
    "It's <|endoftext|>  24   spaces\n\n\tand they'll   x ",
    "naïve cafe\u0301 ½ 你好，世界 🦙\u200d\u00a0\u3000 \u1100\u1161\u11a8 a\u0301\u0316",
};

void encode_and_decode(const lightmamba::Tokenizer& tokenizer, std::string_view text) {
  std::vector<lightmamba::TokenId> ids;
  try {
    ids = tokenizer.encode(text, {.add_special_tokens = true});
  } catch (const lightmamba::Error&) {  // a byte has no token, or a pattern is too slow
    return;
  }
  tokenizer.decode(ids);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  try {
    const auto tokenizer = lightmamba::Tokenizer::parse(json, "fuzz");
    try {
      for (const std::string_view text : kTexts) encode_and_decode(tokenizer, text);
    } catch (const lightmamba::Error&) {
      std::abort();  // an id that encode() gave has no token
    }
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
