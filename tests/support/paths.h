// Where tests find the shipped model and the optional real inputs, and a folder for what they
// write.
#pragma once

#include <filesystem>
#include <string>

namespace lightmamba::test {

inline std::filesystem::path shipped_model() {
  return std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "models/mamba2-prose-7m";
}

inline std::filesystem::path data_path(const std::string& name) {
  return std::filesystem::path(LIGHTMAMBA_TEST_DATA) / name;
}

// A fresh empty folder, removed with all it holds when the object goes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path& path, const std::string& content);
std::string read_file(const std::filesystem::path& path);

}  // namespace lightmamba::test

// Ends a test early where the optional inputs are not at hand.
#define LIGHTMAMBA_NEEDS_DATA(name)                                  \
  if (!std::filesystem::exists(::lightmamba::test::data_path(name))) \
  GTEST_SKIP() << "needs " << ::lightmamba::test::data_path(name).string()
