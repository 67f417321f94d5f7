#include "io/tokenizer_json.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "io/json.h"
#include "io/tokenizer_fields.h"

namespace lightmamba {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 30;
// Bounds the time to look for added tokens, which is at worst this times the size of the text.
constexpr std::size_t kLongestAddedToken = 1024;

using TokenIds = std::unordered_map<std::string_view, TokenId>;

void check_model(const Json& model, std::string_view source) {
  const std::string where = fmt::format("{}: model", source);
  // Files from before 2020 have no type; only BPE has merges.
  const Json& type = member_or_null(model, "type");
  if (type.is_null() ? !model.contains("merges") : type != "BPE") {
    unsupported(source, "model.type", "\"BPE\"", type);
  }
  const Json& dropout = member_or_null(model, "dropout");
  if (!dropout.is_null() && dropout != 0) {
    unsupported(source, "model.dropout", "null, since encoding must not be random", dropout);
  }
  for (const std::string_view affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!json_field_or<std::string>(model, affix, "", where).empty()) {
      unsupported(source, fmt::format("model.{}", affix), "null", model[affix]);
    }
  }
}

[[noreturn]] void duplicate_id(std::string_view source, std::string_view field, TokenId id,
                               const std::string& token) {
  fail("{}: {}: id {} of token {} already belongs to another token", source, field, id,
       shown(Json(token)));
}

// The views in the result point into `spec.vocabulary`.
TokenIds read_vocabulary(const Json& model, std::string_view source, TokenizerSpec& spec) {
  constexpr std::string_view kField = "model.vocab";
  const Json& vocabulary = member_or_null(model, "vocab");
  if (!vocabulary.is_object()) unsupported(source, kField, "an object", vocabulary);
  if (vocabulary.empty()) fail("{}: {}: expected at least one token, found none", source, kField);
  spec.vocabulary.reserve(vocabulary.size());
  std::vector<bool> taken;
  for (const auto& [token, value] : vocabulary.items()) {
    const TokenId id = checked_id(value, source, kField, token);
    const auto index = static_cast<std::size_t>(id);
    if (index >= taken.size()) taken.resize(index + 1);
    if (taken[index]) duplicate_id(source, kField, id, token);
    taken[index] = true;
    spec.vocabulary.emplace_back(token, id);
  }
  TokenIds ids;
  ids.reserve(spec.vocabulary.size());
  for (const auto& [token, id] : spec.vocabulary) ids.emplace(token, id);
  return ids;
}

bool is_byte_level(const std::vector<PreTokenizerStep>& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const PreTokenizerStep& step) {
    return std::holds_alternative<ByteLevelStep>(step);
  });
}

// Reads how the model treats a word that is a token, and characters that are none.
void read_unknown(const Json& model, const TokenIds& ids, std::string_view source,
                  TokenizerSpec& spec) {
  const std::string where = fmt::format("{}: model", source);
  spec.ignore_merges = json_field_or<bool>(model, "ignore_merges", false, where);
  spec.byte_fallback = json_field_or<bool>(model, "byte_fallback", false, where);
  spec.fuse_unknown = json_field_or<bool>(model, "fuse_unk", false, where);
  const auto name = json_field_or<std::string>(model, "unk_token", "", where);
  if (const auto found = ids.find(name); found != ids.end()) spec.unknown = found->second;
  if (spec.byte_level && spec.byte_fallback) {
    unsupported(source, "model.byte_fallback", "false with a ByteLevel pre_tokenizer", true);
  }
  // Without them the tokenizers library drops unknown characters.
  if (!spec.byte_level && !spec.byte_fallback && !spec.unknown) {
    fail(
        "{}: field 'pre_tokenizer': expected ByteLevel once, found it 0 times, and the model has "
        "neither byte_fallback nor an unk_token",
        source);
  }
}

void read_merges(const Json& model, const TokenIds& ids, std::string_view source,
                 TokenizerSpec& spec) {
  const Json& merges = member_or_null(model, "merges");
  if (!merges.is_array()) unsupported(source, "model.merges", "an array", merges);
  const auto id_of = [&](std::string_view token) {
    const auto found = ids.find(token);
    if (found == ids.end()) {
      fail("{}: model.merges[{}]: token {} is not in the vocabulary", source, spec.merges.size(),
           shown(Json(token)));
    }
    return found->second;
  };
  const auto malformed = [&](const Json& merge) {
    unsupported(source, fmt::format("model.merges[{}]", spec.merges.size()),
                R"("left right" or ["left", "right"])", merge);
  };
  spec.merges.reserve(merges.size());
  std::string joined;
  for (const Json& merge : merges) {
    std::string_view left;
    std::string_view right;
    if (merge.is_string()) {
      const std::string_view text = merge.get_ref<const std::string&>();
      const std::size_t space = text.find(' ');
      if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
        malformed(merge);
      }
      left = text.substr(0, space);
      right = text.substr(space + 1);
    } else {
      if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() ||
          !merge[1].is_string()) {
        malformed(merge);
      }
      left = merge[0].get_ref<const std::string&>();
      right = merge[1].get_ref<const std::string&>();
    }
    joined.assign(left).append(right);
    spec.merges.push_back({id_of(left), id_of(right), id_of(joined)});
  }
}

void read_added_tokens(const Json& file, const TokenIds& ids, std::string_view source,
                       TokenizerSpec& spec) {
  const Json& list = member_or_null(file, "added_tokens");
  if (list.is_null()) return;
  if (!list.is_array()) unsupported(source, "added_tokens", "an array", list);
  if (list.empty()) return;
  std::unordered_map<TokenId, std::string_view> taken;
  taken.reserve(ids.size());
  for (const auto& [token, id] : ids) taken.emplace(id, token);
  std::unordered_set<std::string> seen;
  for (const Json& item : list) {
    const std::string field = fmt::format("added_tokens[{}]", spec.added_tokens.size());
    const std::string where = fmt::format("{}: {}", source, field);
    AddedToken token;
    token.content = json_field<std::string>(item, "content", where);
    if (token.content.empty() || token.content.size() > kLongestAddedToken) {
      fail("{}: field 'content': expected 1 to {} bytes, found {}", where, kLongestAddedToken,
           token.content.size());
    }
    token.id = checked_id(member_or_null(item, "id"), source, field, token.content);
    token.single_word = json_field<bool>(item, "single_word", where);
    token.lstrip = json_field<bool>(item, "lstrip", where);
    token.rstrip = json_field<bool>(item, "rstrip", where);
    token.normalized = json_field<bool>(item, "normalized", where);
    token.special = json_field<bool>(item, "special", where);
    if (!seen.insert(token.content).second) {
      fail("{}: token {} is there twice", where, shown(Json(token.content)));
    }
    const auto in_vocabulary = ids.find(token.content);
    if (in_vocabulary == ids.end()) {
      if (!taken.emplace(token.id, token.content).second) {
        duplicate_id(source, field, token.id, token.content);
      }
    } else if (in_vocabulary->second != token.id) {
      fail("{}: token {} has id {}, but {} in model.vocab", where, shown(Json(token.content)),
           token.id, in_vocabulary->second);
    }
    spec.added_tokens.push_back(std::move(token));
  }
}

void check_special_tokens(const TokenIds& ids, std::string_view source, const TokenizerSpec& spec) {
  std::unordered_set<TokenId> known;
  for (const AddedToken& token : spec.added_tokens) known.insert(token.id);
  for (const auto& [token, id] : ids) known.insert(id);
  for (const std::vector<TokenId>* list :
       {&spec.special_tokens.before, &spec.special_tokens.after}) {
    for (const TokenId id : *list) {
      if (!known.contains(id)) fail("{}: post_processor: no token has id {}", source, id);
    }
  }
}

}  // namespace

TokenizerSpec read_tokenizer_json(std::string_view json, std::string_view source) {
  if (json.size() > kLargestFile) {
    fail("{}: expected at most {} bytes, found {}", source, kLargestFile, json.size());
  }
  const Json file = parse_json(json, source);
  if (!file.is_object()) fail("{}: expected an object, found {}", source, json_kind(file));
  const Json& version = member_or_null(file, "version");
  if (!version.is_null() && version != "1.0") unsupported(source, "version", "\"1.0\"", version);
  const Json& model = member_or_null(file, "model");
  if (!model.is_object()) unsupported(source, "model", "an object", model);

  TokenizerSpec spec;
  check_model(model, source);
  spec.normalizer = read_normalizer(file, source);
  spec.pre_tokenizer = read_pre_tokenizer(file, source);
  spec.byte_level = is_byte_level(spec.pre_tokenizer);
  spec.special_tokens = read_post_processor(file, source);
  const TokenIds ids = read_vocabulary(model, source, spec);
  read_unknown(model, ids, source, spec);
  spec.decoder = read_decoder(file, spec.byte_level, source);
  read_merges(model, ids, source, spec);
  read_added_tokens(file, ids, source, spec);
  check_special_tokens(ids, source, spec);
  return spec;
}

}  // namespace lightmamba
