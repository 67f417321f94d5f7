#include "io/regex_syntax.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/fail.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

using namespace std::string_view_literals;

// White_Space, without and with the characters between.
constexpr std::string_view kSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNoSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr std::string_view kWordInSet = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Outside of sets Oniguruma also counts the numbers of Latin-1 that are no digits.
constexpr std::string_view kWord =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

// Names that mean the same in both; any other is taken for a script.
constexpr std::array kProperties = {"L"sv,  "Ll"sv, "Lm"sv, "Lo"sv, "Lt"sv, "Lu"sv, "M"sv,  "Mc"sv,
                                    "Me"sv, "Mn"sv, "N"sv,  "Nd"sv, "Nl"sv, "No"sv, "P"sv,  "Pc"sv,
                                    "Pd"sv, "Pe"sv, "Pf"sv, "Pi"sv, "Po"sv, "Ps"sv, "S"sv,  "Sc"sv,
                                    "Sk"sv, "Sm"sv, "So"sv, "Z"sv,  "Zl"sv, "Zp"sv, "Zs"sv, "C"sv,
                                    "Cc"sv, "Cf"sv, "Cn"sv, "Co"sv, "Cs"sv, "Any"sv};

bool is_property(std::string_view name) {
  for (const std::string_view known : kProperties) {
    if (known == name) return true;
  }
  return false;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hexadecimal(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string translate() {
    while (!at_end()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        const Escape escape = read_escape();
        out_ += escape.is_set ? "[" + escape.text + "]" : escape.text;
      } else if (c == '[') {
        read_set();
      } else if (c == '(') {
        read_group();
      } else if (c == '{') {
        read_braces();
      } else {
        out_ += c;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  struct Escape {
    std::string text;
    bool is_set;  // `text` goes between brackets
  };

  [[noreturn]] void refuse(std::string_view what) const {
    fail("'{}' at offset {} of the pattern is not supported", printable(what), at_);
  }

  // A class of characters within a set, which can be no end of a range.
  static bool begins_class(std::string_view text) {
    return text.starts_with('[') || (text.size() > 1 && text[0] == '\\' &&
                                     "sSwWdDpP"sv.find(text[1]) != std::string_view::npos);
  }

  bool at_end() const { return at_ >= pattern_.size(); }
  std::string_view rest() const { return pattern_.substr(at_); }

  Escape read_escape() {
    if (rest().size() < 2) refuse(rest());
    const char c = rest()[1];
    const bool in_set = depth_ > 0;
    const auto done = [&](std::string_view text, bool is_set = false) {
      at_ += 2;
      return Escape{std::string(text), is_set};
    };
    switch (c) {
      case 's':
        return done(kSpace, true);
      case 'S':
        return done(kNoSpace, true);
      case 'w':
        return done(in_set ? kWordInSet : kWord, true);
      case 'd':
        return done(R"(\p{Nd})");
      case 'D':
        return done(R"(\P{Nd})");
      case 'p':
      case 'P':
        return read_property();
      case 'n':
        return done(R"(\x{a})");
      case 'r':
        return done(R"(\x{d})");
      case 't':
        return done(R"(\x{9})");
      case 'f':
        return done(R"(\x{c})");
      case 'v':
        return done(R"(\x{b})");
      case 'a':
        return done(R"(\x{7})");
      case 'e':
        return done(R"(\x{1b})");
      case 'x':
      case 'u':
        return read_code(c);
      case 'W':
        if (in_set) refuse(rest().substr(0, 2));
        return done(fmt::format("[^{}]", kWord));
      case 'b':
        if (in_set) refuse(rest().substr(0, 2));
        return done(fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWord));
      case 'B':
        if (in_set) refuse(rest().substr(0, 2));
        return done(fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWord));
      case 'A':
      case 'z':
        if (in_set) refuse(rest().substr(0, 2));
        return done(rest().substr(0, 2));
      default:
        break;
    }
    if (is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80) {
      refuse(rest().substr(0, 2));
    }
    return done(rest().substr(0, 2));
  }

  Escape read_property() {
    const std::size_t end = rest().find('}');
    if (rest().size() < 3 || rest()[2] != '{' || end == std::string_view::npos) {
      refuse(rest().substr(0, 2));
    }
    const std::string_view whole = rest().substr(0, end + 1);
    std::string_view name = whole.substr(3, end - 3);
    const bool negated = name.starts_with('^') != (whole[1] == 'P');
    if (name.starts_with('^')) name.remove_prefix(1);
    for (const char c : name) {
      if (!is_letter(c) && c != '_') refuse(whole);
    }
    at_ += whole.size();
    return {fmt::format("\\{}{{{}{}}}", negated ? 'P' : 'p', is_property(name) ? "" : "sc:", name),
            false};
  }

  // \xHH, \x{H...} and \uHHHH.
  Escape read_code(char kind) {
    std::size_t begin = 2;
    std::size_t end = 2;
    const bool braced = kind == 'x' && rest().size() > 2 && rest()[2] == '{';
    if (braced) begin = end = 3;
    const std::size_t max = begin + (braced ? 6 : kind == 'x' ? 2 : 4);
    while (end < max && end < rest().size() && is_hexadecimal(rest()[end])) ++end;
    const std::string_view digits = rest().substr(begin, end - begin);
    if (braced) {
      if (end >= rest().size() || rest()[end] != '}') refuse(rest().substr(0, end));
      ++end;
    }
    if (digits.empty() || (!braced && end < max)) refuse(rest().substr(0, end));
    // A byte of a character in UTF-8, which Oniguruma may put together, is none here.
    if (kind == 'x' && !braced && digits[0] >= '8') refuse(rest().substr(0, end));
    at_ += end;
    return {fmt::format("\\x{{{}}}", digits), false};
  }

  // The set that begins here, at the bracket; of a set within it only what is between its brackets.
  void read_set() {
    const bool nested = depth_ > 0;
    if (rest().starts_with("[:")) refuse("[:");
    ++at_;
    ++depth_;
    const bool negated = rest().starts_with('^');
    if (negated) {
      if (nested) refuse("[^");
      ++at_;
    }
    if (!nested) out_ += negated ? "[^" : "[";
    if (rest().starts_with(']')) refuse("[]");
    if (depth_ > kDeepest) refuse("[");
    bool is_first = true;
    bool in_range = false;    // the last character was the hyphen of a range
    bool ends_range = false;  // what came last can begin no range
    for (; !at_end() && pattern_[at_] != ']'; is_first = false) {
      if (rest().starts_with("&&")) refuse("&&");
      if (pattern_[at_] == '-' && !in_range) {
        const std::string_view after = rest().substr(1);
        const bool is_literal = is_first || after.starts_with(']');
        if (!is_literal && (ends_range || begins_class(after))) refuse("-");
        out_ += is_literal ? "\\-" : "-";
        ++at_;
        in_range = !is_literal;
        ends_range = false;
        continue;
      }
      ends_range = in_range || begins_class(rest());
      in_range = false;
      if (pattern_[at_] == '[') {
        read_set();
      } else if (pattern_[at_] == '\\') {
        out_ += read_escape().text;
      } else {
        out_ += pattern_[at_++];
      }
    }
    if (at_end()) fail("a set of the pattern has no end");
    ++at_;
    --depth_;
    if (!nested) out_ += ']';
  }

  void read_group() {
    static constexpr std::array kOpenings = {"(?:"sv,  "(?="sv,  "(?!"sv, "(?<="sv,
                                             "(?<!"sv, "(?i:"sv, "(?>"sv};
    if (rest().starts_with("(*")) refuse("(*");
    std::string_view opening = "(";
    if (rest().starts_with("(?")) {
      // An option for the rest of a group reaches over alternatives differently, but not for all.
      if (at_ == 0 && rest().starts_with("(?i)")) {
        opening = "(?i)";
      } else {
        for (const std::string_view known : kOpenings) {
          if (rest().starts_with(known)) opening = known;
        }
        if (opening == "(") refuse(rest().substr(0, 3));
      }
    }
    out_ += opening;
    at_ += opening.size();
  }

  // {n}, {n,} and {n,m} are counts in both; what follows them may differ.
  void read_braces() {
    std::size_t end = 1;
    bool has_comma = false;
    while (end < rest().size() && (is_digit(rest()[end]) || (rest()[end] == ',' && !has_comma))) {
      has_comma = has_comma || rest()[end] == ',';
      ++end;
    }
    const bool counts = end > 1 && end < rest().size() && rest()[end] == '}';
    if (!counts || rest()[1] == ',') refuse(rest().substr(0, std::min(end + 1, rest().size())));
    ++end;
    const char next = end < rest().size() ? rest()[end] : ' ';
    if (next == '+' || next == '*' || (next == '?' && !has_comma)) {
      refuse(rest().substr(0, end + 1));
    }
    out_ += rest().substr(0, end);
    at_ += end;
  }

  static constexpr int kDeepest = 16;

  std::string_view pattern_;
  std::size_t at_ = 0;
  int depth_ = 0;  // of sets
  std::string out_;
};

}  // namespace

std::string to_pcre2_syntax(std::string_view pattern) { return Translator(pattern).translate(); }

}  // namespace lightmamba
