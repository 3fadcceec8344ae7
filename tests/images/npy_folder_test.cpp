// npy:DIR, a folder of .npy files with one image each.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/io/npy.h>

#include "support/archives.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::npy_folder_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::tar_end;
using glow::testing::tar_member;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using Shape = std::vector<std::int64_t>;
using Pixels = std::vector<std::uint8_t>;

DataSet open(const TemporaryDirectory& directory, bool with_labels = false) {
  return open_data_set("npy:" + directory.path().string(), {.with_labels = with_labels});
}

struct Layout {
  Shape shape;
  io::ImageShape expected;
  Pixels pixels;
};

class NpyLayouts : public ::testing::TestWithParam<Layout> {};

TEST_P(NpyLayouts, HoldAnImage) {
  const TemporaryDirectory directory;
  std::string bytes;
  for (std::size_t i = 0; i < GetParam().pixels.size(); ++i) bytes += static_cast<char>(i);
  io::write_npy(directory / "image.npy", "|u1", GetParam().shape, bytes);
  const auto train = open(directory).train;
  ASSERT_EQ(train->size(), 1);
  EXPECT_EQ(train->shape(0), GetParam().expected);
  EXPECT_EQ(train->image(0).shape, GetParam().expected);
  EXPECT_EQ(train->image(0).pixels, GetParam().pixels);
}

// The bytes of the array are 0, 1, 2, ...
INSTANTIATE_TEST_SUITE_P(Npy, NpyLayouts,
                         ::testing::Values(Layout{{2, 3}, {2, 3, 1}, {0, 1, 2, 3, 4, 5}},
                                           Layout{{2, 2, 1}, {2, 2, 1}, {0, 1, 2, 3}},
                                           Layout{{1, 2, 2}, {2, 2, 1}, {0, 1, 2, 3}},
                                           Layout{{1, 2, 3}, {1, 2, 3}, {0, 1, 2, 3, 4, 5}},
                                           Layout{{3, 1, 2}, {1, 2, 3}, {0, 2, 4, 1, 3, 5}},
                                           Layout{{1, 3, 1, 2}, {1, 2, 3}, {0, 2, 4, 1, 3, 5}},
                                           Layout{{3, 1, 3}, {3, 1, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8}}));

TEST(NpyFolder, HasSplitsClassesAndSizesOfItsOwn) {
  const TemporaryDirectory directory;
  for (const char* name : {"train/cat/1.npy", "train/dog/2.NPY", "test/dog/3.npy"}) {
    std::filesystem::create_directories((directory / name).parent_path());
    io::write_npy(directory / name, "|u1", {2, 2, 3}, std::string(12, name[name[1] == 'r' ? 10 : 9]));
  }
  io::write_npy(directory / "train/dog/4.npy", "|u1", {5, 2, 3}, "colour" + std::string(24, 'x'));
  put(directory / "train/dog/picture.png", "is ignored");
  const auto set = open(directory, /*with_labels=*/true);
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(all_labels(*set.train), (std::vector<std::int64_t>{0, 1, 1}));
  EXPECT_EQ(set.train->shape(2), (io::ImageShape{5, 2, 3}));
  EXPECT_EQ(set.test->size(), 1);
}

TEST(NpyFolder, MayBeAnArchive) {
  const TemporaryDirectory directory;
  const auto array = directory / "array.npy";
  io::write_npy(array, "|u1", {2, 2, 3}, "abcdefghijkl");
  const auto file = directory / "images.tar";
  put(file, tar_member("train/cat/1.npy", get(array)) + tar_member("test/cat/2.npy", get(array)) + tar_end());
  const auto set = open_data_set("npy:" + file.string(), {.with_labels = true});
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"cat"}));
  ASSERT_EQ(set.train->size(), 1);
  EXPECT_EQ(set.train->image(0).pixels, (Pixels{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'}));
  EXPECT_EQ(set.test->name(0), (file / "test/cat/2.npy").string());
  const auto compressed = directory / "images.tar.gz";
  put(compressed, "compressed");
  EXPECT_TRUE(throws<FormatError>([&] { open_data_set("npy:" + compressed.string()); },
                                  {compressed.string(), "decompress it"}));
}

TEST(NpyFolder, RefusesArraysThatAreNoImage) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(throws<FormatError>([&] { open(directory); }, {directory.path().string(), ".npy files", "none"}));
  const auto file = directory / "a.npy";
  const auto refuses = [&](const std::string& found) {
    return throws<FormatError>([&] { open(directory); }, {file.string(), "expected an image", found});
  };
  io::write_npy(file, "<f4", {1, 1, 3}, std::string(12, 'x'));
  EXPECT_TRUE(refuses("\"<f4\" [1,1,3]"));
  io::write_npy(file, "|u1", {2, 3, 2, 1}, std::string(12, 'x'));
  EXPECT_TRUE(refuses("[2,3,2,1]"));
  io::write_npy(file, "|u1", {2, 3, 2}, std::string(12, 'x'));
  EXPECT_TRUE(refuses("[2,3,2]"));
  io::write_npy(file, "|u1", {0, 3}, "");
  EXPECT_TRUE(refuses("[0,3]"));
  put(file, "\x93NUMPY");
  EXPECT_TRUE(throws<FormatError>([&] { open(directory); }, {file.string()}));
}

}  // namespace
}  // namespace glow::images::npy_folder_test
