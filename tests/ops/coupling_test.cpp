#include "ops/coupling.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/finite_differences.h"
#include "support/jacobian.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::ops::coupling_test {
namespace {

using glow::testing::close;
using glow::testing::jacobian_log_det;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::throws;

struct Case {
  CouplingKind kind;
  std::int64_t channels;
};

class CouplingTransformTest : public ::testing::TestWithParam<Case> {
 protected:
  CouplingKind kind() const { return GetParam().kind; }
  bool affine() const { return kind() != CouplingKind::kAdditive; }
  torch::Tensor random_x(std::int64_t count = 3) const { return random_normal({count, GetParam().channels, 3, 2}, 1); }
  /// Spread widely, so that the scales range from almost 0 to almost 1.
  torch::Tensor random_h(std::int64_t count = 3) const {
    return random_normal({count, affine() ? GetParam().channels : GetParam().channels / 2, 3, 2}, 2) *
           (kind() == CouplingKind::kAffineExp ? 0.5 : 3);
  }
};

TEST_P(CouplingTransformTest, MatchesTheFormula) {
  const auto x = random_x(), h = random_h();
  const auto half = x.size(1) / 2;
  const auto x2 = x.narrow(1, half, half);
  const auto result = couple(kind(), x, h);
  EXPECT_TRUE(result.y.narrow(1, 0, half).equal(x.narrow(1, 0, half)));
  const auto y2 = result.y.narrow(1, half, half);
  if (affine()) {
    const auto shift = h.narrow(1, 0, half), r = h.narrow(1, half, half);
    const bool sigmoid = kind() == CouplingKind::kAffine;
    const auto scale = sigmoid ? 1 / (1 + (-r - 2).exp()) : r.exp();
    EXPECT_TRUE(close(y2, sigmoid ? (x2 + shift) * scale : x2 * scale + shift, 1e-13));
    EXPECT_TRUE(close(result.log_det, scale.log().sum({1, 2, 3}), 1e-12));
  } else {
    EXPECT_TRUE(close(y2, x2 + h, 1e-15));
    EXPECT_FALSE(result.log_det.defined());
  }
}

TEST_P(CouplingTransformTest, UncoupleInvertsCouple) {
  const auto x = random_x(), h = random_h();
  EXPECT_TRUE(close(uncouple(kind(), couple(kind(), x, h).y, h), x, 1e-10));
  EXPECT_TRUE(close(couple(kind(), uncouple(kind(), x, h), h).y, x, 1e-10));
}

TEST_P(CouplingTransformTest, LogDetEqualsJacobianLogDet) {
  // h depends on the first half, as in a coupling layer, so that the Jacobian has entries off its diagonal.
  const auto half = GetParam().channels / 2;
  const auto h_of = [&](const torch::Tensor& x) {
    const auto x1 = x.narrow(1, 0, half).sin() * 2;
    return affine() ? at::cat({x1, x1.flip({2}) - 1}, 1) : x1;
  };
  const auto x = random_x();
  const auto expected = jacobian_log_det([&](const torch::Tensor& z) { return couple(kind(), z, h_of(z)).y; }, x);
  const auto log_det = couple(kind(), x, h_of(x)).log_det;
  EXPECT_TRUE(close(affine() ? log_det : torch::zeros(3, torch::kDouble), expected, 1e-8));
}

TEST_P(CouplingTransformTest, DoesNotDependOnTheMemoryFormat) {
  const auto x = random_x(), h = random_h();
  const auto plain = couple(kind(), x, h);
  const auto format = at::MemoryFormat::ChannelsLast;
  const auto other = couple(kind(), x.contiguous(format), h.contiguous(format));
  EXPECT_TRUE(close(other.y, plain.y, 1e-15));
  if (affine()) {
    EXPECT_TRUE(close(other.log_det, plain.log_det, 1e-14));
  }
  EXPECT_TRUE(close(uncouple(kind(), x.contiguous(format), h), uncouple(kind(), x, h), 1e-15));
}

TEST_P(CouplingTransformTest, GradientsMatchFiniteDifferences) {
  const auto x = random_x().requires_grad_(), h = random_h().requires_grad_();
  const auto forward = [&] {
    const auto result = couple(kind(), x, h);
    const auto value = result.y.square().mean();
    return affine() ? value + result.log_det.mean() : value;
  };
  const auto backward = [&] { return uncouple(kind(), x, h).square().mean(); };
  for (const std::function<torch::Tensor()>& function : {std::function<torch::Tensor()>(forward), {backward}}) {
    x.mutable_grad() = h.mutable_grad() = torch::Tensor();
    function().backward();
    EXPECT_TRUE(matches_finite_differences(function, x, x.grad(), 12));
    EXPECT_TRUE(matches_finite_differences(function, h, h.grad(), 12));
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, CouplingTransformTest,
                         ::testing::Values(Case{CouplingKind::kAdditive, 2}, Case{CouplingKind::kAdditive, 10},
                                           Case{CouplingKind::kAffine, 2}, Case{CouplingKind::kAffine, 10},
                                           Case{CouplingKind::kAffineExp, 2}, Case{CouplingKind::kAffineExp, 10}));

TEST(AffineCouplingTest, LogDetStaysFiniteWhereTheScaleUnderflows) {
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    const auto x = torch::ones({1, 2, 1, 1}, dtype);
    const auto r = [&](double value) { return torch::tensor({0.0, value}, dtype).view({1, 2, 1, 1}); };
    EXPECT_TRUE(close(couple(CouplingKind::kAffine, x, r(-1000)).log_det, torch::tensor({-998.0}), 1e-6));
    EXPECT_EQ(couple(CouplingKind::kAffine, x, r(1000)).log_det.item<double>(), 0.0);
    EXPECT_TRUE(couple(CouplingKind::kAffine, x, r(1000)).y.equal(x));
  }
}

TEST(AffineCouplingTest, ScaleOfZeroOutputIsSigmoidTwo) {
  const auto x = torch::ones({1, 2, 1, 1}, torch::kDouble);
  const auto y = couple(CouplingKind::kAffine, x, torch::zeros_like(x)).y;
  EXPECT_NEAR(y[0][1][0][0].item<double>(), 1 / (1 + std::exp(-2.0)), 1e-15);
}

/// Compares the transforms in place with the differentiable ones: in channels_last, for which the affine coupling has
/// its own loops, and in the layout in which all kinds use their differentiable functions.
class CouplingInPlaceTest : public ::testing::TestWithParam<std::tuple<CouplingKind, at::MemoryFormat>> {
 protected:
  CouplingKind kind() const { return std::get<0>(GetParam()); }
  torch::Tensor random(std::int64_t channels, std::uint64_t seed) const {
    return random_normal({3, channels, 4, 5}, seed).contiguous(std::get<1>(GetParam()));
  }

  torch::Tensor x = random(6, 1);
  /// Scales from almost 0 to almost 1.
  torch::Tensor h = random(coupling_outputs(kind(), 6), 2) * (kind() == CouplingKind::kAffineExp ? 1 : 8);
};

TEST_P(CouplingInPlaceTest, EqualsTheOutOfPlaceTransform) {
  const auto expected = couple(kind(), x, h);
  auto y = x.clone();
  const auto log_det = couple_(kind(), y, h);
  EXPECT_TRUE(close(y, expected.y, 1e-14));
  ASSERT_EQ(log_det.defined(), expected.log_det.defined());
  if (log_det.defined()) {
    EXPECT_TRUE(close(log_det, expected.log_det, 1e-13));
  }
  EXPECT_TRUE(close(uncouple(kind(), expected.y, h), x, 1e-10));
  uncouple_(kind(), y, h);
  EXPECT_TRUE(close(y, uncouple(kind(), expected.y, h), 1e-10));
}

TEST_P(CouplingInPlaceTest, BackwardEqualsAutogradOfTheTransform) {
  const auto recorded_x = x.clone().requires_grad_(), recorded_h = h.clone().requires_grad_();
  const auto result = couple(kind(), recorded_x, recorded_h);
  const auto of_y = random(6, 3), of_log_det = random_normal({3}, 4);
  auto loss = (result.y * of_y).sum();
  if (result.log_det.defined()) loss = loss + (result.log_det * of_log_det).sum();
  loss.backward();
  auto gradient = of_y.clone();
  const auto of_h = couple_backward_(kind(), result.y.detach(), h, gradient, of_log_det);
  EXPECT_TRUE(close(gradient, recorded_x.grad(), 1e-13));
  EXPECT_TRUE(close(of_h, recorded_h.grad(), 1e-12));
}

INSTANTIATE_TEST_SUITE_P(
    KindsAndFormats, CouplingInPlaceTest,
    ::testing::Combine(::testing::Values(CouplingKind::kAdditive, CouplingKind::kAffine, CouplingKind::kAffineExp),
                       ::testing::Values(at::MemoryFormat::ChannelsLast, at::MemoryFormat::Contiguous)));

struct BadShapes {
  CouplingKind kind;
  std::vector<std::int64_t> x;
  std::vector<std::int64_t> h;
  const char* expectation;
  const char* seen;
};

class CouplingErrors : public ::testing::TestWithParam<BadShapes> {};

TEST_P(CouplingErrors, StateExpectedAndActualShapes) {
  const auto& bad = GetParam();
  const auto x = torch::zeros(bad.x), h = torch::zeros(bad.h);
  EXPECT_TRUE(throws<ShapeError>([&] { couple(bad.kind, x, h); }, {"coupling", bad.expectation, bad.seen}));
  EXPECT_TRUE(throws<ShapeError>([&] { uncouple(bad.kind, x, h); }, {"coupling", bad.expectation, bad.seen}));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CouplingErrors,
    ::testing::Values(BadShapes{CouplingKind::kAffine, {1, 3, 2, 2}, {1, 3, 2, 2}, "even C", "[1, 3, 2, 2]"},
                      BadShapes{CouplingKind::kAffine, {2, 2, 2}, {1, 2, 2, 2}, "[N, C, H, W]", "[2, 2, 2]"},
                      BadShapes{CouplingKind::kAffine, {1, 4, 2, 2}, {1, 2, 2, 2}, "does not fit", "[1, 2, 2, 2]"},
                      BadShapes{CouplingKind::kAdditive, {1, 4, 2, 2}, {1, 4, 2, 2}, "does not fit", "[1, 4, 2, 2]"},
                      BadShapes{CouplingKind::kAdditive, {1, 4, 2, 2}, {1, 2, 2, 1}, "does not fit", "[1, 2, 2, 1]"},
                      // One row of h would be broadcast silently.
                      BadShapes{CouplingKind::kAdditive, {3, 4, 2, 2}, {1, 2, 2, 2}, "does not fit", "[1, 2, 2, 2]"},
                      BadShapes{CouplingKind::kAffine, {3, 4, 2, 2}, {2, 4, 2, 2}, "does not fit", "[2, 4, 2, 2]"}));

}  // namespace
}  // namespace glow::ops::coupling_test
