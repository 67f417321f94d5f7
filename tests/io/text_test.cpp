#include "io/text.h"

#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(ReadLines, DropsMarksAndBlankLinesAndKeepsTheirNumbers) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "f",
                   "\xef\xbb\xbf"
                   "one\r\n\r\n  two \n\n \t \nthree");
  const std::vector<TextLine> lines = read_lines(folder / "f");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].text, "one");
  EXPECT_THAT(lines[0].where, EndsWith("f: line 1"));
  EXPECT_EQ(lines[1].text, "  two ");
  EXPECT_THAT(lines[1].where, EndsWith("f: line 3"));
  EXPECT_EQ(lines[2].text, "three");
  EXPECT_THAT(lines[2].where, EndsWith("f: line 6"));
}

TEST(ReadLines, RefusesBadFiles) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "f",
                   "good\nb\xff"
                   "d\n");
  EXPECT_THAT(error_of([&] { read_lines(folder / "f"); }),
              HasSubstr("f: line 2 is not valid UTF-8: byte 0xff at offset 1"));
  EXPECT_THAT(error_of([&] { read_lines(folder / "absent"); }), HasSubstr("absent"));
}

}  // namespace
}  // namespace lightmamba
