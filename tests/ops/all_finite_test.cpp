#include "ops/all_finite.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace glow::ops::all_finite_test {
namespace {

constexpr auto kInfinity = std::numeric_limits<double>::infinity();
constexpr auto kNaN = std::numeric_limits<double>::quiet_NaN();

class AllFinite : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  /// The operation of LibTorch.
  static bool expected(const at::Tensor& x) { return x.isfinite().all().item<bool>(); }
};

TEST_P(AllFinite, FindsEachNumber) {
  for (const std::int64_t count : {1, 2, 7, 64, 67}) {
    for (std::int64_t place = 0; place < count; ++place) {
      for (const double value : {kInfinity, -kInfinity, kNaN, -kNaN, 0., -0., 6e4, -6e-8}) {
        const auto x = at::ones({count}, GetParam());
        x[place] = value;
        EXPECT_EQ(all_finite(x), expected(x)) << value << " at " << place << " of " << count;
      }
    }
  }
}

TEST_P(AllFinite, AcceptsTheLargestAndSmallestNumbers) {
  const auto limits = at::tensor({3.4028234e38, -3.4028234e38, 1.2e-38, 1e-45}).to(GetParam());
  EXPECT_EQ(all_finite(limits), expected(limits));
  EXPECT_TRUE(all_finite(at::empty({0, 3}, GetParam())));
}

TEST_P(AllFinite, ReadsAnyLayout) {
  const auto x = at::ones({2, 3, 4, 5}, GetParam());
  x[1][2][3][4] = kNaN;
  EXPECT_FALSE(all_finite(x.contiguous(at::MemoryFormat::ChannelsLast)));
  EXPECT_FALSE(all_finite(x.slice(3, 0, 5, 2)));
  EXPECT_TRUE(all_finite(x.slice(3, 1, 5, 2)));
  EXPECT_TRUE(all_finite(x.narrow(0, 0, 1)));
  EXPECT_FALSE(all_finite(x[1][2][3][4].expand({7, 2})));
}

INSTANTIATE_TEST_SUITE_P(Types, AllFinite, ::testing::Values(at::kFloat, at::kDouble, at::kHalf, at::kBFloat16),
                         [](const auto& test) { return std::string(c10::toString(test.param)); });

TEST(AllFinite, IntegersAre) { EXPECT_TRUE(all_finite(at::tensor({-1, 0, 5}, at::kLong))); }

}  // namespace
}  // namespace glow::ops::all_finite_test
