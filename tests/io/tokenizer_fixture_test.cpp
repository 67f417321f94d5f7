// Kinds of tokenizers, each with what the Hugging Face tokenizers library makes of varied texts
// (see tests/data/make_tokenizer_fixture.py).
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <lightmamba/tokenizer.h>

#include "io/json.h"
#include "support/paths.h"
#include "support/tokenizers.h"

namespace lightmamba {
namespace {

using Ids = std::vector<TokenId>;

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  const auto folder = std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "tests/data/tokenizers";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class KindOfTokenizer : public ::testing::TestWithParam<std::string> {};

TEST_P(KindOfTokenizer, DoesAsTheTokenizersLibrary) {
  const auto path = std::filesystem::path(LIGHTMAMBA_SOURCE_DIR) / "tests/data/tokenizers" /
                    (GetParam() + ".json");
  const Json file = parse_json(test::read_file(path), path.string());
  const Tokenizer tokenizer = test::parse_tokenizer(file.at("tokenizer"));
  ASSERT_GE(file.at("cases").size(), 20U);
  for (const Json& item : file.at("cases")) {
    const auto text = item.at("text").get<std::string>();
    const auto ids = item.at("ids").get<Ids>();
    EXPECT_EQ(tokenizer.encode(text), ids) << text;
    EXPECT_EQ(tokenizer.encode(text, {.add_special_tokens = true}), item.at("prompt").get<Ids>())
        << text;
    EXPECT_EQ(tokenizer.decode(ids), item.at("decoded").get<std::string>()) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(All, KindOfTokenizer, ::testing::ValuesIn(kinds()),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace lightmamba
