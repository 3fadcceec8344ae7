#include <glow/data/image_grid.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"

namespace glow::data::image_grid_test {
namespace {

using glow::testing::throws;

/// Channel c of image i has the value i + 10 c.
torch::Tensor numbered(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width) {
  const auto images = at::arange(count).view({count, 1, 1, 1}) + 10 * at::arange(channels).view({1, channels, 1, 1});
  return images.expand({count, channels, height, width}).to(at::kByte);
}

int pixel(const io::Image& image, std::int64_t row, std::int64_t column, std::int64_t channel = 0) {
  const auto index = (row * image.shape.width + column) * image.shape.channels + channel;
  return image.pixels.at(static_cast<std::size_t>(index));
}

TEST(ToImage, ConvertsToChannelsLast) {
  const auto bytes = at::arange(2 * 3 * 4).view({2, 3, 4}).to(at::kByte);
  const auto image = to_image(bytes);
  EXPECT_EQ(image.shape, (io::ImageShape{3, 4, 2}));
  EXPECT_EQ(pixel(image, 1, 2, 0), 6);
  EXPECT_EQ(pixel(image, 1, 2, 1), 12 + 6);
}

TEST(ImageGrid, PlacesImagesRowByRowTwoPixelsApartOnWhite) {
  const auto grid = image_grid(numbered(5, 3, 4, 6), 3);
  ASSERT_EQ(grid.shape, (io::ImageShape{4 + 2 + 4, 6 + 2 + 6 + 2 + 6, 3}));
  for (std::int64_t row = 0; row < grid.shape.height; ++row) {
    for (std::int64_t column = 0; column < grid.shape.width; ++column) {
      const auto number = row / 6 * 3 + column / 8;
      const bool inside = row % 6 < 4 && column % 8 < 6 && number < 5;
      EXPECT_EQ(pixel(grid, row, column, 1), inside ? number + 10 : 255) << row << ", " << column;
    }
  }
}

struct Layout {
  std::int64_t count, columns;
  int rows_seen, columns_seen;
};

class ImageGridLayout : public ::testing::TestWithParam<Layout> {};

TEST_P(ImageGridLayout, HasTheExpectedRowsAndColumns) {
  const auto [count, columns, rows_seen, columns_seen] = GetParam();
  const auto grid = image_grid(numbered(count, 1, 1, 1), columns);
  EXPECT_EQ(grid.shape, (io::ImageShape{3 * rows_seen - 2, 3 * columns_seen - 2, 1}));
}

INSTANTIATE_TEST_SUITE_P(Layouts, ImageGridLayout,
                         ::testing::Values(Layout{1, 0, 1, 1}, Layout{2, 0, 1, 2}, Layout{36, 0, 6, 6},
                                           Layout{37, 0, 6, 7}, Layout{7, 7, 1, 7}, Layout{3, 8, 1, 3},
                                           Layout{5, 1, 5, 1}));

TEST(ImageGrid, RefusesInvalidTensorsAndColumns) {
  EXPECT_TRUE(throws<ShapeError>([] { image_grid(numbered(0, 1, 2, 2)); }, {"image grid", "[0, 1, 2, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([] { image_grid(numbered(1, 2, 2, 2)); }, {"1 or 3 channels", "[1, 2, 2, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([] { image_grid(numbered(1, 1, 2, 2).to(at::kFloat)); }, {"uint8"}));
  EXPECT_TRUE(throws<ShapeError>([] { to_image(numbered(1, 5, 2, 2)[0]); }, {"1 to 4 channels", "[5, 2, 2]"}));
  EXPECT_TRUE(throws<ConfigError>([] { image_grid(numbered(1, 1, 2, 2), -1); }, {"columns", "-1"}));
}

using Pixels = std::vector<std::uint8_t>;

constexpr std::uint8_t kImage = 100;

torch::Tensor grey_images(std::int64_t count, std::int64_t channels = 1) {
  return at::full({count, channels, 12, 16}, kImage, at::kByte);
}

/// The pixels of a column label: those of the grid before the first pixel of the image.
std::string drawn(const std::string& text) {
  const auto grid = labelled_grid(at::full({1, 1, 4, 60}, kImage, at::kByte), {.labels = {.columns = {text}}});
  const auto first = std::find(grid.pixels.begin(), grid.pixels.end(), kImage);
  return {grid.pixels.begin(), first};
}

/// The ranges of columns, or rows, of the grid that have pixels of the images, each as (first, length).
std::vector<std::pair<int, int>> stretches(const io::Image& image, bool of_rows) {
  const int outer = of_rows ? image.shape.height : image.shape.width;
  const int inner = of_rows ? image.shape.width : image.shape.height;
  std::vector<std::pair<int, int>> found;
  for (int i = 0; i < outer; ++i) {
    bool any = false;
    for (int j = 0; j < inner; ++j) {
      const int row = of_rows ? i : j, column = of_rows ? j : i;
      any = any ||
            image.pixels[static_cast<std::size_t>((row * image.shape.width + column) * image.shape.channels)] == kImage;
    }
    if (any && !found.empty() && found.back().first + found.back().second == i) {
      ++found.back().second;
    } else if (any) {
      found.emplace_back(i, 1);
    }
  }
  return found;
}

TEST(LabelledGrid, EqualsTheImageGridWithoutLabels) {
  const auto images = at::arange(5 * 3 * 4 * 6).remainder(256).to(at::kByte).view({5, 3, 4, 6});
  for (const std::int64_t columns : {0, 2, 5}) {
    const auto grid = labelled_grid(images, {.columns = columns});
    EXPECT_EQ(grid.shape, image_grid(images, columns).shape);
    EXPECT_TRUE(grid.pixels == image_grid(images, columns).pixels);
  }
}

TEST(LabelledGrid, ImagesAreCompleteAndEvenlySpacedForAnyLabels) {
  for (const auto& columns : {std::vector<std::string>{"1", "2", "3"}, {"a long label", "", "-0.5"}}) {
    const auto grid = labelled_grid(grey_images(6), {.columns = 3, .labels = {{"first", "2"}, columns}});
    const auto across = stretches(grid, false), down = stretches(grid, true);
    ASSERT_EQ(across.size(), 3u);
    ASSERT_EQ(down.size(), 2u);
    EXPECT_EQ(across[2].first - across[1].first, across[1].first - across[0].first);
    for (const auto& [first, length] : across) EXPECT_EQ(length, 16) << first;
    for (const auto& [first, length] : down) EXPECT_EQ(length, 12) << first;
    EXPECT_EQ(std::count(grid.pixels.begin(), grid.pixels.end(), kImage), 6 * 12 * 16);
  }
}

TEST(LabelledGrid, LabelsAreBlackOnWhiteOutsideTheImagesInEveryChannel) {
  const auto grid = labelled_grid(grey_images(2, 3), {.columns = 2, .labels = {{"row"}, {"a", "b"}}});
  std::int64_t ink = 0;
  for (std::size_t i = 0; i < grid.pixels.size(); i += 3) {
    EXPECT_TRUE(grid.pixels[i] == grid.pixels[i + 1] && grid.pixels[i] == grid.pixels[i + 2]);
    EXPECT_TRUE(grid.pixels[i] == 0 || grid.pixels[i] == 255 || grid.pixels[i] == kImage);
    ink += grid.pixels[i] == 0 ? 1 : 0;
  }
  EXPECT_GT(ink, 40);
}

TEST(LabelledGrid, ScaleAppliesToImagesAndNotToLetters) {
  const auto image = at::arange(6).to(at::kByte).view({1, 1, 2, 3});
  const auto grid = labelled_grid(image, {.scale = 2});
  EXPECT_EQ(grid.shape, (io::ImageShape{4, 6, 1}));
  EXPECT_EQ(grid.pixels, (Pixels{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 3, 3, 4, 4, 5, 5}));
  const auto ink = [](std::int64_t scale) {
    const auto labelled = labelled_grid(grey_images(1), {.labels = {{"word"}, {}}, .scale = scale});
    return std::count(labelled.pixels.begin(), labelled.pixels.end(), 0);
  };
  EXPECT_EQ(ink(1), ink(4));
}

TEST(LabelledGrid, EveryCharacterHasItsOwnGlyph) {
  std::set<std::string> shapes;
  std::string known;
  for (char character = ' '; character <= '~'; ++character) known += character;
  for (const char character : known) shapes.insert(drawn(std::string(1, character)));
  // `$` and the backtick have no glyph and are both drawn as the box.
  EXPECT_EQ(shapes.size(), known.size() - 1);
  EXPECT_EQ(drawn("$"), drawn("`"));
}

TEST(LabelledGrid, NonAsciiCharacterIsOneBox) {
  EXPECT_EQ(drawn("\xc3\xa4"), drawn("$"));
  EXPECT_NE(drawn("\xc3\xa4"), drawn("$$"));
}

TEST(LabelledGridErrors, NameTheField) {
  const auto with = [](LabelledGridOptions options) { return [options] { labelled_grid(grey_images(4), options); }; };
  EXPECT_TRUE(throws<ConfigError>(with({.labels = {{"a"}, {}}}), {"labels.rows", "2", "got 1"}));
  EXPECT_TRUE(throws<ConfigError>(with({.columns = 4, .labels = {{}, {"a", "b"}}}), {"labels.columns", "4", "got 2"}));
  EXPECT_TRUE(throws<ConfigError>(with({.scale = 0}), {"scale", "got 0"}));
  EXPECT_TRUE(throws<ConfigError>(with({.scale = 65}), {"scale", "got 65"}));
  EXPECT_TRUE(throws<ConfigError>(with({.columns = -1}), {"columns", "-1"}));
  const std::string megabyte(std::size_t{1} << 20, 'a');
  EXPECT_TRUE(throws<ConfigError>(with({.columns = 1, .labels = {{"", "", "", megabyte}, {}}}), {"1000000", "6291"}));
  EXPECT_TRUE(throws<ConfigError>(with({.columns = 1, .labels = {{}, {megabyte}}}), {"image grid", "6291", "wide"}));
  const auto pale = at::full({1}, kImage, at::kByte).expand({1, 1, 20'000, 20'000});
  EXPECT_TRUE(throws<ConfigError>([&] { labelled_grid(pale, {}); }, {"268435456 pixels", "20000 high", "20000 wide"}));
  EXPECT_TRUE(throws<ShapeError>([] { labelled_grid(grey_images(0), {}); }, {"image grid", "[0, 1, 12, 16]"}));
}

}  // namespace
}  // namespace glow::data::image_grid_test
