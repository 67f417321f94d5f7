#include "base/utf8.h"

#include <string>

#include "support/errors.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::HasSubstr;

std::string encode(unsigned code_point) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  if (code_point < 0x80) return {byte(code_point)};
  if (code_point < 0x800) return {byte(0xc0 | code_point >> 6), byte(0x80 | (code_point & 63))};
  if (code_point < 0x10000) {
    return {byte(0xe0 | code_point >> 12), byte(0x80 | (code_point >> 6 & 63)),
            byte(0x80 | (code_point & 63))};
  }
  return {byte(0xf0 | code_point >> 18), byte(0x80 | (code_point >> 12 & 63)),
          byte(0x80 | (code_point >> 6 & 63)), byte(0x80 | (code_point & 63))};
}

TEST(Utf8, TakesEveryScalarValueAndNoSurrogate) {
  for (unsigned c = 0; c < 0x110000; ++c) {
    const std::string text = encode(c);
    const bool surrogate = c >= 0xd800 && c < 0xe000;
    ASSERT_EQ(valid_utf8_prefix(text), surrogate ? 0 : text.size()) << c;
    if (surrogate) continue;
    ASSERT_EQ(count_code_points(text), 1u);
    for (std::size_t length = 1; length < text.size(); ++length) {
      ASSERT_TRUE(is_incomplete_utf8(std::string_view(text).substr(0, length)));
      ASSERT_EQ(valid_utf8_prefix(std::string_view(text).substr(0, length)), 0u);
    }
    ASSERT_FALSE(is_incomplete_utf8(text));
  }
}

TEST(Utf8, StopsAtTheFirstBadByte) {
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x28\xa1"}) {
    EXPECT_EQ(valid_utf8_prefix(std::string("ab") + bad), 2u);
    EXPECT_FALSE(is_incomplete_utf8(bad));
  }
  EXPECT_THAT(error_of([] { require_utf8("ok\xff", "the prompt"); }),
              HasSubstr("the prompt is not valid UTF-8: byte 0xff at offset 2"));
}

TEST(Utf8, MessagesShowNoControlCharacters) {
  const std::string shown = printable("a\nb\x1b[31m\xff" + std::string(100'000, 'x'));
  EXPECT_EQ(valid_utf8_prefix(shown), shown.size());
  EXPECT_EQ(shown.find('\n'), std::string::npos);
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_LT(shown.size(), 300u);
}

TEST(Utf8, ReplacesWhatIsIllFormed) {
  EXPECT_EQ(replace_invalid_utf8("a\xff"
                                 "b\xe2\x82"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_EQ(replace_invalid_utf8("\xe2\x82\xac"), "\xe2\x82\xac");
}

}  // namespace
}  // namespace lightmamba
