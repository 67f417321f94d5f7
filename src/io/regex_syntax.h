// Translates the regular expressions of tokenizer.json into the syntax of the library that runs
// them here.
#pragma once

#include <string>
#include <string_view>

namespace lightmamba {

// The Hugging Face tokenizers library reads patterns as Oniguruma does in its Ruby syntax. Returns
// a pattern that matches the same for PCRE2 with UTF, MULTILINE and the newline LF: classes such as
// \s and \w become the characters that Oniguruma takes them for, \p{Script} becomes that script
// alone, nested sets become flat. Throws Error that names a construct which the two understand
// differently and which no known tokenizer needs: options but i, set intersections, \h, possessive
// braces.
std::string to_pcre2_syntax(std::string_view pattern);

}  // namespace lightmamba
