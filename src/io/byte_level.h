// The GPT-2 spelling of bytes as printable characters, in which byte-level vocabularies are
// written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lightmamba {

// Returns the character (U+0021 to U+0143) that stands for a byte, as UTF-8.
std::string_view byte_symbol(unsigned char byte);

// Returns the bytes that `token`, well-formed UTF-8, spells; nothing if a character stands for no
// byte.
std::optional<std::string> spelled_bytes(std::string_view token);

}  // namespace lightmamba
