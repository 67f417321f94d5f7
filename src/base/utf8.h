// UTF-8 as bytes: what is well-formed and where it stops being so (Unicode 15, table 3-7).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lightmamba {

// Length of the longest prefix that is well-formed UTF-8.
std::size_t valid_utf8_prefix(std::string_view text);

// Throws Error with the offset of the first bad byte. `what` names the text in the message.
void require_utf8(std::string_view text, std::string_view what);

// Ill-formed bytes replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// True if `tail` is the beginning of a well-formed character whose last bytes are still to come.
bool is_incomplete_utf8(std::string_view tail);

// Text out of a file as a message may show it: cut, control characters and ill-formed bytes
// replaced.
std::string printable(std::string_view text);

// Number of code points in well-formed text.
std::size_t count_code_points(std::string_view text);

}  // namespace lightmamba
