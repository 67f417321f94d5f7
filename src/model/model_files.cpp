#include "model/model_files.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "base/fail.h"
#include "base/file.h"
#include "io/checkpoint.h"
#include "model/fingerprint.h"

namespace lightmamba {
namespace {

bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return std::filesystem::equivalent(a, b, ignored);
}

}  // namespace

void require_no_file_of_model(const std::filesystem::path& path,
                              const std::filesystem::path& model) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return;
  std::vector<std::filesystem::path> read = checkpoint_files(model);
  read.push_back(model / "tokenizer.json");
  read.push_back(model);
  if (std::ranges::any_of(read, [&](const auto& file) { return is_same_file(path, file); })) {
    fail("{}: would overwrite the model that is read", path);
  }
}

void require_place_for_state(const Model& model, const std::filesystem::path& path) {
  require_no_file_of_model(path, model.path());
  if (!has_fingerprint(model.weights())) model.fingerprint();  // says why
  require_place_for_file(path);
}

}  // namespace lightmamba
