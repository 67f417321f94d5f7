#include "base/file.h"

#include <csignal>
#include <cstring>
#include <sys/resource.h>

#include "base/fail.h"
#include "support/errors.h"
#include "support/paths.h"

namespace lightmamba {
namespace {

using test::error_of;
using ::testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(File, MapsWhatWasWritten) {
  const test::TemporaryFolder folder;
  const std::string text = "some bytes";
  write_file_atomically(folder / "f", [&](const AppendBytes& append) {
    append(bytes_of(text));
    append(bytes_of(text));
  });
  const auto file = MappedFile::open(folder / "f");
  ASSERT_EQ(file->bytes().size(), 20u);
  EXPECT_EQ(std::memcmp(file->bytes().data(), "some bytessome bytes", 20), 0);
  EXPECT_EQ(read_text_file(folder / "f"), "some bytessome bytes");
}

TEST(File, AnEmptyFileHasNoBytes) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "f", "");
  EXPECT_TRUE(MappedFile::open(folder / "f")->bytes().empty());
}

TEST(File, PartsOfAMappedFileAreReadToMemory) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "f", "0123456789");
  const auto file = MappedFile::open(folder / "f");
  std::string part = "xxx";
  file->read(file->bytes().subspan(4, 3), std::as_writable_bytes(std::span(part)));
  EXPECT_EQ(part, "456");
  std::filesystem::resize_file(folder / "f", 6);
  EXPECT_THAT(error_of([&] {
                file->read(file->bytes().subspan(4, 3), std::as_writable_bytes(std::span(part)));
              }),
              HasSubstr("the file has become shorter"));
}

TEST(File, AGitLfsPointerIsNotTheFile) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "f",
                   "version https://git-lfs.github.com/spec/v1\n"
                   "oid sha256:abababababababababababababababababababababababababababababababab\n"
                   "size 527654321\n");
  const auto refused = HasSubstr("f: found a Git LFS pointer: the file itself was not downloaded");
  EXPECT_THAT(error_of([&] { MappedFile::open(folder / "f"); }), refused);
  EXPECT_THAT(error_of([&] { read_text_file(folder / "f"); }), refused);
  EXPECT_THAT(error_of([&] { read_input(folder / "f"); }), refused);
}

TEST(File, AMappedFileThatIsCutOffEndsTheProgramWithItsName) {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder / "cut";
  test::write_file(path, std::string(100'000, 'x'));
  const auto file = MappedFile::open(path);
  const auto read_the_end = [&] {
    exit_where_mapped_files_end(7);
    std::filesystem::resize_file(path, 10);
    const volatile std::byte* last = &file->bytes().back();
    static_cast<void>(*last);
  };
  EXPECT_EXIT(read_the_end(), ::testing::ExitedWithCode(7),
              "error: .*cut: the file has become shorter");
}

TEST(File, AFailedWriteLeavesTheOldFileAndNothingElse) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "f", "old");
  EXPECT_THAT(error_of([&] {
                write_file_atomically(folder / "f", [&](const AppendBytes& append) {
                  append(bytes_of("new"));
                  fail("stopped");
                });
              }),
              HasSubstr("stopped"));
  EXPECT_EQ(test::read_file(folder / "f"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(File, ALinkStaysAndItsTargetIsReplaced) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "target", "old");
  std::filesystem::create_symlink("target", folder / "link");
  write_file_atomically(folder / "link",
                        [](const AppendBytes& append) { append(bytes_of("new")); });
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(test::read_file(folder / "target"), "new");
}

// A limit on the size of files stands in for a full disk: the write fails half way.
TEST(File, AFullDiskLeavesNothingBehind) {
  const test::TemporaryFolder folder;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = error_of([&] {
    write_file_atomically(folder / "f", [&](const AppendBytes& append) {
      for (int i = 0; i < 10; ++i) append(bytes_of(std::string(300, 'x')));
    });
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("f: cannot write: File too large"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(File, APlaceForAFileIsTriedBeforehand) {
  const test::TemporaryFolder folder;
  require_place_for_file(folder / "f");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  test::write_file(folder / "f", "old");
  require_place_for_file(folder / "f");
  EXPECT_EQ(test::read_file(folder / "f"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_THAT(error_of([&] { require_place_for_file(folder.path()); }),
              HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { require_place_for_file("/dev/full"); }),
              HasSubstr("/dev/full: not a regular file"));
  EXPECT_THAT(error_of([&] { require_place_for_file(folder / "none/f"); }),
              HasSubstr("none/f: cannot create: No such file"));
}

}  // namespace
}  // namespace lightmamba
