#include <glow/data/split.h>

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/pictures.h"
#include "support/throws.h"

namespace glow::data::split_test {
namespace {

using glow::testing::make_picture;
using glow::testing::PictureSource;
using glow::testing::throws;
using images::all_labels;
using images::DataSet;
using images::ImageSource;

std::shared_ptr<const ImageSource> make_source(int size) {
  std::vector<io::Image> pictures;
  for (int i = 0; i < size; ++i) pictures.push_back(make_picture(2 + i, 3, 1, static_cast<std::uint32_t>(i)));
  return std::make_shared<PictureSource>(std::move(pictures));
}

DataSet make_set(int train_size) {
  DataSet set;
  set.name = "made-up";
  set.train = make_source(train_size);
  set.test = make_source(4);
  return set;
}

TEST(SubsetSourceTest, HasTheChosenImages) {
  const auto source = make_source(6);
  const SubsetSource subset(source, {4, 1});
  ASSERT_EQ(subset.size(), 2);
  EXPECT_EQ(subset.channels(), 1);
  EXPECT_EQ(subset.common_shape(), std::nullopt);
  EXPECT_EQ(subset.shape(0), source->shape(4));
  EXPECT_EQ(subset.image(0).pixels, source->image(4).pixels);
  EXPECT_EQ(subset.name(1), "picture-1");
  EXPECT_EQ(all_labels(subset), (std::vector<std::int64_t>{4, 1}));
}

TEST(SubsetSourceTest, RefusesIndicesOutsideTheSource) {
  EXPECT_TRUE(throws<ShapeError>([] { SubsetSource(make_source(6), {0, 6}); }, {"index 6", "6 images"}));
  EXPECT_TRUE(throws<ShapeError>([] { SubsetSource(make_source(6), {-1}); }, {"index -1"}));
}

TEST(DefaultValidImagesTest, IsTenPercentButAtMost5000) {
  EXPECT_EQ(default_valid_images(9), 0);
  EXPECT_EQ(default_valid_images(1005), 100);
  EXPECT_EQ(default_valid_images(50000), 5000);
  EXPECT_EQ(default_valid_images(1000000), 5000);
}

TEST(HoldOutValidationTest, PartitionsTheTrainingImagesInOrder) {
  const DataSet set = make_set(40);
  const DataSet split = hold_out_validation(set, 15, 3);
  std::vector<std::int64_t> train = all_labels(*split.train);
  const std::vector<std::int64_t> valid = all_labels(*split.valid);
  EXPECT_EQ(valid.size(), 15u);
  EXPECT_TRUE(std::is_sorted(train.begin(), train.end()));
  EXPECT_TRUE(std::is_sorted(valid.begin(), valid.end()));
  train.insert(train.end(), valid.begin(), valid.end());
  std::sort(train.begin(), train.end());
  EXPECT_EQ(train, all_labels(*set.train));
  EXPECT_EQ(split.test, set.test);
}

TEST(HoldOutValidationTest, DependsOnTheSeed) {
  const DataSet set = make_set(40);
  const auto chosen = [&](std::uint64_t seed) { return all_labels(*hold_out_validation(set, 15, seed).valid); };
  EXPECT_EQ(chosen(3), chosen(3));
  EXPECT_NE(chosen(3), chosen(4));
}

TEST(HoldOutValidationTest, NegativeCountKeepsAnExistingSplitOrUsesTheDefault) {
  DataSet set = make_set(40);
  EXPECT_EQ(hold_out_validation(set, -1, 0).valid->size(), 4);
  set.valid = make_source(7);
  EXPECT_EQ(hold_out_validation(set, -1, 0).valid, set.valid);
  EXPECT_EQ(hold_out_validation(set, -1, 0).train, set.train);
  EXPECT_EQ(hold_out_validation(set, 5, 0).valid->size(), 5);
}

TEST(HoldOutValidationTest, ZeroRemovesTheSplit) {
  DataSet set = make_set(40);
  set.valid = make_source(7);
  EXPECT_EQ(hold_out_validation(set, 0, 0).valid, nullptr);
  EXPECT_EQ(hold_out_validation(make_set(9), -1, 0).valid, nullptr);
}

TEST(HoldOutValidationTest, RequiresOneTrainingImage) {
  EXPECT_EQ(hold_out_validation(make_set(3), 2, 0).train->size(), 1);
  EXPECT_TRUE(throws<ConfigError>([] { hold_out_validation(make_set(3), 3, 0); },
                                  {"valid_images: 3", "no training image", "made-up"}));
}

}  // namespace
}  // namespace glow::data::split_test
