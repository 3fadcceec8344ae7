#include "data/downscale.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/io/image.h>

#include "support/pictures.h"

namespace glow::data::downscale_test {
namespace {

using glow::testing::make_picture;

/// A part of an image, and what it is scaled to.
struct Case {
  int channels;
  Size part;
  Size size;
  ScaledSides sides;
};

/// The part of `picture` from row 1 and column 2 on, scaled by this library.
at::Tensor scaled(const io::Image& picture, const Case& wanted) {
  const std::int64_t row_bytes = std::int64_t{picture.shape.width} * wanted.channels;
  const PixelView part{picture.pixels.data() + row_bytes + 2 * wanted.channels, wanted.part, wanted.channels,
                       row_bytes};
  std::vector<std::uint8_t> bytes = downscale(part, wanted.size, wanted.sides);
  return at::from_blob(bytes.data(), {wanted.size.height, wanted.size.width, wanted.channels}, at::kByte).clone();
}

/// The pixels of the part, float64 [channels, height, width].
at::Tensor planes_of(const io::Image& picture, const Case& wanted) {
  const at::Tensor pixels = at::tensor(at::ArrayRef<std::uint8_t>(picture.pixels), at::kByte)
                                .view({picture.shape.height, picture.shape.width, wanted.channels});
  const at::Tensor part = pixels.narrow(0, 1, wanted.part.height).narrow(1, 2, wanted.part.width);
  return part.permute({2, 0, 1}).to(at::kDouble).contiguous();
}

/// The weights of the inputs (columns) of each output (rows): max(0, 1 - |i + 1/2 - (j + 1/2) s| / max(s, 1)), divided
/// by their sum, where s is the number of inputs an output.
at::Tensor triangle_weights(std::int64_t inputs, std::int64_t outputs, double side) {
  const double scale = side / static_cast<double>(outputs);
  const at::Tensor centres = (at::arange(outputs, at::kDouble) + 0.5) * scale;
  const at::Tensor distances = (at::arange(inputs, at::kDouble) + 0.5).unsqueeze(0) - centres.unsqueeze(1);
  const at::Tensor weights = (1 - distances.abs() / std::max(scale, 1.0)).clamp_min(0);
  return weights / weights.sum(1, /*keepdim=*/true);
}

/// The same by the formula, before rounding: float64 [height, width, channels].
at::Tensor scaled_by_formula(const io::Image& picture, const Case& wanted) {
  const at::Tensor rows = triangle_weights(wanted.part.height, wanted.size.height, wanted.sides.height);
  const at::Tensor columns = triangle_weights(wanted.part.width, wanted.size.width, wanted.sides.width);
  return at::matmul(at::matmul(rows, planes_of(picture, wanted)), columns.t()).permute({1, 2, 0});
}

/// The same by LibTorch, for the sides of the part: float32 [height, width, channels].
at::Tensor scaled_by_torch(const io::Image& picture, const Case& wanted) {
  const at::Tensor planes = planes_of(picture, wanted).to(at::kFloat).unsqueeze(0);
  return at::_upsample_bilinear2d_aa(planes, {wanted.size.height, wanted.size.width}, /*align_corners=*/false)
      .squeeze(0)
      .permute({1, 2, 0});
}

/// Random sizes of part and result; in every third case the part is one of a reduced image.
std::vector<Case> random_cases(int count) {
  std::mt19937 random(1);
  const auto draw = [&](std::int64_t first, std::int64_t last) {
    return first + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(last - first + 1));
  };
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    const Size part{draw(1, 300), draw(1, 300)};
    const double beyond = i % 3 == 0 ? 0.75 : 0;
    cases.push_back({static_cast<int>(draw(1, 6)),
                     part,
                     {draw(1, part.height), draw(1, part.width)},
                     {static_cast<double>(part.height) - beyond, static_cast<double>(part.width) - beyond}});
  }
  return cases;
}

TEST(DownscaleTest, EqualsLibTorchExceptNextToHalves) {
  // Positions of up to 300 in float32, whose differences are multiplied by up to 255.
  constexpr double kRounding = 300 * 6e-8 * 255;
  std::int64_t values = 0, differing = 0;
  std::vector<Case> cases = random_cases(200);
  cases.push_back({3, {1024, 1024}, {256, 256}, {1024, 1024}});
  cases.push_back({3, {512, 512}, {256, 256}, {512, 512}});
  cases.push_back({1, {600, 600}, {100, 100}, {600, 600}});
  for (const Case& wanted : cases) {
    const io::Image picture = make_picture(static_cast<int>(wanted.part.height) + 2,
                                           static_cast<int>(wanted.part.width) + 3, wanted.channels);
    const at::Tensor result = scaled(picture, wanted);
    EXPECT_LE((result - scaled_by_formula(picture, wanted)).abs().max().item<double>(), 0.5 + kRounding)
        << wanted.part.height << "x" << wanted.part.width << " to " << wanted.size.height << "x" << wanted.size.width;
    // With ratios that are not those of the sides LibTorch 2.11 and 1.13 differ, for example for one column.
    if (wanted.sides.height != static_cast<double>(wanted.part.height)) continue;
    const at::Tensor exact = scaled_by_torch(picture, wanted);
    const at::Tensor difference = result.to(at::kFloat) - exact;
    values += exact.numel();
    differing += (difference != exact.round() - exact).sum().item<std::int64_t>();
  }
  EXPECT_LE(differing * 1000, values);  // LibTorch 1.13 differs in fewer values than 2.11
  RecordProperty("values", static_cast<int>(values));
  RecordProperty("differing", static_cast<int>(differing));
}

TEST(DownscaleTest, IsTheIdentityForEqualSizes) {
  const io::Image picture = make_picture(9, 13, 3);
  const PixelView whole{picture.pixels.data(), {9, 13}, 3, 39};
  EXPECT_EQ(downscale(whole, {9, 13}, {9, 13}), picture.pixels);
}

TEST(DownscaleTest, KeepsAColourThatIsTheSameEverywhere) {
  for (const int value : {0, 1, 127, 254, 255}) {
    const std::vector<std::uint8_t> pixels(40 * 50, static_cast<std::uint8_t>(value));
    const PixelView whole{pixels.data(), {40, 50}, 1, 50};
    for (const std::uint8_t byte : downscale(whole, {7, 13}, {40, 50})) ASSERT_EQ(byte, value);
  }
}

}  // namespace
}  // namespace glow::data::downscale_test
