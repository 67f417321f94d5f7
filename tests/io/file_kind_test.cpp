#include "io/file_kind.h"

#include <string>

#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using namespace std::string_literals;

TEST(FileKindOf, IsDecidedByHowAFileBegins) {
  const test::TemporaryFolder folder;
  const auto kind = [&](const std::string& text) {
    test::write_file(folder / "file", text);
    return file_kind(folder / "file");
  };
  EXPECT_EQ(kind("LMACCEL\0 and more"s), FileKind::accelerator_image);
  EXPECT_EQ(kind("GGUF\3\0\0\0"s), FileKind::gguf);
  EXPECT_EQ(kind("\10\0\0\0\0\0\0\0{}      "s), FileKind::safetensors);
  EXPECT_EQ(kind(" \n\t{\"model\": 1}"), FileKind::json);
  // A header of 123 bytes has a brace for its length.
  std::string brace = "{\0\0\0\0\0\0\0{}"s;
  brace.resize(8 + 123, ' ');
  EXPECT_EQ(kind(brace), FileKind::safetensors);
  EXPECT_EQ(kind("{\"abcd\":{}}"), FileKind::json);
  for (const char* other : {"", "LMACCEL", "[1]", "GGU"}) {
    EXPECT_EQ(kind(other), FileKind::other) << other;
  }
  EXPECT_EQ(file_kind(folder.path()), FileKind::directory);
  EXPECT_EQ(file_kind(folder / "none"), FileKind::absent);
  EXPECT_EQ(file_kind("/dev/null"), FileKind::other);
}

TEST(FileKindOf, TheShippedModelsFiles) {
  EXPECT_EQ(file_kind(test::shipped_model()), FileKind::directory);
  EXPECT_EQ(file_kind(test::shipped_model() / "model.safetensors"), FileKind::safetensors);
  EXPECT_EQ(file_kind(test::shipped_model() / "tokenizer.json"), FileKind::json);
}

}  // namespace
}  // namespace lightmamba
