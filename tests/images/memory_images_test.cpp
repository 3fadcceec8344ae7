#include <glow/images/memory_images.h>

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/image.h>

#include "support/throws.h"

namespace glow::images::memory_images_test {
namespace {

using glow::testing::throws;

/// A PNG file of one colour, 2x3.
EncodedFile file(const std::string& name, const std::vector<std::uint8_t>& colour) {
  io::Image image{{2, 3, static_cast<int>(colour.size())}, {}};
  for (int pixel = 0; pixel < 6; ++pixel) image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
  return {name, io::encode_png(image)};
}

TEST(MemoryImages, AreDecodedToTheChannels) {
  const auto colour = memory_images({file("grey", {7}), file("colour", {10, 20, 30})}, 3);
  ASSERT_EQ(colour->size(), 2);
  EXPECT_EQ(colour->channels(), 3);
  EXPECT_EQ(colour->name(1), "colour");
  EXPECT_EQ(colour->label(0), -1);
  const auto shape = colour->shape(0);
  ASSERT_TRUE(shape);
  EXPECT_EQ(std::vector<int>({shape->height, shape->width, shape->channels}), std::vector<int>({2, 3, 3}));
  EXPECT_EQ(colour->image(0).pixels, std::vector<std::uint8_t>(18, 7));
  EXPECT_EQ(colour->image(1).pixels[1], 20);
  const auto grey = memory_images({file("grey", {7})}, 1);
  EXPECT_EQ(grey->image(0).pixels, std::vector<std::uint8_t>(6, 7));
}

TEST(MemoryImages, ErrorsNameTheFile) {
  EXPECT_TRUE(throws<FormatError>([] { memory_images({file("good", {1}), {"bad.png", "text"}}, 1); }, {"bad.png"}));
  EXPECT_TRUE(throws<ConfigError>([] { memory_images({file("good", {1})}, 2); }, {"channels", "2"}));
  auto cut = file("cut.png", {1});
  cut.bytes.resize(cut.bytes.size() - 20);
  const auto images = memory_images({cut}, 1);
  EXPECT_TRUE(throws<FormatError>([&] { images->image(0); }, {"cut.png"}));
}

}  // namespace
}  // namespace glow::images::memory_images_test
