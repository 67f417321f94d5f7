#include "io/tokenizer_json.h"

#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <variant>
#include <vector>

#include "support/errors.h"
#include "support/tokenizers.h"

namespace lightmamba {
namespace {

using test::added_token;
using test::byte_level_file;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string parse_error(const std::string& text) {
  return test::error_of([&] { Tokenizer::parse(text, "t.json"); });
}

struct Refusal {
  std::string name;
  std::function<void(Json&)> change;
  std::vector<std::string> parts;  // parts of the message
};

std::ostream& operator<<(std::ostream& out, const Refusal& refusal) { return out << refusal.name; }

class TokenizerJsonRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(TokenizerJsonRefuses, AndSaysWhy) {
  Json file = byte_level_file({{"a", "b"}});
  GetParam().change(file);
  const std::string message = parse_error(file.dump());
  EXPECT_THAT(message, StartsWith("t.json: "));
  for (const std::string& part : GetParam().parts) EXPECT_THAT(message, HasSubstr(part));
}

Json added(Json token) { return Json::array({std::move(token)}); }

Json changed(Json value, const std::string& field, const Json& to) {
  value[field] = to;
  return value;
}

Json split(const std::string& regex) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", regex}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

Json begin_token(const std::string& token, const Json& special_tokens) {
  return {{"type", "TemplateProcessing"},
          {"single", {{{"SpecialToken", {{"id", token}}}}, {{"Sequence", {{"id", "A"}}}}}},
          {"special_tokens", special_tokens}};
}

const std::vector<Refusal> kRefusals{
    {"Version", [](Json& f) { f["version"] = "2.0"; }, {"version", "1.0", "2.0"}},
    {"NoModel", [](Json& f) { f.erase("model"); }, {"'model'", "expected an object", "null"}},
    {"Unigram", [](Json& f) { f["model"]["type"] = "Unigram"; }, {"model.type", "BPE", "Unigram"}},
    {"WordPiece", [](Json& f) { f["model"]["type"] = "WordPiece"; }, {"model.type", "WordPiece"}},
    {"TypelessWithoutMerges",
     [](Json& f) { f["model"].erase("type"), f["model"].erase("merges"); },
     {"model.type", "null"}},
    {"Dropout", [](Json& f) { f["model"]["dropout"] = 0.1; }, {"model.dropout", "null", "0.1"}},
    {"SubwordPrefix",
     [](Json& f) { f["model"]["continuing_subword_prefix"] = "##"; },
     {"model.continuing_subword_prefix", "##"}},
    {"WordSuffix",
     [](Json& f) { f["model"]["end_of_word_suffix"] = "</w>"; },
     {"model.end_of_word_suffix", "</w>"}},
    {"ByteFallback",
     [](Json& f) { f["model"]["byte_fallback"] = true; },
     {"model.byte_fallback", "false", "true"}},
    {"Lowercase",
     [](Json& f) {
       f["normalizer"] = {{"type", "Lowercase"}};
     },
     {"normalizer", "Lowercase", "NFC"}},
    {"NfkcInASequence",
     [](Json& f) {
       const Json nfc = {{"type", "NFC"}};
       const Json nfkc = {{"type", "NFKC"}};
       f["normalizer"] = {{"type", "Sequence"}, {"normalizers", {nfc, nfkc}}};
     },
     {"normalizer", "NFKC"}},
    {"SequenceWithoutParts",
     [](Json& f) {
       f["normalizer"] = {{"type", "Sequence"}};
     },
     {"normalizer.normalizers", "array", "null"}},
    {"NormalizerWithoutType",
     [](Json& f) { f["normalizer"] = Json::object(); },
     {"normalizer", "type"}},
    {"NoPreTokenizer",
     [](Json& f) { f["pre_tokenizer"] = nullptr; },
     {"pre_tokenizer", "ByteLevel", "0 times"}},
    {"Whitespace",
     [](Json& f) {
       f["pre_tokenizer"] = {{"type", "Whitespace"}};
     },
     {"pre_tokenizer", "Whitespace", "ByteLevel"}},
    {"MetaspaceWithoutCharacter",
     [](Json& f) {
       f["pre_tokenizer"] = {{"type", "Metaspace"}};
     },
     {"pre_tokenizer", "Metaspace", "replacement"}},
    {"MetaspaceAfterByteLevel",
     [](Json& f) {
       const Json metaspace = {{"type", "Metaspace"}, {"replacement", "_"}};
       f["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers", {f["pre_tokenizer"], metaspace}}};
     },
     {"pre_tokenizer", "Metaspace"}},
    {"MetaspaceWithTwoMinds",
     [](Json& f) {
       f["pre_tokenizer"] = {{"type", "Metaspace"},
                             {"replacement", "_"},
                             {"add_prefix_space", false},
                             {"prepend_scheme", "always"}};
     },
     {"pre_tokenizer", "Metaspace", "prepend_scheme", "never", "always"}},
    {"SplitBehavior",
     [](Json& f) {
       f["pre_tokenizer"] = split("x");
       f["pre_tokenizer"]["behavior"] = "Sideways";
     },
     {"pre_tokenizer", "Split", "behavior", "Isolated", "Sideways"}},
    {"SplitPattern",
     [](Json& f) {
       f["pre_tokenizer"] = split("x");
       f["pre_tokenizer"]["pattern"] = "x";
     },
     {"pre_tokenizer", "Split", "pattern", "Regex", "\"x\""}},
    {"SplitWithAMalformedRegex",
     [](Json& f) { f["pre_tokenizer"] = split("(x"); },
     {"pre_tokenizer", "Split", "pattern", "parenthesis"}},
    {"SplitWithAnUnsupportedRegex",
     [](Json& f) { f["pre_tokenizer"] = split("a(?m)x"); },
     {"pre_tokenizer", "Split", "pattern", "'(?m'", "offset 1"}},
    {"SplitBeforeByteLevel",
     [](Json& f) {
       const Json split = {{"type", "Split"}, {"pattern", {{"Regex", "x"}}}};
       f["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, f["pre_tokenizer"]}}};
     },
     {"pre_tokenizer", "Split"}},
    {"ByteLevelTwice",
     [](Json& f) {
       f["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers", {f["pre_tokenizer"], f["pre_tokenizer"]}}};
     },
     {"pre_tokenizer", "2 times"}},
    {"PrefixSpaceNoBoolean",
     [](Json& f) { f["pre_tokenizer"]["add_prefix_space"] = "no"; },
     {"pre_tokenizer", "add_prefix_space", "true or false", "no"}},
    {"PostProcessor",
     [](Json& f) {
       f["post_processor"] = {{"type", "Magic"}};
     },
     {"post_processor", "Magic"}},
    {"Decoder",
     [](Json& f) {
       f["decoder"] = {{"type", "Metaspace"}};
     },
     {"decoder", "Metaspace", "ByteLevel"}},
    {"TemplateWithoutTokens",
     [](Json& f) {
       f["post_processor"] = {{"type", "TemplateProcessing"}};
     },
     {"post_processor", "TemplateProcessing", "single"}},
    {"TemplateWithoutText",
     [](Json& f) {
       f["post_processor"] = {{"type", "TemplateProcessing"}, {"single", Json::array()}};
     },
     {"post_processor", "TemplateProcessing", "single", "the text A once"}},
    {"TemplateWithAnUnknownToken",
     [](Json& f) { f["post_processor"] = begin_token("<s>", Json::object()); },
     {"post_processor", "TemplateProcessing", "special_tokens", "the ids of \"<s>\""}},
    {"TemplateWithAnIdWithoutToken",
     [](Json& f) {
       f["post_processor"] = begin_token("<s>", {{"<s>", {{"ids", {9000}}}}});
     },
     {"post_processor", "no token has id 9000"}},
    {"TwoPartsThatAddTokens",
     [](Json& f) {
       const Json begin = begin_token("a", {{"a", {{"ids", {'a'}}}}});
       f["post_processor"] = {{"type", "Sequence"}, {"processors", {begin, begin}}};
     },
     {"post_processor", "only one part may add tokens"}},
    {"RobertaWithoutItsTokens",
     [](Json& f) {
       f["post_processor"] = {{"type", "RobertaProcessing"}};
     },
     {"post_processor", "RobertaProcessing", "cls"}},
    {"VocabularyIsAList",
     [](Json& f) {
       f["model"]["vocab"] = {"a", "b"};
     },
     {"model.vocab", "object", "array"}},
    {"EmptyVocabulary",
     [](Json& f) { f["model"]["vocab"] = Json::object(); },
     {"model.vocab", "none"}},
    {"NegativeId", [](Json& f) { f["model"]["vocab"]["a"] = -1; }, {"model.vocab", "\"a\"", "-1"}},
    {"HugeId",
     [](Json& f) { f["model"]["vocab"]["a"] = 1 << 24; },
     {"model.vocab", "16777215", "16777216"}},
    {"IdAbove2To63",
     [](Json& f) { f["model"]["vocab"]["a"] = 18446744073709551615U; },
     {"model.vocab", "18446744073709551615"}},
    {"IdNoInteger", [](Json& f) { f["model"]["vocab"]["a"] = "7"; }, {"model.vocab", "\"7\""}},
    {"TwoTokensOneId",
     [](Json& f) { f["model"]["vocab"]["cd"] = 5; },
     {"model.vocab", "id 5", "another token"}},
    {"NoMerges", [](Json& f) { f["model"].erase("merges"); }, {"model.merges", "array", "null"}},
    {"MergeOfOne",
     [](Json& f) { f["model"]["merges"] = Json::array({"ab"}); },
     {"model.merges[0]", "left right", "\"ab\""}},
    {"MergeOfThree",
     [](Json& f) {
       f["model"]["merges"] = {"a b", "a b c"};
     },
     {"model.merges[1]", "a b c"}},
    {"MergeOfThreeInAList",
     [](Json& f) {
       f["model"]["merges"] = Json::array({{"a", "b", "c"}});
     },
     {"model.merges[0]", "array"}},
    {"MergeOfNumbers",
     [](Json& f) {
       f["model"]["merges"] = Json::array({{1, 2}});
     },
     {"model.merges[0]", "array"}},
    {"MergeOfUnknownToken",
     [](Json& f) {
       f["model"]["merges"] = {"a b", "ab zz"};
     },
     {"model.merges[1]", "\"zz\"", "not in the vocabulary"}},
    {"MergeIntoUnknownToken",
     [](Json& f) { f["model"]["merges"] = Json::array({"a c"}); },
     {"model.merges[0]", "\"ac\"", "not in the vocabulary"}},
    {"AddedTokensNoList", [](Json& f) { f["added_tokens"] = 3; }, {"added_tokens", "array", "3"}},
    {"AddedTokenNoObject",
     [](Json& f) { f["added_tokens"] = Json::array({"<a>"}); },
     {"added_tokens[0]", "object", "string"}},
    {"AddedTokenWithoutFlag",
     [](Json& f) {
       f["added_tokens"] = added(added_token(1000, "<a>"));
       f["added_tokens"][0].erase("lstrip");
     },
     {"added_tokens[0]", "lstrip"}},
    {"EmptyAddedToken",
     [](Json& f) { f["added_tokens"] = added(added_token(1000, "")); },
     {"added_tokens[0]", "content", "found 0"}},
    {"LongAddedToken",
     [](Json& f) { f["added_tokens"] = added(added_token(1000, std::string(1025, 'x'))); },
     {"added_tokens[0]", "content", "found 1025"}},
    {"AddedTokenWithoutId",
     [](Json& f) { f["added_tokens"] = added(changed(added_token(0, "<a>"), "id", nullptr)); },
     {"added_tokens[0]", "<a>", "null"}},
    {"AddedTokenOnAVocabularyId",
     [](Json& f) { f["added_tokens"] = added(added_token(5, "<a>")); },
     {"added_tokens[0]", "id 5", "<a>"}},
    {"AddedTokenWithOtherIdThanVocabulary",
     [](Json& f) { f["added_tokens"] = added(added_token(1000, "ab")); },
     {"added_tokens[0]", "\"ab\"", "1000", "256"}},
    {"AddedTokenTwice",
     [](Json& f) {
       f["added_tokens"] = {added_token(1000, "<a>"), added_token(1001, "<a>")};
     },
     {"added_tokens[1]", "<a>", "twice"}},
    {"TwoAddedTokensOneId",
     [](Json& f) {
       f["added_tokens"] = {added_token(1000, "<a>"), added_token(1000, "<b>")};
     },
     {"added_tokens[1]", "id 1000", "<b>"}},
};

INSTANTIATE_TEST_SUITE_P(All, TokenizerJsonRefuses, ::testing::ValuesIn(kRefusals),
                         [](const auto& refusal) { return refusal.param.name; });

TEST(TokenizerJson, RefusesWhatIsNoJsonObject) {
  EXPECT_THAT(parse_error(""), StartsWith("t.json: not valid JSON"));
  EXPECT_THAT(parse_error("{\"model\":"), StartsWith("t.json: not valid JSON"));
  EXPECT_THAT(parse_error("\xff"), StartsWith("t.json: not valid JSON"));
  EXPECT_THAT(parse_error("[]"), AllOf(StartsWith("t.json: "), HasSubstr("found array")));
}

TEST(TokenizerJson, ReadsWhatMakesNoDifference) {
  Json file = byte_level_file({{"a", "b"}});
  const Json byte_level = file["pre_tokenizer"];
  const Json nfc = {{"type", "NFC"}};
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array({nfc})}};
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({byte_level})}};
  file["decoder"] = nullptr;
  const Json text = {{"Sequence", {{"id", "A"}}}};
  const Json processing = {{"type", "TemplateProcessing"}, {"single", Json::array({text})}};
  file["post_processor"] = {{"type", "Sequence"}, {"processors", {byte_level, processing}}};
  file["model"].erase("type");
  file["model"]["unk_token"] = "<unk>";
  file["model"]["dropout"] = 0.0;
  file["model"]["continuing_subword_prefix"] = "";
  file.erase("version");
  file.erase("added_tokens");
  const TokenizerSpec spec = read_tokenizer_json(file.dump(), "t.json");
  ASSERT_EQ(spec.normalizer.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<NfcStep>(spec.normalizer[0]));
  ASSERT_EQ(spec.pre_tokenizer.size(), 1U);
  const auto& step = std::get<ByteLevelStep>(spec.pre_tokenizer[0]);
  EXPECT_TRUE(step.use_regex);
  EXPECT_FALSE(step.add_prefix_space);
  EXPECT_TRUE(spec.special_tokens.before.empty());
  EXPECT_TRUE(spec.special_tokens.after.empty());
  EXPECT_EQ(spec.vocabulary.size(), 257U);
  ASSERT_EQ(spec.merges.size(), 1U);
  EXPECT_EQ(spec.merges[0].left, 'a');
  EXPECT_EQ(spec.merges[0].right, 'b');
  EXPECT_EQ(spec.merges[0].result, 256);
}

TEST(TokenizerJson, MergesMayBePairs) {
  Json file = byte_level_file({{"Ġ", "a"}, {"Ġa", "b"}});
  const Tokenizer as_strings = test::parse_tokenizer(file);
  file["model"]["merges"] = Json::array({{"Ġ", "a"}, {"Ġa", "b"}});
  const Tokenizer as_pairs = test::parse_tokenizer(file);
  for (const std::string text : {" ab", "ab a b", "  ab ab"}) {
    EXPECT_EQ(as_pairs.encode(text), as_strings.encode(text));
  }
  EXPECT_EQ(as_pairs.encode(" ab"), (std::vector<TokenId>{257}));
}

}  // namespace
}  // namespace lightmamba
