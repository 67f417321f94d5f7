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

std::string view_error(const std::string& zip) {
  return error_of([&] { ZipArchive(bytes_of(zip)).view("name"); });
}

std::string little(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 255);
  return bytes;
}

// An archive of one entry with its numbers in the zip64 fields.
struct Zip64 {
  std::uint64_t size = 4;
  std::uint64_t compressed_size = 4;
  std::uint64_t header_at = 0;
  std::uint64_t count = 1;
  std::uint64_t directory_size = 46 + 4 + 32;
  std::uint64_t directory_at = 30 + 4 + 4;
  std::uint64_t record_at = 30 + 4 + 4 + 46 + 4 + 32;
  std::uint64_t field_size = 24;

  std::string bytes() const {
    const std::string none(100, '\0');
    std::string zip = "PK\3\4" + none.substr(0, 22) + little(4, 2) + little(0, 2) + "name" + "data";
    zip += "PK\1\2" + none.substr(0, 16) + little(0xffffffff, 4) + little(0xffffffff, 4) +
           little(4, 2) + little(32, 2) + none.substr(0, 10) + little(0xffffffff, 4) + "name";
    zip += "FB" + little(0, 2) + little(1, 2) + little(field_size, 2) + little(size, 8) +
           little(compressed_size, 8) + little(header_at, 8);
    zip += "PK\6\6" + none.substr(0, 28) + little(count, 8) + little(directory_size, 8) +
           little(directory_at, 8);
    zip += "PK\6\7" + none.substr(0, 4) + little(record_at, 8) + none.substr(0, 4);
    return zip + "PK\5\6" + none.substr(0, 4) + std::string(12, '\xff') + none.substr(0, 2);
  }
};

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
  EXPECT_THAT(error_of([&] { archive.view("d"); }), HasSubstr("the archive has no entry 'd'"));
}

TEST(ZipArchive, ReadsBeforeAComment) {
  std::string zip = make_zip({{.name = "a", .content = "text"}});
  zip[zip.size() - 2] = 9;
  zip += "PK\5\6 text";
  EXPECT_EQ(text_of(ZipArchive(bytes_of(zip)).view("a")), "text");
}

TEST(ZipArchive, RefusesWhatIsNoArchive) {
  for (const std::string& text : {""s, "P"s, "PK\5\6"s, "hello"s, std::string(100000, 'x')}) {
    EXPECT_THAT(error_of([&] { ZipArchive archive(bytes_of(text)); }),
                HasSubstr("not a zip archive"));
  }
  const std::string empty = make_zip({});
  EXPECT_TRUE(ZipArchive(bytes_of(empty)).names().empty());
}

TEST(ZipArchive, RefusesBadNames) {
  EXPECT_THAT(view_error(make_zip({{.name = "a", .content = "1"}, {.name = "a", .content = "2"}})),
              HasSubstr("two entries named 'a'"));
  EXPECT_THAT(view_error(make_zip({{.name = "\xff", .content = "1"}})),
              HasSubstr("the name of an entry"));
}

TEST(ZipArchive, RefusesCompressedEntries) {
  const std::string content = "some text that is to be found again";
  EXPECT_THAT(view_error(make_zip({{.name = "name", .content = content, .deflated = true}})),
              HasSubstr("the entry 'name' is compressed (method 8)"));
  std::string encrypted = make_zip({{.name = "name", .content = content}});
  encrypted[encrypted.find("PK\1\2") + 8] = 1;
  EXPECT_THAT(view_error(encrypted), HasSubstr("the entry 'name' is encrypted"));
}

TEST(ZipArchive, RefusesDamage) {
  const std::string zip = make_zip({{.name = "name", .content = "content"}});
  const std::size_t directory = zip.find("PK\1\2");
  const std::size_t end = zip.find("PK\5\6");
  const auto with = [&](std::size_t at, char value) {
    std::string damaged = zip;
    damaged[at] = value;
    return damaged;
  };
  EXPECT_THAT(view_error(with(directory + 3, 3)),
              HasSubstr("its directory breaks off after 0 of 1 entries"));
  EXPECT_THAT(view_error(with(directory + 29, 1)),
              HasSubstr("its directory breaks off after 0 of 1 entries"));
  EXPECT_THAT(view_error(with(end + 10, 2)),
              HasSubstr("its directory breaks off after 1 of 2 entries"));
  EXPECT_THAT(view_error(with(end + 19, 1)), HasSubstr("does not lie in it"));
  EXPECT_THAT(view_error(with(end + 12, 127)), HasSubstr("does not lie in it"));
  EXPECT_THAT(view_error(with(directory + 42, 1)), HasSubstr("the entry 'name' is not at byte 1"));
  EXPECT_THAT(view_error(with(directory + 45, 1)), HasSubstr("'name' is not at byte 16777216"));
  EXPECT_THAT(view_error(with(30, 'N')), HasSubstr("the entry at byte 0 is not 'name'"));
  EXPECT_THAT(view_error(with(27, 1)), HasSubstr("the entry at byte 0 is not 'name'"));
  EXPECT_THAT(view_error(with(29, 1)), HasSubstr("'name' of 7 bytes runs past the end"));
  EXPECT_THAT(view_error(with(directory + 20, 9)), HasSubstr("its sizes differ: 9 and 7"));
}

TEST(ZipArchive, ReadsThe64BitFields) {
  const std::string zip = Zip64{}.bytes();
  EXPECT_EQ(text_of(ZipArchive(bytes_of(zip)).view("name")), "data");
}

TEST(ZipArchive, Refuses64BitFieldsThatLie) {
  const std::uint64_t huge = ~std::uint64_t{0};
  EXPECT_THAT(view_error(Zip64{.size = huge, .compressed_size = huge}.bytes()),
              HasSubstr("of 18446744073709551615 bytes runs past the end of the file"));
  EXPECT_THAT(view_error(Zip64{.size = huge - 40, .compressed_size = huge - 40}.bytes()),
              HasSubstr("runs past the end of the file"));
  EXPECT_THAT(view_error(Zip64{.compressed_size = huge}.bytes()), HasSubstr("its sizes differ"));
  EXPECT_THAT(view_error(Zip64{.header_at = huge}.bytes()), HasSubstr("is not at byte"));
  EXPECT_THAT(view_error(Zip64{.header_at = huge - 20}.bytes()), HasSubstr("is not at byte"));
  EXPECT_THAT(view_error(Zip64{.count = huge}.bytes()),
              HasSubstr("breaks off after 1 of 18446744073709551615 entries"));
  EXPECT_THAT(view_error(Zip64{.directory_size = huge}.bytes()), HasSubstr("does not lie in it"));
  EXPECT_THAT(view_error(Zip64{.directory_at = huge}.bytes()), HasSubstr("does not lie in it"));
  EXPECT_THAT(view_error(Zip64{.record_at = huge}.bytes()),
              HasSubstr("its zip64 record is not at byte 18446744073709551615"));
  EXPECT_THAT(view_error(Zip64{.field_size = 16}.bytes()), HasSubstr("lacks a zip64 field"));
  EXPECT_THAT(view_error(Zip64{.field_size = 25}.bytes()), HasSubstr("lacks a zip64 field"));
}

}  // namespace
}  // namespace lightmamba
