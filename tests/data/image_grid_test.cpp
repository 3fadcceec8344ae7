#include <glow/data/image_grid.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"

namespace glow::data::image_grid_test {
namespace {

using glow::testing::throws;

/// Image i is all `i`; channel c adds 10*c.
torch::Tensor numbered(std::int64_t count, std::int64_t channels, std::int64_t height, std::int64_t width) {
  const auto images = at::arange(count).view({count, 1, 1, 1}) + 10 * at::arange(channels).view({1, channels, 1, 1});
  return images.expand({count, channels, height, width}).to(at::kByte);
}

int pixel(const io::Image& image, std::int64_t row, std::int64_t column, std::int64_t channel = 0) {
  const auto index = (row * image.shape.width + column) * image.shape.channels + channel;
  return image.pixels.at(static_cast<std::size_t>(index));
}

TEST(ToImage, PutsTheChannelsLast) {
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

TEST_P(ImageGridLayout, HasSoManyRowsAndColumns) {
  const auto [count, columns, rows_seen, columns_seen] = GetParam();
  const auto grid = image_grid(numbered(count, 1, 1, 1), columns);
  EXPECT_EQ(grid.shape, (io::ImageShape{3 * rows_seen - 2, 3 * columns_seen - 2, 1}));
}

INSTANTIATE_TEST_SUITE_P(Layouts, ImageGridLayout,
                         ::testing::Values(Layout{1, 0, 1, 1}, Layout{2, 0, 1, 2}, Layout{36, 0, 6, 6},
                                           Layout{37, 0, 6, 7}, Layout{7, 7, 1, 7}, Layout{3, 8, 1, 3},
                                           Layout{5, 1, 5, 1}));

TEST(ImageGrid, RefusesWhatIsNoPicture) {
  EXPECT_TRUE(throws<ShapeError>([] { image_grid(numbered(0, 1, 2, 2)); }, {"image grid", "[0, 1, 2, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([] { image_grid(numbered(1, 2, 2, 2)); }, {"1 or 3 channels", "[1, 2, 2, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([] { image_grid(numbered(1, 1, 2, 2).to(at::kFloat)); }, {"uint8"}));
  EXPECT_TRUE(throws<ShapeError>([] { to_image(numbered(1, 5, 2, 2)[0]); }, {"1 to 4 channels", "[5, 2, 2]"}));
  EXPECT_TRUE(throws<ConfigError>([] { image_grid(numbered(1, 1, 2, 2), -1); }, {"columns", "-1"}));
}

}  // namespace
}  // namespace glow::data::image_grid_test
