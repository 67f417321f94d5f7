#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <lightmamba/lightmamba.h>

#include "base/file.h"

namespace lightmamba {
namespace {

TEST(Version, ItsPartsAreThoseOfItsText) {
  EXPECT_EQ(version(), fmt::format("{}.{}.{}", LIGHTMAMBA_VERSION_MAJOR, LIGHTMAMBA_VERSION_MINOR,
                                   LIGHTMAMBA_VERSION_PATCH));
}

TEST(Version, OneHeaderIncludesAllOfThem) {
  const std::filesystem::path folder =
      std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "include/lightmamba";
  const std::string all = read_text_file(folder / "lightmamba.h");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name == "lightmamba.h" || name == "c_api.h") continue;
    EXPECT_NE(all.find("#include <lightmamba/" + name + ">"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace lightmamba
