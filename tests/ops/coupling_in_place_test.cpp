#include "ops/coupling_in_place.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/tensors.h"

namespace glow::ops::coupling_in_place_test {
namespace {

using glow::testing::close;
using glow::testing::random_normal;

/// The loops against the transform that autograd sees through.
/// In the memory format that has no loops too: what every other device does.
class CouplingInPlaceTest : public ::testing::TestWithParam<std::tuple<CouplingKind, at::MemoryFormat>> {
 protected:
  CouplingKind kind() const { return std::get<0>(GetParam()); }
  torch::Tensor random(std::int64_t channels, std::uint64_t seed) const {
    return random_normal({3, channels, 4, 5}, seed).contiguous(std::get<1>(GetParam()));
  }

  torch::Tensor x = random(6, 1);
  /// Scales from next to nothing to next to one.
  torch::Tensor h = random(kind() == CouplingKind::kAffine ? 6 : 3, 2) * 8;
};

TEST_P(CouplingInPlaceTest, GivesWhatTheTransformGives) {
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

TEST_P(CouplingInPlaceTest, GivesTheGradientsOfTheTransform) {
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

INSTANTIATE_TEST_SUITE_P(KindsAndFormats, CouplingInPlaceTest,
                         ::testing::Combine(::testing::Values(CouplingKind::kAdditive, CouplingKind::kAffine),
                                            ::testing::Values(at::MemoryFormat::ChannelsLast,
                                                              at::MemoryFormat::Contiguous)));

}  // namespace
}  // namespace glow::ops::coupling_in_place_test
