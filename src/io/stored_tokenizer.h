// The tokenizer that is stored with a model; it may be absent or of a kind that is not supported.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <lightmamba/tokenizer.h>

namespace lightmamba {

struct StoredTokenizer {
  std::optional<Tokenizer> tokenizer;
  std::string json;   // the text of its tokenizer.json; empty where it is absent or cannot be read
  std::string error;  // why there is no tokenizer, although there is a file
};

// These functions keep the Error instead of throwing it, since much work with a model needs no
// text. All is empty if the file is absent.
StoredTokenizer read_stored_tokenizer(const std::filesystem::path& path);
StoredTokenizer parse_stored_tokenizer(std::string json, const std::string& source);

}  // namespace lightmamba
