#include "io/stored_tokenizer.h"

#include <system_error>
#include <utility>

#include <lightmamba/error.h>

#include "base/file.h"

namespace lightmamba {

StoredTokenizer read_stored_tokenizer(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return {};
  std::string json;
  try {
    json = read_text_file(path);
  } catch (const Error& error) {
    return {std::nullopt, "", error.what()};
  }
  return parse_stored_tokenizer(std::move(json), path.string());
}

StoredTokenizer parse_stored_tokenizer(std::string json, const std::string& source) {
  StoredTokenizer stored;
  try {
    stored.tokenizer = Tokenizer::parse(json, source);
  } catch (const Error& error) {
    stored.error = error.what();
  }
  stored.json = std::move(json);
  return stored;
}

}  // namespace lightmamba
