// Checks UTF-8: whether bytes are well-formed, and where not (Unicode 15, table 3-7).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lightmamba {

// Returns the length of the longest prefix that is well-formed UTF-8.
std::size_t valid_utf8_prefix(std::string_view text);

// Throws Error with the offset of the first bad byte. `what` names the text in the message.
void require_utf8(std::string_view text, std::string_view what);

// Replaces ill-formed bytes by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// True if `tail` is the beginning of a well-formed character whose last bytes are still to come.
bool is_incomplete_utf8(std::string_view tail);

// Makes text from a file fit for a message: cuts it and replaces control characters and ill-formed
// bytes.
std::string printable(std::string_view text);

// Returns the number of code points in well-formed text.
std::size_t count_code_points(std::string_view text);

}  // namespace lightmamba
