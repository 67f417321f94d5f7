#include "io/json.h"

#include <cmath>

#include "support/errors.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::HasSubstr;

TEST(Json, ReadsThePythonSpellingsOfNonFiniteNumbers) {
  const Json json = parse_json(R"({"a": [0.0, Infinity], "b": -Infinity, "c": NaN})", "x");
  EXPECT_EQ(json["a"][1].get<double>(), INFINITY);
  EXPECT_EQ(json_field<double>(json, "b", "x"), -INFINITY);
  EXPECT_TRUE(std::isnan(json["c"].get<double>()));
}

TEST(Json, ReadsTheMarkerThatTransformers5Writes) {
  const Json json = parse_json(R"({"limit": [0.0, {"__float__": "Infinity"}]})", "x");
  EXPECT_EQ(json["limit"][1].get<double>(), INFINITY);
}

TEST(Json, LeavesTheSameWordsInStringsAlone) {
  const Json json = parse_json(R"({"Infinity": "say \"NaN\" and -Infinity"})", "x");
  EXPECT_EQ(json["Infinity"], "say \"NaN\" and -Infinity");
}

TEST(Json, RefusesWhatIsNotJson) {
  EXPECT_THAT(error_of([] { parse_json("{\"a\": 1", "f.json"); }),
              HasSubstr("f.json: not valid JSON"));
  EXPECT_THAT(error_of([] { parse_json("", "f.json"); }), HasSubstr("f.json: not valid JSON"));
  EXPECT_THAT(error_of([] { parse_json("{\"a\": Infinityx}", "f"); }), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of([] { parse_json("\"\\", "f"); }), HasSubstr("not valid JSON"));
  EXPECT_THAT(error_of([] { parse_json("\"\xff\"", "f"); }), HasSubstr("not valid JSON"));
}

TEST(Json, BoundsTheNesting) {
  EXPECT_THAT(error_of([] { parse_json(std::string(100'000, '['), "f"); }),
              HasSubstr("nested deeper"));
}

TEST(Json, FieldsNameThemselvesInErrors) {
  const Json json = parse_json(R"({"n": 3.5, "s": "x", "big": 18446744073709551615})", "c.json");
  EXPECT_THAT(error_of([&] { json_field<std::int64_t>(json, "n", "c.json"); }),
              HasSubstr("c.json: field 'n': expected an integer, found 3.5"));
  EXPECT_THAT(error_of([&] { json_field<std::int64_t>(json, "big", "c"); }),
              HasSubstr("below 2^63"));
  EXPECT_THAT(error_of([&] { json_field<bool>(json, "s", "c"); }), HasSubstr("expected true"));
  EXPECT_THAT(error_of([&] { json_field<double>(json, "none", "c.json"); }),
              HasSubstr("c.json: missing field 'none'"));
  EXPECT_EQ(json_field_or<std::int64_t>(json, "none", 7, "c"), 7);
}

}  // namespace
}  // namespace lightmamba
