#include <glow/evaluate/ood.h>

#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/image.h>

#include "support/pictures.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::evaluate::ood_test {
namespace {

using glow::testing::make_picture;
using glow::testing::random_normal;
using glow::testing::throws;

torch::Tensor scores_of(const std::vector<double>& scores) { return at::tensor(scores, at::kDouble); }

/// The AUROC by comparing all pairs.
double brute_force(const torch::Tensor& inside, const torch::Tensor& outside) {
  double sum = 0;
  for (std::int64_t i = 0; i < inside.numel(); ++i) {
    for (std::int64_t j = 0; j < outside.numel(); ++j) {
      const auto in = inside[i].item<double>(), out = outside[j].item<double>();
      sum += out > in ? 1 : out == in ? 0.5 : 0;
    }
  }
  return sum / static_cast<double>(inside.numel() * outside.numel());
}

/// The unbiased variance, over the members of one set, of the AUROC of a member against the other set.
double variance_of_members(const torch::Tensor& members, const torch::Tensor& others, bool members_are_outside) {
  std::vector<double> each;
  for (std::int64_t i = 0; i < members.numel(); ++i) {
    const auto one = members.narrow(0, i, 1);
    each.push_back(members_are_outside ? brute_force(others, one) : brute_force(one, others));
  }
  double mean = 0, sum = 0;
  for (const double value : each) mean += value / static_cast<double>(each.size());
  for (const double value : each) sum += (value - mean) * (value - mean);
  return sum / static_cast<double>(each.size() - 1);
}

TEST(Auroc, EqualsTheFractionOfCorrectlyOrderedPairs) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    // Rounded to quarters, so that there are many ties.
    const auto inside = (random_normal({37}, seed) * 4).round() / 4;
    const auto outside = ((random_normal({23}, seed + 100) + 0.5) * 4).round() / 4;
    const auto result = auroc(inside, outside);
    EXPECT_NEAR(result.value, brute_force(inside, outside), 1e-14);
    const auto variance =
        variance_of_members(outside, inside, true) / 23 + variance_of_members(inside, outside, false) / 37;
    EXPECT_NEAR(result.standard_error, std::sqrt(variance), 1e-12);
    EXPECT_NEAR(auroc(outside, inside).value, 1 - result.value, 1e-14);
  }
}

TEST(Auroc, IsExactForSeparatedSets) {
  const auto low = scores_of({1, 2, 3}), high = scores_of({4, 5});
  EXPECT_EQ(auroc(low, high).value, 1);
  EXPECT_EQ(auroc(low, high).standard_error, 0);
  EXPECT_EQ(auroc(high, low).value, 0);
  EXPECT_EQ(auroc(low, low).value, 0.5);
  EXPECT_EQ(auroc(scores_of({7, 7}), scores_of({7, 7, 7})).value, 0.5);
  EXPECT_EQ(auroc(low, scores_of({HUGE_VAL, 0})).value, 0.5);
}

TEST(Auroc, StandardErrorIsNaNForASingleScore) {
  EXPECT_TRUE(std::isnan(auroc(scores_of({1}), scores_of({2, 3})).standard_error));
}

TEST(Auroc, RefusesEmptySetsAndNaN) {
  const auto some = scores_of({1, 2});
  EXPECT_TRUE(throws<NumericalError>([&] { auroc(some, scores_of({1, std::nan("")})); }, {"outside", "NaN"}));
  EXPECT_TRUE(throws<NumericalError>([&] { auroc(scores_of({std::nan("")}), some); }, {"inside", "NaN"}));
  EXPECT_TRUE(throws<ShapeError>([&] { auroc(some, at::empty({0}, at::kDouble)); }, {"auroc", "[0]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { auroc(some.view({1, 2}), some); }, {"auroc", "[1, 2]"}));
}

/// uint8 [1, C, H, W] of a picture.
torch::Tensor bytes_of(io::Image picture) {
  const auto [height, width, channels] = picture.shape;
  return at::from_blob(picture.pixels.data(), {1, height, width, channels}, at::kByte)
      .permute({0, 3, 1, 2})
      .clone(at::MemoryFormat::Contiguous);
}

TEST(PngBitsPerDim, EqualsTheSizeOfThePngFile) {
  for (const int channels : {1, 2, 3, 4}) {
    const auto noise = make_picture(8, 12, channels);
    const auto expected = 8.0 * static_cast<double>(io::encode_png(noise).size()) / (8 * 12 * channels);
    EXPECT_EQ(png_bits_per_dim(bytes_of(noise), 8).item<double>(), expected) << channels;
  }
}

TEST(PngBitsPerDim, FlatImagesTakeLessThanNoise) {
  const auto noise = bytes_of(make_picture(16, 16, 5));
  const auto both = png_bits_per_dim(at::cat({at::full_like(noise, 77), noise}), 8);
  EXPECT_LT(both[0].item<double>(), 2);
  EXPECT_GT(both[1].item<double>(), 8);
}

TEST(PngBitsPerDim, UsesOnlyTheBitsOfTheModel) {
  const auto noise = bytes_of(make_picture(16, 16, 3));
  const auto coarse = noise.bitwise_and(0xe0);
  EXPECT_EQ(png_bits_per_dim(noise, 3).item<double>(), png_bits_per_dim(coarse, 3).item<double>());
  EXPECT_LT(png_bits_per_dim(noise, 3).item<double>(), png_bits_per_dim(noise, 8).item<double>() - 3);
}

TEST(PngBitsPerDim, RefusesInvalidTensorsAndBits) {
  EXPECT_TRUE(throws<ShapeError>([] { png_bits_per_dim(at::zeros({1, 4, 4}, at::kByte), 8); }, {"[1, 4, 4]"}));
  EXPECT_TRUE(throws<ConfigError>([] { png_bits_per_dim(at::zeros({1, 1, 4, 4}, at::kByte), 9); }, {"bits", "9"}));
}

}  // namespace
}  // namespace glow::evaluate::ood_test
