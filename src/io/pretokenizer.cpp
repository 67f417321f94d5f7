#include "io/pretokenizer.h"

#include <array>
#include <utility>

#include "io/byte_level.h"
#include "io/unicode.h"

namespace lightmamba {
namespace {

struct ClassedCharacter {
  CharClass kind;
  std::size_t size;
};

constexpr std::array<CharClass, 128> ascii_classes() {
  std::array<CharClass, 128> classes{};
  for (std::size_t c = '0'; c <= '9'; ++c) classes.at(c) = CharClass::number;
  for (std::size_t c = 'A'; c <= 'Z'; ++c) classes.at(c) = classes.at(c + 32) = CharClass::letter;
  for (std::size_t c = '\t'; c <= '\r'; ++c) classes.at(c) = CharClass::space;
  classes.at(' ') = CharClass::space;
  return classes;
}

constexpr std::array<CharClass, 128> kAsciiClasses = ascii_classes();

ClassedCharacter character_at(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {kAsciiClasses[byte], 1};
  const CodePoint c = code_point_at(text, at);
  return {char_class(c.value), c.size};
}

std::size_t run_end(std::string_view text, std::size_t begin, CharClass kind) {
  std::size_t at = begin;
  while (at < text.size()) {
    const ClassedCharacter c = character_at(text, at);
    if (c.kind != kind) break;
    at += c.size;
  }
  return at;
}

// Returns the size of the English ending at the front of `text`, which begins with an apostrophe,
// or 0.
std::size_t contraction_size(std::string_view text) {
  if (text.size() < 2) return 0;
  const char first = text[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  const std::string_view two = text.substr(1, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

struct Piece {
  TextRange range;
  bool is_match;
};

// Visits the matches and the text between them, in order.
std::vector<Piece> pieces_of(const std::vector<TextRange>& matches, std::size_t size, bool invert) {
  std::vector<Piece> pieces;
  pieces.reserve(2 * matches.size() + 1);
  std::size_t done = 0;
  for (const TextRange& match : matches) {
    if (done < match.begin) pieces.push_back({{done, match.begin}, invert});
    pieces.push_back({match, !invert});
    done = match.end;
  }
  if (done < size) pieces.push_back({{done, size}, invert});
  return pieces;
}

void append(std::vector<TextRange>& ranges, const TextRange& range, bool joined) {
  if (joined && !ranges.empty()) {
    ranges.back().end = range.end;
  } else {
    ranges.push_back(range);
  }
}

std::vector<TextRange> arranged(const std::vector<Piece>& pieces, SplitBehavior behavior) {
  std::vector<TextRange> ranges;
  ranges.reserve(pieces.size());
  bool previous = false;  // the piece before is a match
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& [range, is_match] = pieces[i];
    switch (behavior) {
      case SplitBehavior::removed:
        if (!is_match) ranges.push_back(range);
        break;
      case SplitBehavior::isolated:
        ranges.push_back(range);
        break;
      case SplitBehavior::contiguous:
        append(ranges, range, is_match == previous);
        break;
      case SplitBehavior::merged_with_previous:
        append(ranges, range, is_match && !previous);
        break;
      case SplitBehavior::merged_with_next:
        // The last of several matches in a row belongs to the text.
        append(ranges, range, !is_match && previous);
        break;
    }
    previous = is_match;
  }
  return ranges;
}

std::vector<TextRange> digits(std::string_view text) {
  std::vector<TextRange> found;
  for (std::size_t at = 0; at < text.size();) {
    const ClassedCharacter c = character_at(text, at);
    if (c.kind == CharClass::number) found.push_back({at, at + c.size});
    at += c.size;
  }
  return found;
}

std::vector<TextRange> occurrences(std::string_view text, std::string_view wanted) {
  std::vector<TextRange> found;
  for (std::size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + wanted.size())) {
    found.push_back({at, at + wanted.size()});
  }
  return found;
}

std::string spelled(std::string_view bytes) {
  std::string symbols;
  symbols.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes) symbols += byte_symbol(static_cast<unsigned char>(byte));
  return symbols;
}

template <typename Use>
void for_each_gpt2_word(std::string_view text, const Use& use) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = gpt2_word_end(text, begin);
    use(TextRange{begin, end});
    begin = end;
  }
}

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::size_t gpt2_word_end(std::string_view text, std::size_t begin) {
  if (text[begin] == '\'') {
    const std::size_t size = contraction_size(text.substr(begin));
    if (size > 0) return begin + size;
  }
  const ClassedCharacter first = character_at(text, begin);
  std::size_t at = begin + first.size;
  if (first.kind != CharClass::space) return run_end(text, at, first.kind);
  if (at == text.size()) return at;
  const ClassedCharacter second = character_at(text, at);
  if (second.kind != CharClass::space) {
    return text[begin] == ' ' ? run_end(text, at + second.size, second.kind) : at;
  }
  // The last character of white space before a word is left to the next match.
  std::size_t last = at;
  while (at < text.size()) {
    const ClassedCharacter c = character_at(text, at);
    if (c.kind != CharClass::space) return last;
    last = at;
    at += c.size;
  }
  return at;
}

PreTokenizer::PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {
  for (const PreTokenizerStep& step : steps_) {
    byte_level_ = byte_level_ || std::holds_alternative<ByteLevelStep>(step);
  }
}

void PreTokenizer::split(std::string_view text, bool begins_text, const WordFn& word) const {
  if (!text.empty()) apply(0, text, begins_text, word);
}

void PreTokenizer::apply(std::size_t index, std::string_view text, bool begins_text,
                         const WordFn& word) const {
  if (index == steps_.size()) {
    word(text);
    return;
  }
  const auto next = [&](std::string_view whole, const TextRange& range) {
    if (range.begin == range.end) return;
    apply(index + 1, whole.substr(range.begin, range.end - range.begin),
          begins_text && range.begin == 0, word);
  };
  const auto next_pieces = [&](std::string_view whole, const std::vector<TextRange>& matches,
                               SplitBehavior behavior, bool invert) {
    for (const TextRange& range : arranged(pieces_of(matches, whole.size(), invert), behavior)) {
      next(whole, range);
    }
  };
  const auto split_matches = [&](const SplitStep& step) {
    next_pieces(text, step.pattern.matches(text), step.behavior, step.invert);
  };
  const auto split_gpt2 = [&](const Gpt2SplitStep& /*step*/) {
    for_each_gpt2_word(text, [&](const TextRange& range) { next(text, range); });
  };
  const auto split_digits = [&](const DigitsStep& step) {
    next_pieces(text, digits(text),
                step.individual ? SplitBehavior::isolated : SplitBehavior::contiguous, false);
  };
  const auto to_bytes = [&](const ByteLevelStep& step) {
    std::string spaced;
    if (step.add_prefix_space && text.front() != ' ') {
      spaced = ' ';
      spaced += text;
    }
    const std::string_view whole = spaced.empty() ? text : spaced;
    const bool is_last = index + 1 == steps_.size();
    const auto next_word = [&](const TextRange& range) {
      if (is_last) return next(whole, range);
      const std::string symbols = spelled(whole.substr(range.begin, range.end - range.begin));
      const WordFn as_bytes = [&](std::string_view piece) { word(*spelled_bytes(piece)); };
      apply(index + 1, symbols, begins_text && range.begin == 0, as_bytes);
    };
    if (step.use_regex) {
      for_each_gpt2_word(whole, next_word);
    } else {
      next_word({0, whole.size()});
    }
  };
  const auto mark_spaces = [&](const MetaspaceStep& step) {
    std::string marked;
    marked.reserve(text.size() + text.size() / 4 + step.replacement.size());
    for (const char c : text) {
      if (c == ' ') {
        marked += step.replacement;
      } else {
        marked += c;
      }
    }
    const bool may_prepend = step.prepend == PrependScheme::always ||
                             (step.prepend == PrependScheme::first && begins_text);
    if (may_prepend && !marked.starts_with(step.replacement)) marked.insert(0, step.replacement);
    if (step.split) {
      next_pieces(marked, occurrences(marked, step.replacement), SplitBehavior::merged_with_next,
                  false);
    } else {
      next(marked, {0, marked.size()});
    }
  };
  std::visit(Overloaded{split_matches, split_gpt2, split_digits, to_bytes, mark_spaces},
             steps_[index]);
}

}  // namespace lightmamba
