#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/io/npy.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::npy_source_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

class NpySourceTest : public ::testing::Test {
 protected:
  DataSet open() const { return open_data_set("npy:" + file_.string()); }

  TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_ / "images.npy";
};

TEST_F(NpySourceTest, ReadsImagesOfAnyNumberOfChannels) {
  io::write_npy(file_, "|u1", {3, 1, 2, 5}, "abcdefghijABCDEFGHIJ0123456789");
  const DataSet set = open();
  ASSERT_EQ(set.train->size(), 3);
  EXPECT_EQ(set.train->channels(), 5);
  EXPECT_EQ(set.train->common_shape(), (io::ImageShape{1, 2, 5}));
  EXPECT_FALSE(set.train->is_on_black());
  const io::Image image = set.train->image(1);
  EXPECT_EQ(image.shape, (io::ImageShape{1, 2, 5}));
  EXPECT_EQ(std::string(image.pixels.begin(), image.pixels.end()), "ABCDEFGHIJ");
  EXPECT_EQ(set.train->label(1), -1);
  EXPECT_EQ(set.valid, nullptr);
  EXPECT_EQ(set.test, nullptr);
  EXPECT_TRUE(set.class_names.empty());
}

TEST_F(NpySourceTest, ThreeAxesAreGreyImages) {
  io::write_npy(file_, "|u1", {2, 1, 3}, "abcdef");
  EXPECT_EQ(open().train->shape(1), (io::ImageShape{1, 3, 1}));
  EXPECT_EQ(open().train->image(1).pixels, (std::vector<std::uint8_t>{'d', 'e', 'f'}));
}

struct BadArray {
  const char* dtype;
  std::vector<std::int64_t> shape;
  std::size_t bytes;
  const char* seen;
};

class NpySourceErrors : public NpySourceTest, public ::testing::WithParamInterface<BadArray> {};

TEST_P(NpySourceErrors, DescribeTheArray) {
  io::write_npy(file_, GetParam().dtype, GetParam().shape, std::string(GetParam().bytes, 'x'));
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {file_.string(), "expected images", GetParam().seen}));
}

INSTANTIATE_TEST_SUITE_P(NpySource, NpySourceErrors,
                         ::testing::Values(BadArray{"<f4", {1, 2, 2}, 16, "\"<f4\" [1,2,2]"},
                                           BadArray{"|u1", {4, 4}, 16, "[4,4]"},
                                           BadArray{"|u1", {1, 2, 2, 2, 2}, 16, "[1,2,2,2,2]"},
                                           BadArray{"|u1", {0, 2, 2, 3}, 0, "[0,2,2,3]"},
                                           BadArray{"|u1", {2, 2, 2, 0}, 0, "[2,2,2,0]"}));

TEST_F(NpySourceTest, NamesAFileThatIsMissingOrTruncated) {
  EXPECT_TRUE(throws<IoError>([&] { open(); }, {file_.string(), "No such file"}));
  io::write_npy(file_, "|u1", {2, 1, 3}, "abcdef");
  const std::string bytes = get(file_);
  put(file_, bytes.substr(0, bytes.size() - 1));
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {file_.string()}));
}

}  // namespace
}  // namespace glow::images::npy_source_test
