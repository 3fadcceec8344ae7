#include <glow/ops/random.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"

namespace glow::ops::random_test {
namespace {

using glow::testing::throws;

// Random123's published known answers (kat_vectors, philox4x32 10): counter and key, lowest word first -> four words. A
// RandomKey and index can address any counter: its upper half is stream and index, its lower half step and block.
struct KnownAnswer {
  std::uint64_t seed;
  std::uint8_t stream;
  std::int64_t index;
  std::int64_t step;
  std::int64_t block;
  std::uint64_t low;
  std::uint64_t high;
};

class RandomIntegersKnownAnswer : public ::testing::TestWithParam<KnownAnswer> {};

TEST_P(RandomIntegersKnownAnswer, IsPhilox4x32With10Rounds) {
  const KnownAnswer& known = GetParam();
  const RandomKey key{.seed = known.seed, .stream = static_cast<Stream>(known.stream), .step = known.step};
  const auto integers = random_integers(key, known.index, 2 * known.block + 2);
  EXPECT_EQ(integers[2 * known.block], known.low);
  EXPECT_EQ(integers[2 * known.block + 1], known.high);
}

INSTANTIATE_TEST_SUITE_P(
    Random123, RandomIntegersKnownAnswer,
    ::testing::Values(KnownAnswer{0, 0, 0, 0, 0, 0xe169c58d'6627e8d5, 0x9b00dbd8'bc57ac4c},
                      // counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0: the digits of pi
                      KnownAnswer{0x299f31d0'a4093822, 0x03, 0x707344'13198a2e, 0x85a308d3'24, 0x3f6a88,
                                  0x94fdcceb'd16cfe09, 0x24126ea1'5001e420}));

TEST(RandomIntegersTest, DependOnSeedStreamStepAndIndex) {
  const std::vector<std::uint64_t> row = random_integers({.seed = 1, .stream = Stream::kShuffle, .step = 2}, 3, 8);
  EXPECT_EQ(row, random_integers({.seed = 1, .stream = Stream::kShuffle, .step = 2}, 3, 8));
  EXPECT_NE(row, random_integers({.seed = 2, .stream = Stream::kShuffle, .step = 2}, 3, 8));
  EXPECT_NE(row, random_integers({.seed = 1, .stream = Stream::kSample, .step = 2}, 3, 8));
  EXPECT_NE(row, random_integers({.seed = 1, .stream = Stream::kShuffle, .step = 3}, 3, 8));
  EXPECT_NE(row, random_integers({.seed = 1, .stream = Stream::kShuffle, .step = 2}, 4, 8));
}

class RandomPermutationTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(RandomPermutationTest, ContainsEveryNumberOnce) {
  std::vector<std::int64_t> expected(static_cast<std::size_t>(GetParam()));
  std::iota(expected.begin(), expected.end(), 0);
  std::vector<std::int64_t> order = random_permutation({.seed = 3}, GetParam());
  if (GetParam() >= 1000) {
    EXPECT_NE(order, expected);
  }
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, expected);
}

// One row of random integers gives 65,536 draws.
INSTANTIATE_TEST_SUITE_P(Sizes, RandomPermutationTest, ::testing::Values(0, 1, 2, 1000, 65536, 65537, 200000));

TEST(RandomPermutationTest, AllPermutationsAreEquallyLikely) {
  constexpr int kDraws = 24000;
  std::map<std::vector<std::int64_t>, int> counts;
  for (int step = 0; step < kDraws; ++step) ++counts[random_permutation({.seed = 5, .step = step}, 4)];
  ASSERT_EQ(counts.size(), 24u);
  double chi_squared = 0;
  for (const auto& [order, count] : counts) chi_squared += std::pow(count - kDraws / 24, 2) / (kDraws / 24);
  EXPECT_LT(chi_squared, 49.7);  // 99.9 % quantile of chi-squared with 23 degrees of freedom
}

// Properties of both uniform and normal.
struct Distribution {
  const char* name;
  torch::Tensor (*draw)(const RandomKey&, const std::vector<std::int64_t>&, std::int64_t, const torch::TensorOptions&);
  double mean;
  double variance;
  double fourth_moment;  // about the mean
  double (*probability_below)(double);
};

const Distribution kUniform{"Uniform", uniform, 0.5, 1.0 / 12, 1.0 / 80, [](double x) { return x; }};
const Distribution kNormal{"Normal", normal, 0.0,
                           1.0,      3.0,    [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }};

class DistributionTest : public ::testing::TestWithParam<std::tuple<Distribution, at::ScalarType>> {
 protected:
  const Distribution& distribution() const { return std::get<0>(GetParam()); }
  torch::Tensor draw(const std::vector<std::int64_t>& indices, std::int64_t count, RandomKey key = {.seed = 7}) const {
    return distribution().draw(key, indices, count, at::TensorOptions(std::get<1>(GetParam())));
  }
};

TEST_P(DistributionTest, RowsDependOnTheirIndexOnly) {
  const torch::Tensor together = draw({5, 0, 123456789, 5}, 101);
  EXPECT_EQ(together.scalar_type(), std::get<1>(GetParam()));
  EXPECT_TRUE(together[0].equal(draw({5}, 101)[0]));
  EXPECT_TRUE(together[2].equal(draw({123456789}, 101)[0]));
  EXPECT_TRUE(together[3].equal(together[0]));
  EXPECT_FALSE(together[1].equal(together[0]));
}

TEST_P(DistributionTest, ShorterRowsArePrefixesOfLongerOnes) {
  const torch::Tensor row = draw({9}, 12)[0];
  for (std::int64_t count = 0; count <= 12; ++count) EXPECT_TRUE(draw({9}, count)[0].equal(row.slice(0, 0, count)));
}

TEST_P(DistributionTest, DoesNotDependOnTheNumberOfThreads) {
  std::vector<std::int64_t> indices(64);
  std::iota(indices.begin(), indices.end(), 0);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const torch::Tensor one = draw(indices, 5000);
  at::set_num_threads(3);
  const torch::Tensor three = draw(indices, 5000);
  at::set_num_threads(threads);
  EXPECT_TRUE(one.equal(three));
}

TEST_P(DistributionTest, HasExpectedMomentsAndNoAutocorrelation) {
  const torch::Tensor values = draw({0, 1, 2, 3}, 1 << 16).to(at::kDouble).flatten() - distribution().mean;
  const double n = static_cast<double>(values.numel());
  const double variance = distribution().variance;
  EXPECT_NEAR(values.mean().item<double>(), 0, 4 * std::sqrt(variance / n));
  EXPECT_NEAR(values.square().mean().item<double>(), variance,
              4 * std::sqrt((distribution().fourth_moment - variance * variance) / n));
  for (const std::int64_t lag : {1, 2, 4, 1 << 16}) {
    const torch::Tensor products = values.slice(0, lag) * values.slice(0, 0, values.numel() - lag);
    EXPECT_NEAR(products.mean().item<double>(), 0, 4 * variance / std::sqrt(static_cast<double>(products.numel())));
  }
}

TEST_P(DistributionTest, MatchesItsCumulativeDistribution) {
  const torch::Tensor sorted = std::get<0>(draw({4}, 1 << 18).to(at::kDouble).flatten().sort());
  const double* values = sorted.data_ptr<double>();
  const double n = static_cast<double>(sorted.numel());
  double largest = 0;
  for (std::int64_t i = 0; i < sorted.numel(); ++i)
    largest =
        std::max(largest, std::abs(distribution().probability_below(values[i]) - (static_cast<double>(i) + 0.5) / n));
  EXPECT_LT(largest * std::sqrt(n), 1.95);  // 99.9 % quantile of Kolmogorov's distribution
}

INSTANTIATE_TEST_SUITE_P(Random, DistributionTest,
                         ::testing::Combine(::testing::Values(kUniform, kNormal),
                                            ::testing::Values(at::kFloat, at::kDouble)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + c10::toString(std::get<1>(test.param));
                         });

TEST(UniformTest, Float32IsTheFloat64NumberRoundedDown) {
  const RandomKey key{.seed = 11};
  const torch::Tensor exact = uniform(key, {0}, 1 << 20, at::kDouble);
  const torch::Tensor rounded = uniform(key, {0}, 1 << 20, at::kFloat).to(at::kDouble);
  EXPECT_TRUE((exact >= 0).all().item<bool>());
  EXPECT_TRUE((exact * 0x1p32).frac().eq(0).all().item<bool>());
  EXPECT_TRUE((rounded <= exact).all().item<bool>());
  EXPECT_TRUE((exact - rounded < exact * 0x1p-23).logical_or(exact == rounded).all().item<bool>());
  EXPECT_LT(rounded.max().item<double>(), 1.0);
}

struct BadCall {
  std::function<void()> call;
  const char* what;
  const char* value;
};

class RandomErrors : public ::testing::TestWithParam<BadCall> {};

TEST_P(RandomErrors, NameTheArgumentOutOfRange) {
  EXPECT_TRUE(throws<ConfigError>(GetParam().call, {GetParam().what, GetParam().value}));
}

INSTANTIATE_TEST_SUITE_P(
    Random, RandomErrors,
    ::testing::Values(BadCall{[] { random_integers({}, -1, 1); }, "index", "-1"},
                      BadCall{[] { random_integers({}, std::int64_t{1} << 56, 1); }, "index", "72057594037927936"},
                      BadCall{[] { random_integers({}, 0, (std::int64_t{1} << 25) + 1); }, "count", "33554433"},
                      BadCall{[] { random_integers({.step = std::int64_t{1} << 40}, 0, 1); }, "step", "1099511627776"},
                      BadCall{[] { uniform({.step = -1}, {0}, 1, at::kFloat); }, "step", "-1"},
                      BadCall{[] { uniform({}, {-2}, 1, at::kFloat); }, "index", "-2"},
                      BadCall{[] { random_rows({}, {-3}); }, "index", "-3"},
                      BadCall{[] { normal({}, {0}, (std::int64_t{1} << 26) + 1, at::kFloat); }, "count", "67108865"},
                      BadCall{[] { normal({}, {0}, 1, at::kBFloat16); }, "float32 or float64", "BFloat16"},
                      BadCall{[] { random_permutation({}, -1); }, "permutation size", "-1"}));

TEST(RandomRows, GiveTheUniformNumbersOfTheirKey) {
  const RandomKey key{.seed = 5, .stream = Stream::kDequantisation, .step = 2};
  EXPECT_TRUE(uniform(random_rows(key, {4, 1}), 7, at::kFloat).equal(uniform(key, {4, 1}, 7, at::kFloat)));
  EXPECT_EQ(uniform(random_rows(key, {}), 7, at::kFloat).sizes(), torch::IntArrayRef({0, 7}));
  for (const auto& rows : {at::zeros({2, 2}, at::kLong), at::zeros({3}, at::kLong), at::zeros({2, 3}, at::kDouble),
                           at::zeros({3, 2}, at::kLong).t()}) {
    EXPECT_TRUE(throws<ShapeError>([&] { uniform(rows, 1, at::kFloat); }, {"random_rows"}));
  }
}

}  // namespace
}  // namespace glow::ops::random_test
