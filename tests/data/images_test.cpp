#include <glow/data/images.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "images/array.h"
#include "support/pictures.h"
#include "support/throws.h"

namespace glow::data::images_test {
namespace {

using glow::testing::make_picture;
using glow::testing::PictureSource;
using glow::testing::throws;
using images::ImageSource;
using images::make_array_source;

std::shared_ptr<const ImageSource> folder_of(std::vector<io::Image> pictures) {
  return std::make_shared<PictureSource>(std::move(pictures));
}

std::shared_ptr<const ImageSource> array_of(const io::Image& picture, bool is_on_black = false) {
  return make_array_source(picture.shape, {picture.pixels.begin(), picture.pixels.end()}, {}, "array", is_on_black);
}

/// uint8 [C, H, W]
at::Tensor planes(const io::Image& picture) {
  const auto [height, width, channels] = picture.shape;
  at::Tensor tensor = at::empty({channels, height, width}, at::kByte);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    const std::int64_t channel = i / (height * width), pixel = i % (height * width);
    tensor.data_ptr<std::uint8_t>()[i] = picture.pixels[pixel * channels + channel];
  }
  return tensor;
}

TEST(TensorImages, AreTheTensorsAsTheyWere) {
  const auto bytes = at::arange(2 * 3 * 4 * 5).to(at::kByte).view({2, 3, 4, 5});
  const auto labels = at::tensor({1000, 3}, at::kLong);
  auto changed = bytes.clone();
  const Images images = tensor_images(changed, labels);
  changed.zero_();
  EXPECT_EQ(images.size(), 2);
  EXPECT_TRUE(images.bytes({1, 0}).equal(bytes.flip(0)));
  EXPECT_TRUE(images.labels({0, 1}).equal(labels));
  EXPECT_EQ(tensor_images(bytes).labels({0}).item<std::int64_t>(), -1);
  EXPECT_TRUE(tensor_images(bytes.slice(3, 1, 4)).bytes({0, 1}).equal(bytes.slice(3, 1, 4)));
}

TEST(TensorImages, RefuseOtherShapesAndDtypes) {
  const auto bytes = at::zeros({2, 3, 4, 5}, at::kByte);
  for (const auto& wrong : {bytes[0], bytes.to(at::kFloat), bytes.slice(2, 0, 0)})
    EXPECT_TRUE(throws<ShapeError>([&] { tensor_images(wrong); }, {"images", "uint8 [N, C, H, W]"}));
  for (const auto& wrong : {at::zeros({2}, at::kInt), at::zeros({3}, at::kLong), at::zeros({2, 1}, at::kLong)})
    EXPECT_TRUE(throws<ShapeError>([&] { tensor_images(bytes, wrong); }, {"labels", "int64 [N] with N = 2"}));
}

// Scaling, compared with a slow reference in float64

/// [out, in]: weights of a triangle filter as wide as the scale, centred at each output pixel.
at::Tensor triangle_filter(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  at::Tensor filter = at::empty({out, in}, at::kDouble);
  for (std::int64_t i = 0; i < out; ++i)
    for (std::int64_t j = 0; j < in; ++j)
      filter.data_ptr<double>()[i * in + j] =
          std::max(0.0, 1 - std::abs((double(j) + 0.5) / scale - (double(i) + 0.5)));
  return filter / filter.sum(1, true);
}

at::Tensor scaled(const at::Tensor& picture, std::int64_t height, std::int64_t width) {
  const at::Tensor rows = triangle_filter(picture.size(1), height).matmul(picture.to(at::kDouble));
  return rows.matmul(triangle_filter(picture.size(2), width).t());
}

at::Tensor window(const at::Tensor& picture, std::int64_t top, std::int64_t left, std::int64_t height,
                  std::int64_t width) {
  return picture.slice(1, top, top + height).slice(2, left, left + width);
}

struct Scaling {
  /// Size of the stored image.
  int height;
  int width;
  Geometry geometry;
  /// The part of the stored image that is scaled: top, left, height, width.
  std::int64_t part[4];
  /// The scaled size, and the position of the result in it: height, width, top, left.
  std::int64_t whole[4];
};

class ScalingTest : public ::testing::TestWithParam<Scaling> {};

TEST_P(ScalingTest, EqualsATriangleFilter) {
  const auto& [height, width, geometry, part, whole] = GetParam();
  const io::Image picture = make_picture(height, width, 3);
  const at::Tensor chosen = window(planes(picture), part[0], part[1], part[2], part[3]);
  const at::Tensor expected =
      window(scaled(chosen, whole[0], whole[1]), whole[2], whole[3], geometry.height, geometry.width);
  const at::Tensor actual = Images(folder_of({picture}), geometry).bytes({0})[0];
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE((actual - expected).abs().max().item<double>(), 0.5 + 1e-4);
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, ScalingTest,
    ::testing::Values(
        // The central part with the aspect ratio of the result, scaled.
        Scaling{64, 64, {.height = 32, .width = 32}, {0, 0, 64, 64}, {32, 32, 0, 0}},
        Scaling{50, 41, {.height = 16, .width = 16}, {4, 0, 41, 41}, {16, 16, 0, 0}},
        Scaling{30, 100, {.height = 8, .width = 16}, {0, 20, 30, 60}, {8, 16, 0, 0}},
        Scaling{100, 30, {.height = 8, .width = 16}, {42, 0, 15, 30}, {8, 16, 0, 0}},
        Scaling{17, 33, {.height = 16, .width = 32}, {0, 0, 17, 33}, {16, 32, 0, 0}},
        Scaling{16, 40, {.height = 16, .width = 32}, {0, 4, 16, 32}, {16, 32, 0, 0}},
        // The shorter side is scaled first, then the centre is cropped.
        Scaling{40, 60, {.height = 16, .width = 16, .resize = 20}, {0, 0, 40, 60}, {20, 30, 2, 7}},
        Scaling{61, 40, {.height = 16, .width = 8, .resize = 20}, {0, 0, 61, 40}, {31, 20, 7, 6}},
        Scaling{20, 33, {.height = 16, .width = 24, .resize = 20}, {0, 0, 20, 33}, {20, 33, 2, 4}},
        // With random_crop and without resize the image is not scaled; evaluation crops its centre.
        Scaling{40, 60, {.height = 16, .width = 16, .random_crop = true}, {0, 0, 40, 60}, {40, 60, 12, 22}}));

class PassThroughTest : public ::testing::TestWithParam<int> {};

TEST_P(PassThroughTest, ImagesOfTheRightSizeAreUnchanged) {
  const io::Image picture = make_picture(8, 12, GetParam());
  for (const auto& source : {folder_of({picture}), array_of(picture)}) {
    const Images images(source, {.height = 8, .width = 12});
    EXPECT_EQ(images.channels(), GetParam());
    const at::Tensor bytes = images.bytes({0});
    EXPECT_EQ(bytes.scalar_type(), at::kByte);
    EXPECT_TRUE(bytes.is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(bytes.equal(planes(picture).unsqueeze(0)));
  }
}

INSTANTIATE_TEST_SUITE_P(Channels, PassThroughTest, ::testing::Values(1, 3, 5));

TEST(ImagesTest, ReturnsTheImagesOfTheIndices) {
  const std::vector<io::Image> pictures = {make_picture(4, 4, 3, 1), make_picture(8, 8, 3, 2),
                                           make_picture(4, 6, 3, 3)};
  const Images images(folder_of(pictures), {.height = 4, .width = 4});
  EXPECT_EQ(images.size(), 3);
  const at::Tensor batch = images.bytes({2, 0, 2});
  EXPECT_EQ(batch.sizes(), (std::vector<std::int64_t>{3, 3, 4, 4}));
  EXPECT_TRUE(batch[0].equal(window(planes(pictures[2]), 0, 1, 4, 4)));
  EXPECT_TRUE(batch[1].equal(planes(pictures[0])));
  EXPECT_TRUE(batch[2].equal(batch[0]));
  EXPECT_TRUE(images.labels({2, 0}).equal(at::tensor({2, 0}, at::kLong)));
  EXPECT_EQ(images.bytes({}).sizes(), (std::vector<std::int64_t>{0, 3, 4, 4}));
}

class PaddingTest : public ::testing::TestWithParam<bool> {};

TEST_P(PaddingTest, SmallImagesOnBlackArePadded) {
  const io::Image picture = make_picture(5, 7, 3);
  const Images images(array_of(picture, /*is_on_black=*/true), {.height = 8, .width = 8, .random_crop = GetParam()});
  at::Tensor expected = at::zeros({1, 3, 8, 8}, at::kByte);
  window(expected[0], 1, 0, 5, 7).copy_(planes(picture));
  EXPECT_TRUE(images.bytes({0}).equal(expected));
  EXPECT_TRUE(images.augmented_bytes({{0, 3}}, 1).equal(expected));
}

INSTANTIATE_TEST_SUITE_P(RandomCrop, PaddingTest, ::testing::Bool());

// Augmentation

/// Entries of image 0 in many epochs.
std::vector<BatchOrder::Entry> epochs(std::int64_t count) {
  std::vector<BatchOrder::Entry> entries;
  for (std::int64_t epoch = 0; epoch < count; ++epoch) entries.push_back({0, epoch});
  return entries;
}

TEST(AugmentationTest, EachImageIsAPureFunctionOfSeedEpochAndIndex) {
  const Images images(folder_of({make_picture(40, 40, 3, 1), make_picture(50, 60, 3, 2)}),
                      {.height = 16, .width = 16, .random_crop = true, .flip = true, .shift = true});
  const at::Tensor batch = images.augmented_bytes({{0, 5}, {1, 5}, {0, 6}}, 9);
  EXPECT_TRUE(images.augmented_bytes({{0, 6}}, 9)[0].equal(batch[2]));
  EXPECT_TRUE(images.augmented_bytes({{1, 5}, {0, 5}}, 9).flip(0).equal(batch.slice(0, 0, 2)));
  EXPECT_FALSE(batch[0].equal(batch[2]));
  EXPECT_FALSE(images.augmented_bytes({{0, 6}}, 10)[0].equal(batch[2]));
}

TEST(AugmentationTest, TrainingImagesEqualEvaluationImagesWithoutOptions) {
  const Images images(folder_of({make_picture(40, 50, 3)}), {.height = 16, .width = 16, .resize = 20});
  EXPECT_TRUE(images.augmented_bytes({{0, 4}}, 1).equal(images.bytes({0})));
}

/// The position of `image` in `picture`; nullopt when it is not in it.
std::optional<std::pair<int, int>> find_window(const at::Tensor& picture, const at::Tensor& image) {
  for (int top = 0; top + image.size(1) <= picture.size(1); ++top)
    for (int left = 0; left + image.size(2) <= picture.size(2); ++left)
      if (window(picture, top, left, image.size(1), image.size(2)).equal(image)) return std::pair{top, left};
  return std::nullopt;
}

TEST(AugmentationTest, RandomCropsAreWindowsAtEveryPosition) {
  const io::Image picture = make_picture(10, 9, 1);
  const Images images(folder_of({picture}), {.height = 8, .width = 8, .random_crop = true});
  const at::Tensor batch = images.augmented_bytes(epochs(100), 1);
  std::set<std::pair<int, int>> places;
  for (std::int64_t i = 0; i < batch.size(0); ++i) {
    const auto place = find_window(planes(picture), batch[i]);
    ASSERT_TRUE(place.has_value());
    places.insert(*place);
  }
  EXPECT_EQ(places.size(), 3u * 2u);
}

TEST(AugmentationTest, RandomCropsFollowResize) {
  const io::Image picture = make_picture(40, 44, 1);
  const at::Tensor small = Images(folder_of({picture}), {.height = 20, .width = 22, .resize = 20}).bytes({0})[0];
  const Images images(folder_of({picture}), {.height = 16, .width = 16, .resize = 20, .random_crop = true});
  EXPECT_TRUE(find_window(small, images.augmented_bytes({{0, 0}}, 1)[0]).has_value());
}

TEST(AugmentationTest, FlipMirrorsHalfOfTheImages) {
  const io::Image picture = make_picture(4, 4, 3);
  const Images images(folder_of({picture}), {.height = 4, .width = 4, .flip = true});
  const at::Tensor plain = planes(picture), mirrored = plain.flip(2);
  const at::Tensor batch = images.augmented_bytes(epochs(200), 1);
  int flips = 0;
  for (std::int64_t i = 0; i < batch.size(0); ++i) {
    flips += batch[i].equal(mirrored);
    EXPECT_TRUE(batch[i].equal(mirrored) || batch[i].equal(plain));
  }
  EXPECT_NEAR(flips, 100, 30);
  EXPECT_TRUE(images.bytes({0})[0].equal(plain));
}

/// The image shifted down and to the right, with its edge pixels repeated.
at::Tensor moved(const at::Tensor& picture, std::int64_t down, std::int64_t right) {
  at::Tensor result = at::empty_like(picture);
  for (std::int64_t y = 0; y < picture.size(1); ++y)
    for (std::int64_t x = 0; x < picture.size(2); ++x)
      result.select(2, x).select(1, y).copy_(
          picture.select(2, std::clamp<std::int64_t>(x - right, 0, picture.size(2) - 1))
              .select(1, std::clamp<std::int64_t>(y - down, 0, picture.size(1) - 1)));
  return result;
}

TEST(AugmentationTest, ShiftsByUpToATenthInEveryDirection) {
  const io::Image picture = make_picture(10, 24, 1);
  const Images images(folder_of({picture}), {.height = 10, .width = 24, .shift = true});
  const at::Tensor batch = images.augmented_bytes(epochs(150), 1);
  std::vector<bool> seen(batch.size(0), false);
  for (int down = -1; down <= 1; ++down)
    for (int right = -2; right <= 2; ++right) {
      const at::Tensor expected = moved(planes(picture), down, right);
      bool found = false;
      for (std::int64_t i = 0; i < batch.size(0); ++i)
        if (batch[i].equal(expected)) seen[i] = found = true;
      EXPECT_TRUE(found) << down << ", " << right;
    }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0);
}

TEST(AugmentationTest, OptionsDrawIndependentRandomNumbers) {
  const auto source = folder_of({make_picture(30, 30, 1)});
  const Images cropped(source, {.height = 8, .width = 8, .random_crop = true});
  const Images flipped(source, {.height = 8, .width = 8, .random_crop = true, .flip = true});
  const at::Tensor plain = cropped.augmented_bytes(epochs(20), 1), other = flipped.augmented_bytes(epochs(20), 1);
  for (std::int64_t i = 0; i < 20; ++i) EXPECT_TRUE(other[i].equal(plain[i]) || other[i].equal(plain[i].flip(2)));
}

// Errors

struct TooSmall {
  int height;
  int width;
  Geometry geometry;
  const char* field;
  const char* asked;
};

class TooSmallTest : public ::testing::TestWithParam<TooSmall> {};

TEST_P(TooSmallTest, ErrorNamesTheImageAndBothSizes) {
  const auto& [height, width, geometry, field, asked] = GetParam();
  const auto source = folder_of({make_picture(90, 180, 1), make_picture(height, width, 1)});
  const std::string size = std::to_string(height) + "x" + std::to_string(width);
  EXPECT_TRUE(throws<ConfigError>([&, &geometry = geometry] { Images(source, geometry); },
                                  {std::string(field) + ": picture-1: " + asked, size}));
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, TooSmallTest,
    ::testing::Values(
        TooSmall{31, 60, {.height = 32, .width = 32}, "image_size", "32x32 is too large"},
        TooSmall{60, 31, {.height = 32, .width = 32, .random_crop = true}, "image_size", "32x32 is too large"},
        TooSmall{28, 28, {.height = 32, .width = 32}, "image_size", "32x32 is too large"},
        TooSmall{60, 47, {.height = 32, .width = 32, .resize = 48}, "resize", "48 is too large"},
        TooSmall{60, 60, {.height = 32, .width = 64, .resize = 40}, "resize", "40 makes an image of 60x60"}));

TEST(ImagesTest, ErrorNamesAllImagesThatAreTooSmall) {
  const auto source = folder_of({make_picture(7, 8, 1), make_picture(8, 8, 1), make_picture(8, 6, 1)});
  EXPECT_TRUE(throws<ConfigError>([&] { Images(source, {.height = 8, .width = 8}); },
                                  {"image_size: 2 of 3 images are too small:\n  picture-0: 8x8 is too large",
                                   "\n  picture-2: 8x8 is too large for an image of 8x6"}));
}

TEST(ImagesTest, OnlyImagesOnBlackArePadded) {
  const io::Image picture = make_picture(28, 28, 1);
  EXPECT_TRUE(throws<ConfigError>([&] { Images(array_of(picture), {.height = 32, .width = 32}); },
                                  {"image_size: image 0 of array: 32x32", "28x28"}));
}

TEST(ImagesTest, RefusesImagesOnBlackThatAreTooSmallOnOneSideOnly) {
  EXPECT_TRUE(throws<ConfigError>([] { Images(array_of(make_picture(40, 28, 1), true), {.height = 32, .width = 32}); },
                                  {"image 0 of array", "40x28", "32x32"}));
  EXPECT_TRUE(throws<ConfigError>(
      [] { Images(array_of(make_picture(28, 28, 1), true), {.height = 32, .width = 32, .resize = 32}); },
      {"resize: image 0 of array: 32", "28x28"}));
}

TEST(ImagesTest, GeometryNamesTheField) {
  EXPECT_TRUE(throws<ConfigError>([] { Geometry{.height = 0, .width = 8}.validate(); }, {"image_size: ", "0x8"}));
  EXPECT_TRUE(
      throws<ConfigError>([] { Geometry{.height = 8, .width = 8, .resize = 7}.validate(); }, {"resize: 7", "8x8"}));
  EXPECT_TRUE(throws<ConfigError>([] { Geometry{.height = 8, .width = 8, .resize = -1}.validate(); }, {"resize: -1"}));
}

TEST(ImagesTest, RefusesIndicesOutsideTheSource) {
  const Images images(folder_of({make_picture(4, 4, 1)}), {.height = 4, .width = 4});
  EXPECT_TRUE(throws<ShapeError>([&] { images.bytes({1}); }, {"index 1", "1 images"}));
  EXPECT_TRUE(throws<ShapeError>([&] { images.augmented_bytes({{-1, 0}}, 0); }, {"index -1"}));
  EXPECT_TRUE(throws<ShapeError>([&] { images.labels({0, 2}); }, {"index 2"}));
}

/// Images that are no longer what they were when the source was opened.
class ReplacedSource : public PictureSource {
 public:
  ReplacedSource(io::Image picture, const io::ImageShape& before)
      : PictureSource({std::move(picture)}), before_(before) {}
  int channels() const override { return before_.channels; }
  std::optional<io::ImageShape> shape(std::int64_t) const override { return before_; }

 private:
  io::ImageShape before_;
};

TEST(ImagesTest, RefusesAnImageThatWasReplaced) {
  const auto read = [](const io::Image& now, const io::ImageShape& before) {
    Images(std::make_shared<ReplacedSource>(now, before), {.height = 8, .width = 8}).bytes({0});
  };
  EXPECT_TRUE(throws<FormatError>([&] { read(make_picture(8, 9, 3), {16, 16, 3}); }, {"picture-0", "16x16", "8x9"}));
  EXPECT_TRUE(throws<FormatError>(
      [&] {
        read(make_picture(8, 8, 1), {8, 8, 3});
      },
      {"picture-0", "3 channels", "of 1"}));
  // The decoder may reduce it to a quarter, twice the size of the result.
  EXPECT_NO_THROW(read(make_picture(16, 16, 3), {64, 64, 3}));
  EXPECT_TRUE(throws<FormatError>([&] { read(make_picture(32, 32, 3), {64, 64, 3}); }, {"64x64", "32x32"}));
}

}  // namespace
}  // namespace glow::data::images_test
