#include "io/zip_archive.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "support/torch_writer.h"

namespace lightmamba {
namespace {

using namespace std::string_literals;
using test::error_of;
using test::make_zip;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Replaces every occurrence of a text by one of the same length.
std::string replace(std::string bytes, const std::string& from, const std::string& to) {
  for (auto at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + 1)) {
    bytes.replace(at, from.size(), to);
  }
  return bytes;
}

std::string read_error(const std::string& zip, const std::string& name, std::size_t limit = 1000) {
  return error_of([&] { ZipArchive(bytes_of(zip)).read(name, limit); });
}

TEST(ZipArchive, ViewsStoredEntriesInPlace) {
  const std::string zip = make_zip({{.name = "b", .content = "first"},
                                    {.name = "a/c", .content = std::string(100000, 'x')},
                                    {.name = "wide", .content = "zip64", .zip64 = true},
                                    {.name = "none", .content = ""}});
  const ZipArchive archive(bytes_of(zip));
  EXPECT_THAT(archive.names(), ElementsAre("a/c", "b", "none", "wide"));
  EXPECT_TRUE(archive.contains("b"));
  EXPECT_FALSE(archive.contains("B"));
  EXPECT_EQ(text_of(archive.view("b")), "first");
  EXPECT_EQ(archive.view("b").data(), bytes_of(zip).data() + 64);
  EXPECT_EQ(text_of(archive.view("a/c")), std::string(100000, 'x'));
  EXPECT_EQ(text_of(archive.view("wide")), "zip64");
  EXPECT_TRUE(archive.view("none").empty());
  EXPECT_EQ(text_of(archive.read("b", 5)), "first");
}

TEST(ZipArchive, ReadsBehindAPrefix) {
  const std::string zip = "something before it" + make_zip({{.name = "a", .content = "text"}});
  EXPECT_EQ(text_of(ZipArchive(bytes_of(zip)).view("a")), "text");
}

TEST(ZipArchive, InflatesWithinTheLimit) {
  const std::string content(1 << 20, 'z');
  const std::string zip = make_zip({{.name = "a", .content = content, .deflated = true},
                                    {.name = "none", .content = "", .deflated = true}});
  ASSERT_LT(zip.size(), 4096U);
  const ZipArchive archive(bytes_of(zip));
  EXPECT_EQ(text_of(archive.read("a", content.size())), content);
  EXPECT_TRUE(archive.read("none", 0).empty());
  EXPECT_THAT(error_of([&] { archive.read("a", content.size() - 1); }),
              HasSubstr("the entry 'a' has 1048576 bytes, expected at most 1048575"));
  EXPECT_THAT(error_of([&] { archive.view("a"); }), HasSubstr("the entry 'a' is compressed"));
}

TEST(ZipArchive, RefusesWhatIsNoArchive) {
  for (const std::string& text : {""s, "P"s, "PK\5\6"s, "hello"s, std::string(100000, 'x')}) {
    EXPECT_THAT(error_of([&] { ZipArchive archive(bytes_of(text)); }),
                HasSubstr("not a zip archive"));
  }
  const std::string empty = "PK" + make_zip({});
  EXPECT_TRUE(ZipArchive(bytes_of(empty)).names().empty());
  EXPECT_THAT(read_error(empty, "x"), HasSubstr("the archive has no entry 'x'"));
}

TEST(ZipArchive, RefusesTwoEntriesOfOneName) {
  EXPECT_THAT(
      read_error(make_zip({{.name = "a", .content = "1"}, {.name = "a", .content = "2"}}), "a"),
      HasSubstr("two entries named 'a'"));
  EXPECT_THAT(read_error(make_zip({{.name = "\xff", .content = "1"}}), "a"),
              HasSubstr("the name of an entry"));
}

TEST(ZipArchive, RefusesDamage) {
  const std::string content = "some text that is to be found again";
  const std::string stored = make_zip({{.name = "name", .content = content}});
  const std::string deflated = make_zip({{.name = "name", .content = content, .deflated = true}});
  const std::size_t directory = stored.find("PK\1\2");
  EXPECT_THAT(read_error(replace(stored, "PK\1\2", "PK\1\3"), "name"),
              HasSubstr("its directory breaks off after 0 of 1 entries"));
  EXPECT_THAT(read_error(replace(stored, "PK\3\4", "PK\3\5"), "name"),
              HasSubstr("the entry 'name' does not lie where the directory says"));
  EXPECT_THAT(read_error(replace(deflated, "PK\3\4", "PK\3\5"), "name"),
              HasSubstr("the entry 'name' does not lie where the directory says"));

  std::string lying = stored;
  lying[directory + 20] = '\x7f';  // compressed size, 35 so far
  EXPECT_THAT(read_error(lying, "name"), HasSubstr("its sizes differ: 127 and 35"));
  lying[directory + 22] = '\x7f';
  lying[directory + 24] = '\x7f';
  lying[directory + 26] = '\x7f';
  lying[6] |= 8;  // the sizes of the local header do not count
  EXPECT_THAT(read_error(lying, "name", std::size_t{1} << 40),
              HasSubstr("runs past the end of the file"));

  std::string encrypted = stored;
  encrypted[directory + 8] = 1;
  EXPECT_THAT(read_error(encrypted, "name"), HasSubstr("is encrypted"));
  std::string other_method = stored;
  other_method[directory + 10] = 12;
  EXPECT_THAT(read_error(other_method, "name"), HasSubstr("compressed with method 12"));

  std::string broken = deflated;
  broken[64] = '\xff';  // where the data begins
  EXPECT_THAT(read_error(broken, "name"), HasSubstr("the entry 'name' cannot be inflated"));
}

TEST(ZipArchive, ChecksTheSumOfInflatedEntries) {
  std::string zip = make_zip({{.name = "name", .content = "abcabcabc", .deflated = true}});
  zip[14] = static_cast<char>(zip[14] ^ 1);  // in the local header and the directory alike
  const std::size_t directory = zip.find("PK\1\2");
  zip[directory + 16] = static_cast<char>(zip[directory + 16] ^ 1);
  EXPECT_THAT(read_error(zip, "name"), HasSubstr("the entry 'name' has a wrong checksum"));
}

TEST(ZipArchive, BoundsWhatABombClaims) {
  std::string zip = make_zip({{.name = "name", .content = "abcabcabc", .deflated = true}});
  const std::size_t directory = zip.find("PK\1\2");
  for (int i = 0; i < 3; ++i) zip[directory + 24 + i] = zip[22 + i] = '\x7f';
  EXPECT_THAT(read_error(zip, "name", 1 << 20), HasSubstr("expected at most 1048576"));
  EXPECT_THAT(read_error(zip, "name", 1 << 24),
              HasSubstr("cannot be inflated: it breaks off after 9 of 8355711 bytes"));
}

}  // namespace
}  // namespace lightmamba
