#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/files.h"
#include "support/gzip.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::fashion_mnist_test {
namespace {

namespace fs = std::filesystem;
using glow::testing::big_endian;
using glow::testing::gzip;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

std::string idx(std::initializer_list<std::uint64_t> shape, const std::string& bytes) {
  std::string file{'\0', '\0', '\x08', static_cast<char>(shape.size())};
  for (const std::uint64_t length : shape) file += big_endian(length, 4);
  return file + bytes;
}

class FashionMnistTest : public ::testing::Test {
 protected:
  FashionMnistTest() {
    put_zipped("train-images-idx3-ubyte", idx({3, 2, 2}, "abcdefghijkl"));
    put_zipped("train-labels-idx1-ubyte", idx({3}, std::string{9, 0, 3}));
    put_zipped("t10k-images-idx3-ubyte", idx({1, 2, 2}, "wxyz"));
    put_zipped("t10k-labels-idx1-ubyte", idx({1}, std::string{5}));
  }

  void put_zipped(const std::string& name, const std::string& bytes) { put(directory_ / (name + ".gz"), gzip(bytes)); }
  DataSet open() const { return open_data_set("fashion-mnist:" + directory_.path().string()); }

  TemporaryDirectory directory_;
};

TEST_F(FashionMnistTest, HasTheImagesAndLabelsOfTheFiles) {
  const DataSet set = open();
  EXPECT_EQ(set.name, "fashion-mnist:" + directory_.path().string());
  ASSERT_EQ(set.train->size(), 3);
  EXPECT_EQ(set.train->common_shape(), (io::ImageShape{2, 2, 1}));
  EXPECT_TRUE(set.train->is_on_black());
  EXPECT_EQ(set.train->shape(1), (io::ImageShape{2, 2, 1}));
  EXPECT_EQ(set.train->image(1).pixels, (std::vector<std::uint8_t>{'e', 'f', 'g', 'h'}));
  EXPECT_EQ(all_labels(*set.train), (std::vector<std::int64_t>{9, 0, 3}));
  EXPECT_EQ(set.valid, nullptr);
  EXPECT_EQ(set.test->image(0).pixels, (std::vector<std::uint8_t>{'w', 'x', 'y', 'z'}));
  EXPECT_EQ(all_labels(*set.test), std::vector<std::int64_t>{5});
  ASSERT_EQ(set.class_names.size(), 10u);
  EXPECT_EQ(set.class_names[9], "Ankle boot");
  EXPECT_EQ(set.train->name(2), "image 2 of " + (directory_ / "train-images-idx3-ubyte.gz").string());
}

TEST_F(FashionMnistTest, ReadsUncompressedFiles) {
  fs::remove(directory_ / "t10k-images-idx3-ubyte.gz");
  put(directory_ / "t10k-images-idx3-ubyte", idx({1, 2, 2}, "stuv"));
  EXPECT_EQ(open().test->image(0).pixels, (std::vector<std::uint8_t>{'s', 't', 'u', 'v'}));
}

TEST_F(FashionMnistTest, NamesTheMissingFile) {
  const fs::path path = directory_ / "t10k-labels-idx1-ubyte.gz";
  fs::remove(path);
  EXPECT_TRUE(throws<IoError>([&] { open(); }, {path.string(), "No such file"}));
}

struct BadFile {
  const char* name;
  std::string content;
  const char* problem;
};

class FashionMnistErrors : public FashionMnistTest, public ::testing::WithParamInterface<BadFile> {};

TEST_P(FashionMnistErrors, NameTheFile) {
  put_zipped(GetParam().name, GetParam().content);
  const std::string path = (directory_ / GetParam().name).string() + ".gz";
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path, GetParam().problem}));
}

INSTANTIATE_TEST_SUITE_P(
    FashionMnist, FashionMnistErrors,
    ::testing::Values(BadFile{"train-images-idx3-ubyte", "not an idx file", ""},
                      BadFile{"train-images-idx3-ubyte", idx({3, 2, 2}, "abcdefghijk"), ""},
                      BadFile{"train-images-idx3-ubyte", idx({3, 0xffffffff, 0xffffffff}, "abc"), ""},
                      BadFile{"train-images-idx3-ubyte", idx({12}, "abcdefghijkl"), "expected 3 dimensions"},
                      BadFile{"train-images-idx3-ubyte", idx({0, 2, 2}, ""), "none of them 0"},
                      BadFile{"train-labels-idx1-ubyte", idx({2}, std::string{1, 2}),
                              "expected 3 labels, one for each image, has 2"},
                      BadFile{"t10k-labels-idx1-ubyte", idx({1}, std::string{10}), "expected labels 0..9, has 10"}));

TEST(InstalledFashionMnistTest, IsFoundWithoutADirectory) {
  if (!fs::exists("/usr/share/datasets/fashion-mnist")) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const DataSet set = open_data_set("fashion-mnist");
  EXPECT_EQ(set.train->size(), 60000);
  EXPECT_EQ(set.test->size(), 10000);
  EXPECT_EQ(set.train->common_shape(), (io::ImageShape{28, 28, 1}));
  EXPECT_EQ(set.class_names[set.train->label(0)], "Ankle boot");
}

}  // namespace
}  // namespace glow::images::fashion_mnist_test
