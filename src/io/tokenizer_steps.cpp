#include "io/tokenizer_steps.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "io/tokenizer_fields.h"
#include "io/unicode.h"

namespace lightmamba {
namespace {

constexpr std::size_t kMaxParts = 64;

// One part of a normalizer, pre-tokenizer, post-processor or decoder.
struct Component {
  const Json* value;
  std::string type;
  std::string where;  // "FILE: FIELD: TYPE", for errors about its members

  const Json& member(std::string_view name) const { return member_or_null(*value, name); }
};

// The parts in order: none for null, and those of a Sequence, which lists them under `list`, in
// place of it.
std::vector<Component> components(const Json& file, std::string_view field, std::string_view list,
                                  std::string_view source) {
  std::vector<Component> found;
  std::vector<const Json*> open;
  const Json& whole = member_or_null(file, field);
  if (!whole.is_null()) open.push_back(&whole);
  const std::string where = fmt::format("{}: {}", source, field);
  while (!open.empty()) {
    const Json& value = *open.back();
    open.pop_back();
    std::string type = json_field<std::string>(value, "type", where);
    if (type != "Sequence") {
      std::string place = fmt::format("{}: {}", where, shown(Json(type)));
      found.push_back({&value, std::move(type), std::move(place)});
      if (found.size() > kMaxParts) {
        fail("{}: field '{}': more than {} parts", source, field, kMaxParts);
      }
      continue;
    }
    const Json& parts = member_or_null(value, list);
    if (!parts.is_array()) {
      unsupported(source, fmt::format("{}.{}", field, list), "an array", parts);
    }
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) open.push_back(&*part);
  }
  return found;
}

[[noreturn]] void unsupported_component(std::string_view source, std::string_view field,
                                        std::string_view expected, const Component& found) {
  fail("{}: {} of type {} is not supported: expected {}", source, field, shown(Json(found.type)),
       expected);
}

// {"String": text} or {"Regex": pattern}; `text` is the one or the other.
struct Pattern {
  Regex regex;
  std::string text;
  bool is_regex;
};

Pattern read_pattern(const Component& part) {
  const Json& pattern = part.member("pattern");
  if (!pattern.is_object() || pattern.size() != 1 ||
      !(pattern.contains("String") || pattern.contains("Regex"))) {
    unsupported(part.where, "pattern", R"({"String": text} or {"Regex": pattern})", pattern);
  }
  const bool is_regex = pattern.contains("Regex");
  auto text = json_field<std::string>(pattern, is_regex ? "Regex" : "String", part.where);
  return with_context(fmt::format("{}: field 'pattern'", part.where), [&] {
    Regex regex = is_regex ? Regex(text) : Regex::literal(text);
    return Pattern{std::move(regex), std::move(text), is_regex};
  });
}

ReplaceStep read_replacement(const Component& part) {
  return {read_pattern(part).regex, json_field<std::string>(*part.value, "content", part.where)};
}

std::string read_character(const Component& part, std::string_view name) {
  auto text = json_field<std::string>(*part.value, name, part.where);
  if (text.empty() || code_point_at(text, 0).size != text.size()) {
    unsupported(part.where, name, "one character", Json(text));
  }
  return text;
}

template <typename Choice, std::size_t count>
Choice read_choice(const Component& part, std::string_view name,
                   const std::array<std::pair<std::string_view, Choice>, count>& choices) {
  const auto text = json_field<std::string>(*part.value, name, part.where);
  std::string names;
  for (const auto& [known, choice] : choices) {
    if (text == known) return choice;
    names += names.empty() ? "" : ", ";
    names += known;
  }
  unsupported(part.where, name, fmt::format("one of {}", names), Json(text));
}

SplitBehavior read_behavior(const Component& part) {
  static constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kBehaviors{{
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous},
  }};
  return read_choice(part, "behavior", kBehaviors);
}

PreTokenizerStep read_split(const Component& part) {
  Pattern pattern = read_pattern(part);
  const SplitBehavior behavior = read_behavior(part);
  const bool invert = json_field<bool>(*part.value, "invert", part.where);
  // All of a text belongs to matches of this pattern, which runs faster when written out.
  const bool keeps_matches =
      invert ? behavior == SplitBehavior::removed : behavior == SplitBehavior::isolated;
  if (pattern.is_regex && pattern.text == kGpt2Pattern && keeps_matches) return Gpt2SplitStep{};
  return SplitStep{std::move(pattern.regex), behavior, invert};
}

// Of a Metaspace: before which texts the character is put.
PrependScheme read_prepend_scheme(const Component& part) {
  static constexpr std::array<std::pair<std::string_view, PrependScheme>, 3> kSchemes{{
      {"always", PrependScheme::always},
      {"first", PrependScheme::first},
      {"never", PrependScheme::never},
  }};
  const bool has_scheme = !part.member("prepend_scheme").is_null();
  // Files of before 2024 say it with a boolean.
  const bool adds = json_field_or<bool>(*part.value, "add_prefix_space", true, part.where);
  if (!has_scheme) return adds ? PrependScheme::always : PrependScheme::never;
  const PrependScheme scheme = read_choice(part, "prepend_scheme", kSchemes);
  if (!adds && scheme != PrependScheme::never) {
    unsupported(part.where, "prepend_scheme", "\"never\", since add_prefix_space is false",
                part.member("prepend_scheme"));
  }
  return scheme;
}

PreTokenizerStep read_metaspace(const Component& part) {
  return MetaspaceStep{read_character(part, "replacement"), read_prepend_scheme(part),
                       json_field_or<bool>(*part.value, "split", true, part.where)};
}

void read_template(const Component& part, SpecialTokenIds& special) {
  const Json& pieces = part.member("single");
  if (!pieces.is_array()) unsupported(part.where, "single", "an array", pieces);
  const Json& tokens = part.member("special_tokens");
  bool after_text = false;
  for (const Json& piece : pieces) {
    const std::string where = fmt::format("{}: single", part.where);
    if (piece.is_object() && piece.contains("Sequence")) {
      const auto id = json_field<std::string>(piece["Sequence"], "id", where);
      if (id != "A" || after_text) unsupported(part.where, "single", "the text A once", Json(id));
      after_text = true;
      continue;
    }
    if (!piece.is_object() || !piece.contains("SpecialToken")) {
      unsupported(part.where, "single", "pieces named Sequence or SpecialToken", piece);
    }
    const auto name = json_field<std::string>(piece["SpecialToken"], "id", where);
    const Json& token = member_or_null(tokens, name);
    const Json& ids = token.is_object() ? member_or_null(token, "ids") : token;
    if (!ids.is_array()) {
      unsupported(part.where, "special_tokens", fmt::format("the ids of {}", shown(Json(name))),
                  ids);
    }
    for (const Json& id : ids) {
      (after_text ? special.after : special.before)
          .push_back(checked_id(id, part.where, "special_tokens", name));
    }
  }
  if (!after_text) unsupported(part.where, "single", "the text A once", pieces);
}

// BERT's and RoBERTa's: ["token", id] each.
void read_classifier_tokens(const Component& part, SpecialTokenIds& special) {
  for (const auto& [name, ids] : {std::pair("cls", &special.before), {"sep", &special.after}}) {
    const Json& token = part.member(name);
    if (!token.is_array() || token.size() != 2 || !token[0].is_string()) {
      unsupported(part.where, name, R"(["token", id])", token);
    }
    ids->push_back(checked_id(token[1], part.where, name, token[0].get<std::string>()));
  }
}

std::size_t read_strip_count(const Component& part, std::string_view name) {
  constexpr std::int64_t kMax = 1024;
  const auto count = json_field<std::int64_t>(*part.value, name, part.where);
  if (count < 0 || count > kMax) {
    unsupported(part.where, name, fmt::format("0 to {}", kMax), part.member(name));
  }
  return static_cast<std::size_t>(count);
}

}  // namespace

std::vector<NormalizerStep> read_normalizer(const Json& file, std::string_view source) {
  std::vector<NormalizerStep> steps;
  for (const Component& part : components(file, "normalizer", "normalizers", source)) {
    if (part.type == "NFC") {
      steps.emplace_back(NfcStep{});
    } else if (part.type == "Prepend") {
      steps.emplace_back(PrependStep{json_field<std::string>(*part.value, "prepend", part.where)});
    } else if (part.type == "Replace") {
      steps.emplace_back(read_replacement(part));
    } else {
      unsupported_component(source, "normalizer", "NFC, Prepend, Replace or null", part);
    }
  }
  return steps;
}

std::vector<PreTokenizerStep> read_pre_tokenizer(const Json& file, std::string_view source) {
  constexpr std::string_view kField = "pre_tokenizer";
  std::vector<PreTokenizerStep> steps;
  int byte_levels = 0;
  for (const Component& part : components(file, kField, "pretokenizers", source)) {
    if (part.type == "ByteLevel") {
      ++byte_levels;
      steps.emplace_back(
          ByteLevelStep{json_field<bool>(*part.value, "add_prefix_space", part.where),
                        json_field_or<bool>(*part.value, "use_regex", true, part.where)});
    } else if (part.type == "Split") {
      steps.push_back(read_split(part));
    } else if (part.type == "Digits") {
      steps.emplace_back(
          DigitsStep{json_field<bool>(*part.value, "individual_digits", part.where)});
    } else if (part.type == "Metaspace" && byte_levels == 0) {
      steps.push_back(read_metaspace(part));
    } else {
      unsupported_component(source, kField,
                            "ByteLevel, Split, Digits, Metaspace that no ByteLevel precedes, or "
                            "null",
                            part);
    }
  }
  if (byte_levels > 1) {
    fail("{}: field '{}': expected ByteLevel once, found it {} times", source, kField, byte_levels);
  }
  return steps;
}

SpecialTokenIds read_post_processor(const Json& file, std::string_view source) {
  constexpr std::string_view kField = "post_processor";
  SpecialTokenIds special;
  const Component* adding = nullptr;  // the part that adds tokens
  const std::vector<Component> parts = components(file, kField, "processors", source);
  for (const Component& part : parts) {
    if (part.type == "ByteLevel") continue;  // It adjusts offsets, which nothing here has.
    const bool is_template = part.type == "TemplateProcessing";
    if (!is_template && part.type != "BertProcessing" && part.type != "RobertaProcessing") {
      unsupported_component(source, kField,
                            "ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing or "
                            "null",
                            part);
    }
    if (adding != nullptr) {
      fail("{}: field '{}': {} after {}: only one part may add tokens", source, kField, part.type,
           adding->type);
    }
    adding = &part;
    if (is_template) {
      read_template(part, special);
    } else {
      read_classifier_tokens(part, special);
    }
  }
  return special;
}

TokenDecoder read_decoder(const Json& file, bool byte_level, std::string_view source) {
  constexpr std::string_view kField = "decoder";
  const std::vector<Component> parts = components(file, kField, "decoders", source);
  TokenDecoder decoder;
  if (byte_level) {
    for (const Component& part : parts) {
      if (part.type != "ByteLevel") {
        unsupported_component(source, kField, "ByteLevel or null with this pre_tokenizer", part);
      }
    }
    return decoder;
  }
  // The order in which they may come.
  enum class Stage { tokens, bytes, text, stripped } stage = Stage::tokens;
  for (const Component& part : parts) {
    if (part.type == "Replace" && stage == Stage::tokens && !decoder.metaspace) {
      decoder.replacements.push_back(read_replacement(part));
    } else if (part.type == "Metaspace" && stage == Stage::tokens && !decoder.metaspace) {
      decoder.metaspace = read_character(part, "replacement");
      decoder.drops_first_metaspace = read_prepend_scheme(part) != PrependScheme::never;
    } else if (part.type == "ByteFallback" && stage == Stage::tokens) {
      decoder.byte_fallback = true;
      stage = Stage::bytes;
    } else if (part.type == "Fuse" && stage < Stage::text) {
      stage = Stage::text;
    } else if (part.type == "Strip" && stage == Stage::text) {
      decoder.stripped = read_character(part, "content");
      decoder.strip_begin = read_strip_count(part, "start");
      decoder.strip_end = read_strip_count(part, "stop");
      stage = Stage::stripped;
    } else {
      unsupported_component(source, kField,
                            "Replace or Metaspace, ByteFallback, Fuse and Strip, in this order",
                            part);
    }
  }
  if (parts.empty()) {
    unsupported(source, kField, "one, since the pre_tokenizer is not ByteLevel", Json());
  }
  return decoder;
}

}  // namespace lightmamba
