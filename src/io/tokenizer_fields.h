// Fields of a tokenizer.json, with errors that name the file and the field.
#pragma once

#include <string>
#include <string_view>

#include <lightmamba/config.h>

#include "io/json.h"

namespace lightmamba {

inline constexpr TokenId kHighestTokenId = (1 << 24) - 1;

// Returns a value for a message, short and in plain ASCII.
std::string shown(const Json& value);

[[noreturn]] void unsupported(std::string_view source, std::string_view field,
                              std::string_view expected, const Json& found);

// Returns a member, or null if it is absent.
const Json& member_or_null(const Json& object, std::string_view name);

// Returns the id of `token`, from 0 to kHighestTokenId.
TokenId checked_id(const Json& value, std::string_view source, std::string_view field,
                   const std::string& token);

}  // namespace lightmamba
