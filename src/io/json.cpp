#include "io/json.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace lightmamba {
namespace {

constexpr int kDeepest = 64;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Replaces Python's spellings of non-finite numbers outside strings, and bounds the nesting.
std::string to_standard_json(std::string_view text, std::string_view source) {
  std::string result;
  result.reserve(text.size());
  int depth = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      const std::size_t begin = i++;
      while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
      i = std::min(i + 1, text.size());
      result += text.substr(begin, i - begin);
    } else if (is_word(c)) {
      const std::size_t begin = i;
      while (i < text.size() && is_word(text[i])) ++i;
      const std::string_view word = text.substr(begin, i - begin);
      if (word == "Infinity") {
        // A number that the parser turns into infinity would be out of range, so a marker stands
        // in.
        const bool negative = !result.empty() && result.back() == '-';
        if (negative) result.pop_back();
        result += negative ? R"({"__float__":"-Infinity"})" : R"({"__float__":"Infinity"})";
      } else if (word == "NaN") {
        result += R"({"__float__":"NaN"})";
      } else {
        result += word;
      }
    } else {
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
      if (depth > kDeepest) fail("{}: not valid JSON: nested deeper than {}", source, kDeepest);
      result += c;
      ++i;
    }
  }
  return result;
}

// Transformers 5 writes {"__float__": "Infinity"} itself, so the marker is read from files too.
void replace_float_markers(Json& value) {
  if (value.is_object() && value.size() == 1 && value.contains("__float__")) {
    const Json word = value["__float__"];
    if (word == "Infinity") value = std::numeric_limits<double>::infinity();
    if (word == "-Infinity") value = -std::numeric_limits<double>::infinity();
    if (word == "NaN") value = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  if (value.is_structured()) {
    for (Json& item : value) replace_float_markers(item);
  }
}

[[noreturn]] void wrong_type(std::string_view source, std::string_view name,
                             std::string_view expected, const Json& found) {
  std::string shown = found.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (shown.size() > 60) shown = shown.substr(0, 57) + "...";
  fail("{}: field '{}': expected {}, found {}", source, name, expected, shown);
}

std::int64_t to_integer(const Json& value, std::string_view name, std::string_view source) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > kMax) {
    wrong_type(source, name, "an integer below 2^63", value);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number == std::floor(number) && std::abs(number) < 0x1p53) {
      return static_cast<std::int64_t>(number);
    }
  }
  wrong_type(source, name, "an integer", value);
}

const Json& member(const Json& object, std::string_view name, std::string_view source) {
  if (!object.is_object()) fail("{}: expected an object, found {}", source, json_kind(object));
  const auto found = object.find(name);
  if (found == object.end()) fail("{}: missing field '{}'", source, name);
  return *found;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view source) {
  const std::string standard = to_standard_json(text, source);
  try {
    Json value = Json::parse(standard);
    if (standard.find("__float__") != std::string::npos) replace_float_markers(value);
    return value;
  } catch (const Json::exception& error) {
    fail("{}: not valid JSON: {}", source, error.what());
  }
}

std::string_view json_kind(const Json& value) { return value.type_name(); }

template <>
bool json_field<bool>(const Json& object, std::string_view name, std::string_view source) {
  const Json& value = member(object, name, source);
  if (!value.is_boolean()) wrong_type(source, name, "true or false", value);
  return value.get<bool>();
}

template <>
std::int64_t json_field<std::int64_t>(const Json& object, std::string_view name,
                                      std::string_view source) {
  return to_integer(member(object, name, source), name, source);
}

std::vector<std::int64_t> json_integers(const Json& object, std::string_view name,
                                        std::string_view source) {
  const Json& array = member(object, name, source);
  if (!array.is_array()) wrong_type(source, name, "an array of integers", array);
  std::vector<std::int64_t> values;
  values.reserve(array.size());
  for (const Json& value : array) values.push_back(to_integer(value, name, source));
  return values;
}

template <>
double json_field<double>(const Json& object, std::string_view name, std::string_view source) {
  const Json& value = member(object, name, source);
  if (!value.is_number()) wrong_type(source, name, "a number", value);
  return value.get<double>();
}

template <>
std::string json_field<std::string>(const Json& object, std::string_view name,
                                    std::string_view source) {
  const Json& value = member(object, name, source);
  if (!value.is_string()) wrong_type(source, name, "a string", value);
  return value.get<std::string>();
}

}  // namespace lightmamba
