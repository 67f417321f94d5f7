#include "io/regex.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/fail.h"
#include "base/utf8.h"
#include "io/regex_syntax.h"
#include "io/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace lightmamba {
namespace {

constexpr std::size_t kLongestPattern = 16384;
// Steps that one match may take: a pattern of a tokenizer walks over the text a few times at most.
constexpr std::uint32_t kFixedSteps = 100'000;
constexpr std::uint32_t kStepsForAByte = 16;

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::unique_ptr<pcre2_code, Free> compile(std::string_view pattern, std::uint32_t options) {
  const std::unique_ptr<pcre2_compile_context, Free> context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 100);
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_code, Free> code(pcre2_compile(
      units(pattern), pattern.size(), options | PCRE2_UTF, &error, &offset, context.get()));
  if (!code) fail("{}", message_of(error));
  // Where a system forbids to make code at run time, matching goes on without, only more slowly.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

}  // namespace

struct Regex::Code {
  std::unique_ptr<pcre2_code, Free> code;
};

Regex::Regex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

Regex::Regex(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) {
    fail("a pattern of {} bytes is too long", pattern.size());
  }
  require_utf8(pattern, "the pattern");
  code_ = std::make_shared<const Code>(Code{compile(to_pcre2_syntax(pattern), PCRE2_MULTILINE)});
}

Regex Regex::literal(std::string_view text) {
  if (text.size() > kLongestPattern) fail("a pattern of {} bytes is too long", text.size());
  require_utf8(text, "the pattern");
  return Regex(std::make_shared<const Code>(Code{compile(text, PCRE2_LITERAL)}));
}

std::vector<TextRange> Regex::matches(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, Free> data(
      pcre2_match_data_create_from_pattern(code_->code.get(), nullptr));
  const std::unique_ptr<pcre2_match_context, Free> context(pcre2_match_context_create(nullptr));
  if (!data || !context) throw std::bad_alloc();
  constexpr std::size_t kMax = std::numeric_limits<std::uint32_t>::max();
  pcre2_set_match_limit(context.get(), static_cast<std::uint32_t>(std::min(
                                           kFixedSteps + kStepsForAByte * text.size(), kMax)));

  std::vector<TextRange> found;
  for (std::size_t at = 0; at <= text.size();) {
    constexpr std::uint32_t kChecked = PCRE2_NO_UTF_CHECK;
    int count = pcre2_match(code_->code.get(), units(text), text.size(), at, kChecked, data.get(),
                            context.get());
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) {
      count = pcre2_match(code_->code.get(), units(text), text.size(), at, kChecked | PCRE2_NO_JIT,
                          data.get(), context.get());
    }
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) {
      fail("a pattern cannot be matched at byte {} of {}: {}", at, text.size(), message_of(count));
    }
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    const TextRange match{range[0], range[1]};
    if (match.end < match.begin || match.begin < at) fail("a pattern matches backwards");
    if (match.begin == match.end && !found.empty() && found.back().end == match.end) {
      at = match.end < text.size() ? match.end + code_point_at(text, match.end).size
                                   : text.size() + 1;
      continue;
    }
    found.push_back(match);
    at = match.end;
  }
  return found;
}

}  // namespace lightmamba
