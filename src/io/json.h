// JSON as Python writes it, read with errors that name the file and the field.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/fail.h"

namespace lightmamba {

using Json = nlohmann::json;

// Parses JSON text. The words Infinity, -Infinity and NaN, which Python's json module writes
// although standard JSON lacks them, become the numbers they name. Throws Error "source: not valid
// JSON: ..." also for nesting deeper than any real configuration (a guard for the stack).
Json parse_json(std::string_view text, std::string_view source);

std::string_view json_kind(const Json& value);  // "object", "string", ... for messages

// Returns the member `name` of `object` as T, or throws Error "source: field 'name': expected ...,
// found ...". T is bool, std::int64_t, double or std::string. An integer field takes 3.0 but not
// 3.5.
template <typename T>
T json_field(const Json& object, std::string_view name, std::string_view source);
template <>
bool json_field<bool>(const Json& object, std::string_view name, std::string_view source);
template <>
std::int64_t json_field<std::int64_t>(const Json& object, std::string_view name,
                                      std::string_view source);
template <>
double json_field<double>(const Json& object, std::string_view name, std::string_view source);
template <>
std::string json_field<std::string>(const Json& object, std::string_view name,
                                    std::string_view source);

// Returns the member `name` of `object`, an array of integers.
std::vector<std::int64_t> json_integers(const Json& object, std::string_view name,
                                        std::string_view source);

// Does the same, with a default for an absent or null member.
template <typename T>
T json_field_or(const Json& object, std::string_view name, T fallback, std::string_view source) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return fallback;
  return json_field<T>(object, name, source);
}

}  // namespace lightmamba
