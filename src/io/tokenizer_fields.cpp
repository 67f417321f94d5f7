#include "io/tokenizer_fields.h"

#include <cstdint>

namespace lightmamba {

std::string shown(const Json& value) {
  if (value.is_structured()) return std::string(json_kind(value));
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

void unsupported(std::string_view source, std::string_view field, std::string_view expected,
                 const Json& found) {
  fail("{}: field '{}': expected {}, found {}", source, field, expected, shown(found));
}

const Json& member_or_null(const Json& object, std::string_view name) {
  static const Json null;
  const auto found = object.find(name);
  return found == object.end() ? null : *found;
}

TokenId checked_id(const Json& value, std::string_view source, std::string_view field,
                   const std::string& token) {
  const bool small = value.is_number_unsigned()
                         ? value.get<std::uint64_t>() <= std::uint64_t{kHighestTokenId}
                         : value.is_number_integer() && value.get<std::int64_t>() >= 0 &&
                               value.get<std::int64_t>() <= std::int64_t{kHighestTokenId};
  if (!small) {
    fail("{}: {}: id of token {}: expected an integer from 0 to {}, found {}", source, field,
         shown(Json(token)), kHighestTokenId, shown(value));
  }
  return value.get<TokenId>();
}

}  // namespace lightmamba
