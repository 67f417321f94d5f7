#include "io/normalizer.h"

#include <utility>

#include "base/fail.h"
#include "io/unicode.h"

namespace lightmamba {

namespace {

void check_size(std::size_t size, std::size_t max_bytes) {
  if (size > max_bytes) fail("replacing makes a text longer than {} bytes", max_bytes);
}

}  // namespace

std::size_t longest_normalized(std::size_t size) { return 64 * size + 65536; }

std::string replaced(std::string_view text, const ReplaceStep& step, std::size_t max_bytes) {
  std::string result;
  result.reserve(text.size() + text.size() / 4);
  std::size_t done = 0;
  for (const TextRange& match : step.pattern.matches(text)) {
    result += text.substr(done, match.begin - done);
    result += step.content;
    done = match.end;
    check_size(result.size(), max_bytes);
  }
  result += text.substr(done);
  check_size(result.size(), max_bytes);
  return result;
}

std::string_view normalize(const std::vector<NormalizerStep>& steps, std::string_view text,
                           std::string& storage) {
  std::string_view current = text;  // `text`, or all of `storage`
  std::string next;
  const std::size_t max_bytes = longest_normalized(text.size());
  for (const NormalizerStep& step : steps) {
    if (std::holds_alternative<NfcStep>(step)) {
      const std::string_view composed = to_nfc(current, next);
      if (composed.data() == current.data() && composed.size() == current.size()) continue;
    } else if (const auto* prepend = std::get_if<PrependStep>(&step)) {
      if (current.empty()) continue;
      next = prepend->text;
      next += current;
      check_size(next.size(), max_bytes);
    } else {
      next = replaced(current, std::get<ReplaceStep>(step), max_bytes);
    }
    std::swap(storage, next);
    current = storage;
  }
  return current;
}

}  // namespace lightmamba
