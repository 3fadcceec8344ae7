#include "io/idx.h"

#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/gzip.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::idx_test {
namespace {

using glow::testing::big_endian;
using glow::testing::gzip;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

constexpr char kUnsignedByte = 0x08;

/// The bytes of an idx file.
std::string idx(const std::vector<std::uint32_t>& shape, const std::string& data, char type = kUnsignedByte) {
  std::string bytes{0, 0, type, static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape) {
    bytes += big_endian(size, 4);
  }
  return bytes + data;
}

TEST(Idx, ReadsPlainAndGzippedFilesOfAnyRank) {
  const TemporaryDirectory directory;
  const std::string bytes = idx({2, 1, 3}, "abcdef");
  put(directory / "plain", bytes);
  put(directory / "plain.gz", bytes);
  put(directory / "packed.gz", gzip(bytes));
  put(directory / "packed", gzip(bytes));
  put(directory / "labels", idx({4}, std::string("\x00\x01\xff\x03", 4)));
  put(directory / "empty", idx({0, 28, 28}, ""));
  for (const char* name : {"plain", "packed.gz", "packed", "plain.gz"}) {
    const IdxArray array = read_idx(directory / name);
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 1, 3})) << name;
    EXPECT_EQ(array.bytes, "abcdef") << name;
  }
  EXPECT_EQ(read_idx(directory / "labels").bytes, std::string("\x00\x01\xff\x03", 4));
  EXPECT_EQ(read_idx(directory / "empty").shape, (std::vector<std::int64_t>{0, 28, 28}));
}

struct BadFile {
  std::string name;
  std::string bytes;
  std::string reason;
};

class InvalidIdx : public ::testing::TestWithParam<BadFile> {};

TEST_P(InvalidIdx, IsRefused) {
  const TemporaryDirectory directory;
  put(directory / "file", GetParam().bytes);
  EXPECT_TRUE(throws<FormatError>([&] { read_idx(directory / "file"); },
                                  {(directory / "file").string() + ": ", GetParam().reason}));
}

INSTANTIATE_TEST_SUITE_P(
    Idx, InvalidIdx,
    ::testing::Values(BadFile{"Empty", "", "expected an idx file, is an empty file"},
                      BadFile{"WrongMagic", "\x01" + idx({1}, "a").substr(1), "expected an idx file, is not one"},
                      BadFile{"FloatElements", idx({1}, "abcd", 0x0d), "type 13, expected unsigned bytes"},
                      BadFile{"NoDimensions", idx({}, "a"), "0 dimensions"},
                      BadFile{"TruncatedHeader", idx({2, 3}, "").substr(0, 11), "2 dimensions"},
                      BadFile{"TooShort", idx({2, 3}, "abcde"), "shape [2,3], found 5 bytes"},
                      BadFile{"TooLong", idx({2, 3}, "abcdefg"), "shape [2,3], found 7 bytes"},
                      BadFile{"Overflow", idx({1u << 31, 1u << 31, 4}, ""), "found 0 bytes"}),
    [](const auto& test) { return test.param.name; });

TEST(Idx, RefusesAGzippedFileThatEndsEarly) {
  const TemporaryDirectory directory;
  const std::string bytes = gzip(idx({6}, "abcdef"));
  put(directory / "file.gz", bytes.substr(0, bytes.size() - 1));
  EXPECT_TRUE(throws<FormatError>([&] { read_idx(directory / "file.gz"); },
                                  {(directory / "file.gz").string(), "the file ends early"}));
}

TEST(Idx, RefusesAHugeFileWithoutReadingIt) {
  const TemporaryDirectory directory;
  put(directory / "file", idx({1u << 31, 2}, ""));
  std::filesystem::resize_file(directory / "file", (std::uintmax_t{1} << 32) + 12);  // takes no space on the disk
  EXPECT_TRUE(throws<FormatError>([&] { read_idx(directory / "file"); }, {"4294967308 bytes"}));
}

}  // namespace
}  // namespace glow::io::idx_test
