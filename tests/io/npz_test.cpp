#include "io/npz.h"

#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/npz.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::npz_test {
namespace {

using glow::testing::get;
using glow::testing::npy_bytes;
using glow::testing::put;
using glow::testing::stored_zip;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using Shape = std::vector<std::int64_t>;

std::filesystem::path of_numpy(const std::string& name) {
  return std::filesystem::path(GLOW_TEST_FIXTURES) / "../../fuzz/corpus/npz" / name;
}

std::string read(const NpzArray& array, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '\0');
  array.read_at(offset, bytes);
  return bytes;
}

/// Byte i is 5 i modulo 256.
std::string multiples_of_five(int begin, int end) {
  std::string bytes;
  for (int i = begin; i < end; ++i) bytes += static_cast<char>(5 * i);
  return bytes;
}

// np.savez(data=uint8 [4, 12], labels=int64 [1, 3, 2, 1], mean=...), and the same with savez_compressed.
TEST(Npz, ReadsFilesOfNumpy) {
  const auto stored = open_npz(of_numpy("stored.npz"), {"data", "labels", "other"});
  ASSERT_EQ(stored.size(), 2u);
  EXPECT_EQ(stored.at("data").dtype(), "|u1");
  EXPECT_EQ(stored.at("data").shape(), (Shape{4, 12}));
  EXPECT_EQ(stored.at("labels").dtype(), "<i8");
  EXPECT_EQ(stored.at("labels").element_size(), 8u);
  EXPECT_EQ(read(stored.at("labels"), 8, 1), "\x03");
  const auto deflated = open_npz(of_numpy("deflated.npz"), {"data"});
  EXPECT_EQ(deflated.size(), 1u);
  EXPECT_EQ(deflated.at("data").shape(), (Shape{4, 2, 2, 3}));
  for (const auto& arrays : {stored, deflated}) {
    EXPECT_EQ(read(arrays.at("data"), 0, 48), multiples_of_five(0, 48));
    EXPECT_EQ(read(arrays.at("data"), 17, 20), multiples_of_five(17, 37));
  }
}

TEST(Npz, NamesTheMemberOfAnErrorAndIgnoresOthers) {
  const auto refused = [](const std::string& file, std::string_view reason) {
    return throws<FormatError>([&] { open_npz(of_numpy(file), {"data"}); }, {file + "/data.npy: ", reason});
  };
  EXPECT_TRUE(refused("objects.npz", "dtype \"|O\" is not supported"));
  EXPECT_TRUE(refused("fortran.npz", "Fortran order"));
  EXPECT_TRUE(open_npz(of_numpy("objects.npz"), {"labels"}).empty());
}

TEST(Npz, RefusesOtherContents) {
  const TemporaryDirectory directory;
  const auto refused = [&](const std::string& bytes, std::string_view reason) {
    put(directory / "file.npz", bytes);
    return throws<FormatError>([&] { open_npz(directory / "file.npz", {"data"}); },
                               {(directory / "file.npz").string(), reason});
  };
  EXPECT_TRUE(refused("", "expected an npz file, is an empty file"));
  EXPECT_TRUE(refused(npy_bytes("|u1", "(1,)", "a"), "expected an npz file, is a NumPy array (.npy)"));
  EXPECT_TRUE(refused(stored_zip({{"data.npy", "\x80\x02K\x01."}}), "data.npy: expected an npy file, is a pickle"));
  EXPECT_TRUE(refused(stored_zip({{"data.npy", npy_bytes("|u1", "(3,)", "ab")}}), "shape [3], found 2 bytes"));
  EXPECT_TRUE(refused(stored_zip({{"data.npy", npy_bytes("|u1", "(1,)", "ab")}}), "shape [1], found 2 bytes"));
  const std::string stored = get(of_numpy("stored.npz"));
  EXPECT_TRUE(refused(stored.substr(0, stored.size() / 2), "truncated"));
  std::string damaged = get(of_numpy("deflated.npz"));
  damaged[damaged.find("data.npy") + 40] ^= 0x10;
  EXPECT_TRUE(refused(damaged, "data.npy: is damaged"));
}

TEST(Npz, FailsWhenTheFileIsShortened) {
  const TemporaryDirectory directory;
  put(directory / "file", stored_zip({{"data.npy", npy_bytes("|u1", "(3,)", "abc")}}));
  const auto arrays = open_npz(directory / "file", {"data"});
  EXPECT_EQ(read(arrays.at("data"), 1, 2), "bc");
  std::filesystem::resize_file(directory / "file", 20);
  EXPECT_TRUE(throws<IoError>([&] { read(arrays.at("data"), 1, 2); }, {(directory / "file").string()}));
}

}  // namespace
}  // namespace glow::io::npz_test
