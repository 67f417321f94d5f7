// Regular expressions over text in UTF-8.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace lightmamba {

struct TextRange {
  std::size_t begin;
  std::size_t end;

  bool operator==(const TextRange&) const = default;
};

// A compiled pattern. Immutable; safe to use from several threads. Copies share it.
class Regex {
 public:
  // `pattern` is in the syntax of tokenizer.json (see regex_syntax.h). Throws Error that says what
  // is wrong or not supported.
  explicit Regex(std::string_view pattern);
  // Returns a pattern that matches `text` itself.
  static Regex literal(std::string_view text);

  // Returns the matches in well-formed text, from left to right without overlap; an empty one does
  // not directly follow another match. Throws Error if a match takes far too many steps.
  std::vector<TextRange> matches(std::string_view text) const;

 private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code);
  std::shared_ptr<const Code> code_;
};

}  // namespace lightmamba
