#include <cstdint>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include <lightmamba/tokenizer.h>

#include "base/file.h"
#include "io/json.h"
#include "io/unicode.h"
#include "support/errors.h"
#include "support/paths.h"
#include "support/tokenizers.h"

namespace lightmamba {
namespace {

using test::byte_level_file;
using test::data_path;
using test::parse_tokenizer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Ids = std::vector<TokenId>;

const char* const kNeoX = "tokenizer/gpt-neox-20b.tokenizer.json";

Tokenizer neox() { return Tokenizer::load(data_path(kNeoX)); }
Tokenizer shipped() { return Tokenizer::load(test::shipped_model() / "tokenizer.json"); }

std::string nfc(const std::string& text) {
  std::string storage;
  return std::string(to_nfc(text, storage));
}

std::string random_text(std::mt19937& random) {
  std::string text;
  for (std::size_t n = random() % 40; n > 0; --n) {
    const std::uint32_t limit = random() % 3 == 0 ? 0x110000 : random() % 2 == 0 ? 0x80 : 0x3100;
    const auto c = static_cast<char32_t>(random() % limit);
    append_utf8(c >= 0xd800 && c < 0xe000 ? U' ' : c, text);
    if (random() % 4 == 0) text += ' ';
  }
  return text;
}

void expect_round_trips(const Tokenizer& tokenizer) {
  std::mt19937 random(6);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random);
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), nfc(text)) << round;
  }
}

TEST(ShippedTokenizer, EncodesAsAnIndependentImplementation) {
  const Tokenizer tokenizer = shipped();
  EXPECT_EQ(tokenizer.vocab_size(), 4096U);
  EXPECT_EQ(tokenizer.encode("It is a truth universally acknowledged,"),
            (Ids{1300, 339, 260, 1631, 539, 3004, 585, 3592, 1067, 13}));
  EXPECT_EQ(tokenizer.encode("  two spaces\n\n\tand 1813"),
            (Ids{222, 720, 512, 647, 286, 200, 200, 199, 402, 1102, 25, 18, 20}));
  EXPECT_EQ(tokenizer.encode("naïve cafe\u0301 你好 😀"),
            (Ids{79,  66,  129, 109, 309, 914, 71,  129, 104, 222, 162,
                 123, 256, 163, 100, 123, 222, 174, 255, 248, 224}));
  EXPECT_EQ(tokenizer.encode("<|endoftext|>Chapter 1<|padding|>"),
            (Ids{0, 36, 2542, 378, 1102, 1}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
}

TEST(ShippedTokenizer, EncodesItsCalibrationText) {
  const Ids ids = shipped().encode(read_text_file(test::shipped_model() / "calibration.txt"));
  std::uint32_t hash = 0;
  for (const TokenId id : ids) hash = hash * 31 + static_cast<std::uint32_t>(id);
  EXPECT_EQ(ids.size(), 71'360U);
  EXPECT_EQ(hash, 114'053'143U);  // the ids of an independent implementation give it
}

TEST(ShippedTokenizer, RoundTripsToNormalFormC) { expect_round_trips(shipped()); }

TEST(ShippedTokenizer, KnowsItsTokens) {
  const Tokenizer tokenizer = shipped();
  EXPECT_TRUE(tokenizer.is_special(0));
  EXPECT_EQ(tokenizer.token_bytes(0), "<|endoftext|>");
  EXPECT_FALSE(tokenizer.is_special(2));
  EXPECT_TRUE(tokenizer.has_token(4095));
  EXPECT_FALSE(tokenizer.has_token(4096));
  EXPECT_FALSE(tokenizer.has_token(-1));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_THAT(test::error_of([&] { tokenizer.token_bytes(4096); }),
              AllOf(HasSubstr("tokenizer.json"), HasSubstr("4096")));
  EXPECT_THAT(test::error_of([&] { tokenizer.decode({2, -5}); }), HasSubstr("-5"));
}

TEST(ShippedTokenizer, KeepsItsJson) {
  const Tokenizer tokenizer = shipped();
  EXPECT_EQ(tokenizer.json(), read_text_file(test::shipped_model() / "tokenizer.json"));
  const Tokenizer again = Tokenizer::parse(tokenizer.json(), "again");
  EXPECT_EQ(again.encode("Once upon a time"), tokenizer.encode("Once upon a time"));
}

TEST(NeoXTokenizer, EncodesTheGoldenCases) {
  LIGHTMAMBA_NEEDS_DATA(kNeoX);
  const Tokenizer tokenizer = neox();
  const auto path = data_path("tokenizer/golden_cases.neox.json");
  const Json cases = parse_json(read_text_file(path), path.string());
  ASSERT_FALSE(cases.empty());
  for (const Json& item : cases) {
    const auto text = item.at("text").get<std::string>();
    const auto ids = item.at("ids").get<Ids>();
    EXPECT_EQ(tokenizer.encode(text), ids) << text;
    EXPECT_EQ(tokenizer.decode(ids), nfc(text)) << text;
  }
}

TEST(NeoXTokenizer, EncodesAllOfWikiText) {
  LIGHTMAMBA_NEEDS_DATA(kNeoX);
  const Tokenizer tokenizer = neox();
  const std::string text = read_text_file(data_path("text/wiki.test.raw"));
  const std::string golden = test::read_file(data_path("tokenizer/golden_wiki.test.raw.neox.u16"));
  Ids expected;
  for (std::size_t i = 0; i + 1 < golden.size(); i += 2) {
    expected.push_back(static_cast<unsigned char>(golden[i]) |
                       static_cast<unsigned char>(golden[i + 1]) << 8);
  }
  ASSERT_EQ(expected.size(), 287'159U);
  const Ids ids = tokenizer.encode(text);
  EXPECT_TRUE(ids == expected);
  EXPECT_TRUE(tokenizer.decode(ids) == nfc(text));
}

TEST(NeoXTokenizer, RoundTripsToNormalFormC) {
  LIGHTMAMBA_NEEDS_DATA(kNeoX);
  expect_round_trips(neox());
}

// The tokenizers these cases were made with are not at hand, but their texts are varied.
TEST(NeoXTokenizer, RoundTripsTheTextsOfTheLibraryCases) {
  LIGHTMAMBA_NEEDS_DATA(kNeoX);
  const Tokenizer tokenizer = neox();
  const auto path = data_path("tokenizer/hf_tokenizer_cases.json");
  for (const Json& group : parse_json(read_text_file(path), path.string())) {
    for (const Json& item : group.at("cases")) {
      const auto text = item.at("text").get<std::string>();
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), nfc(text));
    }
  }
}

TEST(NeoXTokenizer, HasATokenForEveryIdBelowItsSize) {
  LIGHTMAMBA_NEEDS_DATA(kNeoX);
  const Tokenizer tokenizer = neox();
  EXPECT_EQ(tokenizer.vocab_size(), 50277U);
  for (TokenId id = 0; id < 50277; ++id) ASSERT_TRUE(tokenizer.has_token(id)) << id;
  EXPECT_EQ(tokenizer.token_bytes(50276), "  ");
}

TEST(Tokenizer, AddsASpaceInFrontOfEveryTextButOnesThatHaveIt) {
  Json file = byte_level_file({{"Ġ", "a"}});
  file["pre_tokenizer"]["add_prefix_space"] = true;
  file["added_tokens"] = Json::array({test::added_token(1000, "<a>")});
  const Tokenizer tokenizer = parse_tokenizer(file);
  EXPECT_EQ(tokenizer.encode("a"), (Ids{256}));
  EXPECT_EQ(tokenizer.encode(" a"), (Ids{256}));
  EXPECT_EQ(tokenizer.encode("\na"), (Ids{' ', '\n', 'a'}));
  EXPECT_EQ(tokenizer.encode("a<a>a a"), (Ids{256, 1000, 256, 256}));
  EXPECT_EQ(tokenizer.encode("<a>"), (Ids{1000}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
}

TEST(Tokenizer, WithoutThePatternMergesSpanWords) {
  Json file = byte_level_file({{"a", "Ġ"}, {"aĠ", "b"}});
  EXPECT_EQ(parse_tokenizer(file).encode("a b"), (Ids{'a', ' ', 'b'}));
  file["pre_tokenizer"]["use_regex"] = false;
  EXPECT_EQ(parse_tokenizer(file).encode("a b"), (Ids{257}));
}

TEST(Tokenizer, NormalizesOnlyWhenTold) {
  Json file = byte_level_file();
  EXPECT_EQ(parse_tokenizer(file).encode("e\u0301"), (Ids{'e', 0xcc, 0x81}));
  file["normalizer"] = {{"type", "NFC"}};
  EXPECT_EQ(parse_tokenizer(file).encode("e\u0301"), (Ids{0xc3, 0xa9}));
}

TEST(Tokenizer, DecodesTokensThatSpellNoBytesAsTheyAre) {
  Json file = byte_level_file();
  file["model"]["vocab"]["\u4e2d x"] = 400;
  const Tokenizer tokenizer = parse_tokenizer(file);
  EXPECT_EQ(tokenizer.decode({400}), "\u4e2d x");
  EXPECT_EQ(tokenizer.decode({0xff, 0x0a}), "\xff\n");
  EXPECT_EQ(tokenizer.vocab_size(), 401U);
  EXPECT_FALSE(tokenizer.has_token(300));
  EXPECT_THAT(test::error_of([&] { tokenizer.token_bytes(300); }), HasSubstr("300"));
}

TEST(Tokenizer, RefusesTextThatIsNoUtf8) {
  const Tokenizer tokenizer = parse_tokenizer(byte_level_file());
  EXPECT_THAT(test::error_of([&] { tokenizer.encode("abc\xff"); }),
              AllOf(HasSubstr("UTF-8"), HasSubstr("0xff"), HasSubstr("offset 3")));
  EXPECT_THAT(test::error_of([&] { tokenizer.encode("\xe4\xbd"); }), HasSubstr("offset 0"));
  EXPECT_THAT(test::error_of([&] { tokenizer.encode("x\xed\xa0\x80"); }), HasSubstr("offset 1"));
}

TEST(Tokenizer, EncodesTheNulCharacter) {
  const Tokenizer tokenizer = parse_tokenizer(byte_level_file());
  EXPECT_EQ(tokenizer.encode(std::string("a\0\0", 3)), (Ids{'a', 0, 0}));
  EXPECT_EQ(tokenizer.encode(std::string(1, '\0')), (Ids{0}));
  EXPECT_EQ(tokenizer.encode(std::string(2, '\0')), (Ids{0, 0}));
}

TEST(Tokenizer, NamesTheFileItCannotRead) {
  EXPECT_THAT(test::error_of([] { Tokenizer::load("no/such/tokenizer.json"); }),
              HasSubstr("no/such/tokenizer.json"));
  const test::TemporaryFolder folder;
  test::write_file(folder / "tokenizer.json", "{}");
  EXPECT_THAT(test::error_of([&] { Tokenizer::load(folder / "tokenizer.json"); }),
              HasSubstr((folder / "tokenizer.json").string()));
}

TEST(Tokenizer, SpecialTokensAreAddedWhereAskedFor) {
  Json file = byte_level_file();
  file["added_tokens"] = {test::added_token(256, "<s>"), test::added_token(257, "</s>")};
  file["post_processor"] = {{"type", "RobertaProcessing"},
                            {"cls", {"<s>", 256}},
                            {"sep", {"</s>", 257}},
                            {"trim_offsets", true},
                            {"add_prefix_space", false}};
  const Tokenizer tokenizer = parse_tokenizer(file);
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{'a', 'b'}));
  EXPECT_EQ(tokenizer.encode("ab", {.add_special_tokens = false}), (Ids{'a', 'b'}));
  EXPECT_EQ(tokenizer.encode("ab", {.add_special_tokens = true}), (Ids{256, 'a', 'b', 257}));
  EXPECT_EQ(tokenizer.encode("", {.add_special_tokens = true}), (Ids{256, 257}));
  const Tokenizer plain = parse_tokenizer(byte_level_file());
  EXPECT_EQ(plain.encode("ab", {.add_special_tokens = true}), (Ids{'a', 'b'}));
}

// A vocabulary of characters without tokens for bytes.
Json character_file() {
  Json file = byte_level_file();
  file["pre_tokenizer"] = nullptr;
  file["decoder"] = {{"type", "Fuse"}};
  file["model"]["vocab"] = {{"<unk>", 0}, {"a", 1}, {"é", 2}};
  file["model"]["unk_token"] = "<unk>";
  return file;
}

TEST(Tokenizer, CharactersWithoutATokenAreUnknown) {
  Json file = character_file();
  EXPECT_EQ(parse_tokenizer(file).encode("a中文é"), (Ids{1, 0, 0, 2}));
  file["model"]["fuse_unk"] = true;
  EXPECT_EQ(parse_tokenizer(file).encode("a中文é"), (Ids{1, 0, 2}));
  file["model"]["byte_fallback"] = true;
  file["model"].erase("unk_token");
  EXPECT_THAT(test::error_of([&] { parse_tokenizer(file).encode("a中"); }),
              HasSubstr("the vocabulary has no token for '中'"));
  file["model"]["vocab"].update({{"<0xE4>", 3}, {"<0xB8>", 4}, {"<0xAD>", 5}});
  EXPECT_EQ(parse_tokenizer(file).encode("a中"), (Ids{1, 3, 4, 5}));
}

TEST(Tokenizer, APatternThatTakesTooLongStopsTheEncodingOnly) {
  Json file = byte_level_file();
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", "(a|aa)+$"}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, file["pre_tokenizer"]}}};
  const Tokenizer tokenizer = parse_tokenizer(file);
  std::string text(61, 'a');
  text.back() = 'b';
  EXPECT_THAT(test::error_of([&] { tokenizer.encode(text); }),
              AllOf(HasSubstr("t.json: "), HasSubstr("limit")));
  EXPECT_EQ(tokenizer.encode("aab"), (Ids{'a', 'a', 'b'}));
}

}  // namespace
}  // namespace lightmamba
