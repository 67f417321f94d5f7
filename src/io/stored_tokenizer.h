// The tokenizer that lies with a model, which may be absent or of a kind that is not supported.
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

// These keep the Error in place of throwing it: much of what is done with a model needs no text.
StoredTokenizer read_stored_tokenizer(const std::filesystem::path& path);  // absent: all empty
StoredTokenizer parse_stored_tokenizer(std::string json, const std::string& source);

}  // namespace lightmamba
