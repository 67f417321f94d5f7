#include "support/tokenizers.h"

#include <fmt/format.h>

#include "io/byte_level.h"

namespace lightmamba::test {

Json byte_level_file(const std::vector<TokenPair>& merges) {
  Json vocabulary = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[std::string(byte_symbol(static_cast<unsigned char>(byte)))] = byte;
  }
  Json merge_list = Json::array();
  for (const auto& [left, right] : merges) {
    vocabulary[fmt::format("{}{}", left, right)] = 256 + merge_list.size();
    merge_list.push_back(fmt::format("{} {}", left, right));
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", Json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}}},
          {"model",
           {{"type", "BPE"}, {"dropout", nullptr}, {"vocab", vocabulary}, {"merges", merge_list}}}};
}

Json added_token(TokenId id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", false}};
}

Tokenizer parse_tokenizer(const Json& file) { return Tokenizer::parse(file.dump(), "t.json"); }

}  // namespace lightmamba::test
