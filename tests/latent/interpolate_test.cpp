#include <glow/latent/interpolate.h>

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/latent/arrange.h>

#include "support/latents.h"
#include "support/throws.h"

namespace glow::latent::interpolate_test {
namespace {

using glow::testing::close;
using glow::testing::equal;
using glow::testing::norms;
using glow::testing::random_latents;
using glow::testing::small_options;
using glow::testing::throws;

constexpr auto kSpherical = InterpolationKind::kSpherical;
constexpr auto kLinear = InterpolationKind::kLinear;

/// Angle between the latents of each image, [N].
torch::Tensor angle(const nn::Latents& one, const nn::Latents& other) {
  const auto cosine = (nn::flatten(one) * nn::flatten(other)).sum(1) / (norms(one) * norms(other));
  return cosine.clamp(-1, 1).acos();
}

nn::Latents negative(const nn::Latents& latents) {
  auto result = latents;
  for (auto& eps : result.eps) eps = -eps;
  return result;
}

class InterpolationKinds : public ::testing::TestWithParam<InterpolationKind> {};

TEST_P(InterpolationKinds, EndsEqualTheImagesBitForBit) {
  const auto from = random_latents(3, 1), to = random_latents(3, 2);
  EXPECT_TRUE(equal(interpolate(from, to, 0, GetParam()), from));
  EXPECT_TRUE(equal(interpolate(from, to, 1, GetParam()), to));
}

TEST_P(InterpolationKinds, ReversedPathIsTheSame) {
  const auto from = random_latents(2, 1, torch::kDouble), to = random_latents(2, 2, torch::kDouble);
  EXPECT_TRUE(close(nn::flatten(interpolate(from, to, 0.3, GetParam())),
                    nn::flatten(interpolate(to, from, 0.7, GetParam())), 1e-12));
}

TEST_P(InterpolationKinds, PathFromAnImageToItselfIsConstant) {
  const auto image = random_latents(2, 1);
  EXPECT_TRUE(close(nn::flatten(interpolate(image, image, 0.4, GetParam())), nn::flatten(image), 1e-6));
}

TEST_P(InterpolationKinds, PathToOrFromZeroIsAStraightLine) {
  const auto image = random_latents(2, 1), zero = scale(image, 0.0);
  EXPECT_TRUE(close(nn::flatten(interpolate(zero, image, 0.25, GetParam())), nn::flatten(image) * 0.25, 1e-6));
  EXPECT_TRUE(close(nn::flatten(interpolate(image, zero, 0.25, GetParam())), nn::flatten(image) * 0.75, 1e-6));
  EXPECT_TRUE(equal(interpolate(zero, zero, 0.25, GetParam()), zero));
}

TEST_P(InterpolationKinds, KeepsDtypeAndShapes) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    const auto middle = interpolate(random_latents(1, 1, dtype), random_latents(1, 2, dtype), 0.5, GetParam());
    EXPECT_EQ(middle.eps[1].scalar_type(), dtype);
    EXPECT_EQ(middle.eps[1].sizes(), torch::IntArrayRef({1, 24, 1, 2}));
  }
}

INSTANTIATE_TEST_SUITE_P(, InterpolationKinds, ::testing::Values(kSpherical, kLinear),
                         [](const auto& test) { return to_string(test.param); });

TEST(Spherical, TurnsAtConstantSpeedAndInterpolatesTheNorm) {
  const auto from = random_latents(4, 1, torch::kDouble), to = scale(random_latents(4, 2, torch::kDouble), 2.0);
  for (const double position : {0.1, 0.5, 0.8}) {
    const auto point = interpolate(from, to, position, kSpherical);
    EXPECT_TRUE(close(norms(point), norms(from) * (1 - position) + norms(to) * position, 1e-12));
    EXPECT_TRUE(close(angle(from, point), angle(from, to) * position, 1e-9));
    EXPECT_TRUE(close(angle(point, to), angle(from, to) * (1 - position), 1e-9));
  }
}

TEST(Linear, ShrinksTheNormInTheMiddle) {
  const auto from = random_latents(8, 1), to = random_latents(8, 2);
  const auto shorter = (norms(from) + norms(to)) / 2;
  EXPECT_TRUE(norms(interpolate(from, to, 0.5, kLinear)).lt(0.85 * shorter).all().item<bool>());
  EXPECT_TRUE(close(norms(interpolate(from, to, 0.5, kSpherical)), shorter, 1e-6));
  EXPECT_TRUE(close(nn::flatten(interpolate(from, to, 0.25, kLinear)),
                    nn::flatten(from) * 0.75 + nn::flatten(to) * 0.25, 1e-6));
}

TEST(Spherical, IsAccurateForNearlyEqualDirections) {
  const auto from = random_latents(3, 1, torch::kDouble);
  auto to = from;
  for (auto& eps : to.eps) eps = eps * 1.5;
  const auto other = random_latents(3, 2, torch::kDouble);
  for (std::size_t l = 0; l < to.eps.size(); ++l) to.eps[l] = to.eps[l] + other.eps[l] * 1e-9;
  const auto middle = interpolate(from, to, 0.5, kSpherical);
  EXPECT_TRUE(close(nn::flatten(middle), nn::flatten(from) * 0.5 + nn::flatten(to) * 0.5, 1e-9));
}

TEST(Spherical, PathBetweenOppositeDirectionsIsDeterministicAndKeepsTheNorm) {
  const auto from = random_latents(3, 1, torch::kDouble), to = negative(from);
  for (const double position : {0.25, 0.5, 0.75}) {
    const auto point = interpolate(from, to, position, kSpherical);
    EXPECT_TRUE(close(norms(point), norms(from), 1e-12));
    EXPECT_TRUE(close(angle(from, point), torch::full({3}, position * std::numbers::pi, torch::kDouble), 1e-9));
    EXPECT_TRUE(equal(point, interpolate(from, to, position, kSpherical)));
  }
}

TEST(Path, ContainsEachImageOnceBitForBit) {
  const auto images = random_latents(3, 1);
  const LatentPath path(images, {.points = 5, .middle_temperature = 0.7});
  ASSERT_EQ(path.size(), 9);
  const auto points = path.points(0, 9);
  for (const std::int64_t i : {0, 1, 2}) EXPECT_TRUE(equal(narrow(points, 4 * i, 1), narrow(images, i, 1))) << i;
  for (const std::int64_t i : {1, 2, 3, 5, 6, 7}) {
    EXPECT_FALSE(equal(narrow(points, i, 1), narrow(points, i - 1, 1))) << i;
  }
}

TEST(Path, PointsDoNotDependOnTheRange) {
  const LatentPath path(random_latents(3, 1), {.points = 4, .closed = true});
  ASSERT_EQ(path.size(), 10);
  EXPECT_TRUE(equal(concatenate({path.points(0, 3), path.points(3, 6), path.points(9, 1)}), path.points(0, 10)));
}

TEST(Path, ClosedPathReturnsToItsStart) {
  const auto images = random_latents(3, 1);
  const LatentPath path(images, {.points = 3, .closed = true});
  ASSERT_EQ(path.size(), 7);
  EXPECT_TRUE(equal(path.points(6, 1), narrow(images, 0, 1)));
  EXPECT_TRUE(equal(path.points(5, 1), interpolate(narrow(images, 2, 1), narrow(images, 0, 1), 0.5)));
}

TEST(Path, TemperatureIsSmoothAndStrongestInTheMiddle) {
  const auto images = random_latents(2, 1, torch::kDouble);
  const std::int64_t points = 101;
  const auto plain = LatentPath(images, {.points = points}).points(0, points);
  const auto cold = LatentPath(images, {.points = points, .middle_temperature = {0.5, 0.8}}).points(0, points);
  const auto factor = [&](std::size_t level) {
    return cold.eps[level].flatten(1).norm(2, {1}) / plain.eps[level].flatten(1).norm(2, {1});
  };
  for (const std::size_t level : {0, 1}) {
    const double middle = level == 0 ? 0.5 : 0.8;
    const auto factors = factor(level);
    EXPECT_NEAR(factors[50].item<double>(), middle, 1e-12);
    EXPECT_EQ(factors[0].item<double>(), 1);
    EXPECT_EQ(factors[100].item<double>(), 1);
    // Flat at both ends, and nowhere steeper than a sine of this height.
    const auto steps = factors.slice(0, 1).sub(factors.slice(0, 0, 100)).abs();
    EXPECT_LT(steps[0].item<double>(), 1e-3 * (1 - middle) * 1.1);
    EXPECT_LT(steps.max().item<double>(), (1 - middle) * std::numbers::pi / 100);
    EXPECT_TRUE(close(factors, factors.flip(0), 1e-12));
  }
}

TEST(InterpolateErrors, NameTheInvalidArgument) {
  const auto two = random_latents(2, 1);
  EXPECT_TRUE(throws<ShapeError>([&] { interpolate(two, random_latents(3, 1), 0.5); }, {"different shapes"}));
  EXPECT_TRUE(throws<ConfigError>([&] { interpolate(two, two, 1.5); }, {"position", "1.5"}));
  EXPECT_TRUE(throws<ConfigError>([&] { interpolate(two, two, std::nan("")); }, {"position", "nan"}));
  EXPECT_TRUE(throws<ConfigError>([&] { LatentPath(random_latents(1, 1), {}); }, {"images", "at least 2", "got 1"}));
  EXPECT_TRUE(throws<ConfigError>([&] { LatentPath(two, {.points = 1}); }, {"points: ", "got 1"}));
  const PathOptions three_levels{.middle_temperature = {1, 1, 1}};
  EXPECT_TRUE(throws<ConfigError>([&] { LatentPath(two, three_levels); }, {"middle_temperature: ", "2 levels"}));
  EXPECT_TRUE(throws<ShapeError>([&] { LatentPath(two, {.points = 3}).points(1, 3); }, {"points 1 to 3 of 3"}));
  InterpolationKind kind{};
  EXPECT_TRUE(throws<ConfigError>([&] { from_string("cubic", kind); }, {"kind", "cubic", "spherical, linear"}));
}

TEST(ArrangeErrors, NameTheInvalidArgument) {
  const auto two = random_latents(2, 1);
  EXPECT_TRUE(throws<ShapeError>([&] { narrow(two, 1, 2); }, {"images 1 to 2 of 2"}));
  EXPECT_TRUE(throws<ShapeError>([&] { count({}); }, {"at least one level"}));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        count({{two.eps[0], two.eps[1].narrow(0, 0, 1)}});
      },
      {"one N", "[1, 24, 1, 2]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { concatenate({}); }, {"at least one part"}));
  EXPECT_TRUE(throws<ShapeError>([&] { concatenate({two, {{two.eps[0]}}}); }, {"different shapes"}));
  EXPECT_TRUE(throws<ConfigError>([&] { scale(two, {1, 1, 1}); }, {"temperature", "2 levels"}));
}

}  // namespace
}  // namespace glow::latent::interpolate_test
