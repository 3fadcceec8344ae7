// The model is a probability density: its integral over R^D is 1, and the sum of the probabilities of all images equals
// the share of the model's samples inside the cube [-1/2, 1/2)^D.

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::glow_density_test {
namespace {

using glow::testing::kCaseName;
using glow::testing::random_model;
using glow::testing::random_normal;

/// The mean of independent values and its standard error.
struct Estimate {
  double mean;
  double standard_error;
};

Estimate estimate(const torch::Tensor& values) {
  return {values.mean().item<double>(), values.std().item<double>() / std::sqrt(static_cast<double>(values.numel()))};
}

/// A multivariate Student distribution with 4 degrees of freedom: its tails decay as a power, more slowly than a
/// flow's.
class WideProposal {
 public:
  /// Fitted to `points` [M, D], and wider. The choice of points affects the speed of convergence of the integral, not
  /// its limit.
  explicit WideProposal(const torch::Tensor& points)
      : dimensions_(points.size(1)), mean_(points.mean(0)), cholesky_(at::linalg_cholesky(points.t().cov()) * kWidth) {}

  torch::Tensor draw(std::int64_t count, std::uint64_t seed) const {
    const auto chi_squared = random_normal({count, kFreedom}, seed).square().sum(1, /*keepdim=*/true);
    const auto student = random_normal({count, dimensions_}, seed + 1) * (kFreedom / chi_squared).sqrt();
    return mean_ + student.matmul(cholesky_.t());
  }

  /// [M, D] -> [M]
  torch::Tensor log_density(const torch::Tensor& points) const {
    const auto d = static_cast<double>(dimensions_);
    const auto student = (points - mean_).matmul(at::linalg_inv(cholesky_).t());
    const double constant =
        std::lgamma((kFreedom + d) / 2) - std::lgamma(kFreedom / 2.0) - d / 2 * std::log(kFreedom * std::numbers::pi);
    const auto tails = (student.square().sum(1) / kFreedom).log1p() * ((kFreedom + d) / 2);
    return constant - cholesky_.diagonal().log().sum() - tails;
  }

 private:
  static constexpr int kFreedom = 4;
  static constexpr double kWidth = 1.2;
  std::int64_t dimensions_;
  torch::Tensor mean_;
  torch::Tensor cholesky_;
};

class DensityTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  /// bool [N]: x is outside the support of the density. RealNVP's support is the range of its inverse logit transform.
  static torch::Tensor outside(const torch::Tensor& x) {
    if (GetParam().family != Family::kRealNVP) return torch::zeros({x.size(0)}, torch::kBool);
    return x.flatten(1).le(-0.5 - 0.05 / 0.95).logical_or(x.flatten(1).ge(0.5)).any(1);
  }
};

TEST_P(DensityTest, IntegratesToOne) {
  const torch::NoGradGuard no_grad;
  constexpr std::int64_t kPoints = 100000;
  const auto model = random_model(GetParam(), 3);
  const auto labels = [&](std::int64_t count) {
    return GetParam().num_classes > 0 ? torch::full({count}, 1, torch::kLong) : torch::Tensor();
  };
  const auto log_prob = [&](const torch::Tensor& x) {
    std::vector<torch::Tensor> parts;
    for (const auto& part : x.split(4000)) parts.push_back(model->evaluate(part, labels(part.size(0))).log_prob);
    return at::cat(parts).masked_fill(outside(x), -INFINITY);
  };
  const WideProposal proposal(model->sample(5000, {.seed = 9, .labels = labels(5000)}).flatten(1));
  const auto points = proposal.draw(kPoints, 10);
  const auto x = points.view({kPoints, GetParam().channels, GetParam().height, GetParam().width});
  const auto [integral, error] = estimate((log_prob(x) - proposal.log_density(points)).exp());
  EXPECT_LT(error, 0.01);
  EXPECT_NEAR(integral, 1, 4 * error);
}

std::vector<GlowOptions> integrable() {
  GlowOptions small{.channels = 1, .height = 2, .width = 2, .levels = 1, .depth = 2, .hidden_width = 8};
  GlowOptions split{.channels = 1, .height = 4, .width = 4, .levels = 2, .depth = 1, .hidden_width = 8};
  std::vector<GlowOptions> all{small, split};
  for (auto options : {small, split}) {
    options.permutation = PermutationKind::kLU;
    options.coupling = CouplingKind::kAdditive;
    all.push_back(options);
    options.permutation = PermutationKind::kShuffle;
    options.coupling = CouplingKind::kAffine;
    options.edge_bias = false;
    options.num_classes = 2;
    all.push_back(options);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, DensityTest, ::testing::ValuesIn(integrable()), kCaseName);

std::vector<GlowOptions> integrable_families() {
  std::vector<GlowOptions> all;
  for (auto options : glow::testing::other_families()) {
    options.channels = 1;
    options.height = options.width = 2;
    options.levels = 1;
    all.push_back(options);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(OtherFamilies, DensityTest, ::testing::ValuesIn(integrable_families()), [](const auto& test) {
  return glow::testing::case_name(test.param) + "_" + std::to_string(test.index);
});

class ImageProbabilityTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  /// All n^4 images of 2x2 pixels, one byte of every bin.
  torch::Tensor all_images(const Quantizer& quantizer) const {
    const auto n = quantizer.bins();
    std::vector<torch::Tensor> pixels;
    const auto number = torch::arange(n * n * n * n, torch::kLong);
    for (std::int64_t place = 1; pixels.size() < 4; place *= n) {
      pixels.push_back(number.div(place, "floor").remainder(n) * (256 / n));
    }
    return at::stack(pixels, 1).view({-1, 1, 2, 2}).to(torch::kByte);
  }
};

TEST_P(ImageProbabilityTest, SumOverAllImagesEqualsFractionOfSamplesInTheCube) {
  const torch::NoGradGuard no_grad;
  const GlowOptions options{
      .channels = 1, .height = 2, .width = 2, .bits = GetParam(), .levels = 1, .depth = 2, .hidden_width = 8};
  auto model = random_model(options, 4);
  const auto& quantizer = model->quantizer();
  const auto images = all_images(quantizer);
  model->initialize(quantizer.dequantize(images.repeat({64, 1, 1, 1}), 0, {.dtype = torch::kDouble}));

  const auto samples = model->sample(60000, {.seed = 11}).flatten(1);
  const auto [share, share_error] = estimate(samples.ge(-0.5).logical_and(samples.lt(0.5)).all(1).to(torch::kDouble));

  // P(image) is the mean of 2^(-D bits/dim) over uniform points of the image's bins.
  const auto draws = 60000 / images.size(0);
  std::vector<torch::Tensor> sums;
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    const auto x = quantizer.dequantize(images, draw, {.seed = 12, .dtype = torch::kDouble});
    const auto bits = quantizer.bits_per_dim(model->log_prob(x)) * static_cast<double>(options.dimensions());
    sums.push_back(at::exp2(-bits).sum());
  }
  const auto [sum, sum_error] = estimate(at::stack(sums));

  EXPECT_GT(share, 0.3);  // neither bound is close to 0 or 1, where the test would be weak
  EXPECT_LT(share, 0.9);
  EXPECT_LT(share_error + sum_error, 0.02 * share);
  EXPECT_NEAR(sum, share, 4 * std::hypot(share_error, sum_error));
}

INSTANTIATE_TEST_SUITE_P(Bits, ImageProbabilityTest, ::testing::Values(1, 2));

}  // namespace
}  // namespace glow::nn::glow_density_test
