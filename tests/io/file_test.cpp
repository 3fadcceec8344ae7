#include <glow/io/file.h>

#include <csignal>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/gzip.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::file_test {
namespace {

using glow::testing::count_files;
using glow::testing::get;
using glow::testing::gzip;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

constexpr std::uint64_t kNoLimit = 1 << 30;

std::string many_bytes(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) {
    bytes += static_cast<char>(i * i + i / 256);
  }
  return bytes;
}

/// Makes writes beyond `bytes` fail, without a signal, during the object's lifetime.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_limit_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = old_limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*old_handler_)(int);
  rlimit old_limit_{};
};

TEST(ReadFile, ReturnsTheBytesThatWereWritten) {
  const TemporaryDirectory directory;
  for (const std::size_t size : {0, 1, 100'000}) {
    write_file(directory / "file", many_bytes(size));
    EXPECT_EQ(read_file(directory / "file", size), many_bytes(size));
  }
}

TEST(ReadFile, RefusesMoreThanItsLimit) {
  const TemporaryDirectory directory;
  put(directory / "file", "12345");
  EXPECT_TRUE(throws<FormatError>([&] { read_file(directory / "file", 4); },
                                  {(directory / "file").string(), "5 bytes", "4 accepted"}));
}

/// One of the functions that open a file for reading.
struct Reader {
  std::string name;
  std::function<void(const std::filesystem::path&)> read;
};

class EveryReader : public ::testing::TestWithParam<Reader> {
 protected:
  void expect_refusal(const std::filesystem::path& path, std::string_view reason) const {
    EXPECT_TRUE(throws<IoError>([&] { GetParam().read(path); }, {"cannot read " + path.string(), reason}));
  }
  TemporaryDirectory directory_;
};

TEST_P(EveryReader, RefusesAMissingFile) { expect_refusal(directory_ / "missing", "No such file or directory"); }

TEST_P(EveryReader, RefusesAPathBelowAFile) {
  put(directory_ / "file", "");
  expect_refusal(directory_ / "file" / "below", "Not a directory");
}

TEST_P(EveryReader, RefusesADirectory) { expect_refusal(directory_.path(), "expected a file, is a directory"); }

TEST_P(EveryReader, RefusesADevice) { expect_refusal("/dev/zero", "not a regular file"); }

TEST_P(EveryReader, RefusesAFifoWithoutWaitingForAWriter) {
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  expect_refusal(directory_ / "fifo", "not a regular file");
}

INSTANTIATE_TEST_SUITE_P(File, EveryReader,
                         ::testing::Values(Reader{"read_file", [](auto& path) { read_file(path, kNoLimit); }},
                                           Reader{"read_gzip", [](auto& path) { read_gzip(path, kNoLimit); }},
                                           Reader{"MappedFile", [](auto& path) { MappedFile file(path); }}),
                         [](const auto& test) { return test.param.name; });

TEST(FileErrors, FitOnOneLineForAnyPath) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(throws<IoError>([&] { read_file(directory / "two\nlines\x1b", kNoLimit); }, {"two?lines?"}));
}

TEST(MappedFile, ReturnsTheContent) {
  const TemporaryDirectory directory;
  put(directory / "file", many_bytes(100'000));
  put(directory / "empty", "");
  EXPECT_EQ(MappedFile(directory / "file").bytes(), many_bytes(100'000));
  EXPECT_TRUE(MappedFile(directory / "empty").bytes().empty());
}

TEST(MappedFile, KeepsTheOldContentWhenTheFileIsReplaced) {
  const TemporaryDirectory directory;
  write_file(directory / "file", "old content");
  const MappedFile file(directory / "file");
  write_file(directory / "file", "new");
  EXPECT_EQ(file.bytes(), "old content");
}

TEST(AtomicFile, IsInvisibleUntilCommitted) {
  const TemporaryDirectory directory;
  AtomicFile file(directory / "file");
  file.write("two ");
  file.write("pieces");
  EXPECT_FALSE(std::filesystem::exists(directory / "file"));
  file.commit();
  EXPECT_EQ(get(directory / "file"), "two pieces");
  EXPECT_EQ(count_files(directory.path()), 1);
}

TEST(AtomicFile, WithoutCommitKeepsTheOldFileAndLeavesNoOther) {
  const TemporaryDirectory directory;
  put(directory / "file", "old");
  { AtomicFile(directory / "file").write("new"); }
  EXPECT_EQ(get(directory / "file"), "old");
  EXPECT_EQ(count_files(directory.path()), 1);
}

TEST(AtomicFile, ConcurrentWritersDoNotInterfere) {
  const TemporaryDirectory directory;
  AtomicFile first(directory / "file");
  AtomicFile second(directory / "file");
  first.write("first");
  second.write("second");
  first.commit();
  second.commit();
  EXPECT_EQ(get(directory / "file"), "second");
  EXPECT_EQ(count_files(directory.path()), 1);
}

TEST(AtomicFile, ModeFollowsTheUmask) {
  const TemporaryDirectory directory;
  const mode_t old = ::umask(027);
  write_file(directory / "file", "");
  ::umask(old);
  const auto mode = std::filesystem::status(directory / "file").permissions();
  EXPECT_EQ(static_cast<int>(mode), 0640);
}

TEST(AtomicFile, AcceptsTheLongestNameOfTheSystem) {
  const TemporaryDirectory directory;
  const std::string name(255, 'n');
  write_file(directory / name, "content");
  EXPECT_EQ(get(directory / name), "content");
}

TEST(AtomicFile, AcceptsANameWithoutDirectory) {
  const TemporaryDirectory directory;
  const std::filesystem::path old = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  write_file("file", "content");
  std::filesystem::current_path(old);
  EXPECT_EQ(get(directory / "file"), "content");
}

TEST(AtomicFile, NamesTheReasonWhenItCannotBeCreated) {
  const TemporaryDirectory directory;
  put(directory / "file", "");
  const auto write_to = [](const std::filesystem::path& path) { return [path] { write_file(path, "content"); }; };
  const std::string start = "cannot write " + directory.path().string();
  EXPECT_TRUE(
      throws<IoError>(write_to(directory / "missing/file"), {start + "/missing/file: No such file or directory"}));
  EXPECT_TRUE(throws<IoError>(write_to(directory / "file/below"), {start + "/file/below: Not a directory"}));
  EXPECT_TRUE(throws<IoError>(write_to(directory.path()), {start, "not a regular file"}));
}

TEST(AtomicFile, DoesNotReplaceASpecialFile) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(throws<IoError>([&] { write_file(directory / "fifo", "content"); }, {"not a regular file"}));
  EXPECT_TRUE(std::filesystem::is_fifo(directory / "fifo"));
}

TEST(AtomicFile, LeavesTheOldFileWhenTheDiskIsFull) {
  const TemporaryDirectory directory;
  put(directory / "file", "old");
  const auto write_too_much = [&] {
    const FileSizeLimit limit(10'000);
    write_file(directory / "file", many_bytes(20'000));
  };
  EXPECT_TRUE(throws<IoError>(write_too_much, {"cannot write " + (directory / "file").string() + ": File too large"}));
  EXPECT_EQ(get(directory / "file"), "old");
  EXPECT_EQ(count_files(directory.path()), 1);
}

class Gzip : public ::testing::Test {
 protected:
  std::string expand(const std::string& compressed, std::uint64_t max_bytes = kNoLimit) const {
    put(path_, compressed);
    return read_gzip(path_, max_bytes);
  }
  ::testing::AssertionResult refuses(const std::string& compressed, std::string_view reason) const {
    return throws<FormatError>([&] { expand(compressed); }, {path_.string(), reason});
  }
  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "file.gz";
};

TEST_F(Gzip, Expands) {
  for (const std::size_t size : {0, 1, 300'000}) {
    EXPECT_EQ(expand(gzip(many_bytes(size)), size), many_bytes(size));
  }
}

TEST_F(Gzip, ExpandsEveryMember) { EXPECT_EQ(expand(gzip("one ") + gzip("") + gzip("two")), "one two"); }

TEST_F(Gzip, RefusesEveryTruncation) {
  const std::string whole = gzip(many_bytes(100)) + gzip("more");
  const std::size_t first = gzip(many_bytes(100)).size();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    if (length != first) {  // the first member alone is a valid file
      EXPECT_TRUE(refuses(whole.substr(0, length), "the file ends early")) << length;
    }
  }
}

TEST_F(Gzip, RefusesDamage) {
  std::string damaged = gzip("some text");
  damaged[damaged.size() - 5] ^= 1;  // the checksum
  EXPECT_TRUE(refuses(damaged, "incorrect data check"));
  EXPECT_TRUE(refuses(gzip("some text") + "garbage", "incorrect header check"));
  EXPECT_TRUE(refuses("plain text", "incorrect header check"));
}

TEST_F(Gzip, RefusesToExpandBeyondItsLimit) {
  const std::string compressed = gzip(std::string(1'000'000, '\0'));
  EXPECT_TRUE(throws<FormatError>([&] { expand(compressed, 999'999); }, {path_.string(), "999999"}));
  EXPECT_EQ(expand(compressed, 1'000'000).size(), 1'000'000);
}

}  // namespace
}  // namespace glow::io::file_test
