#include <glow/nn/quantizer.h>

#include <cmath>
#include <limits>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::quantizer_test {
namespace {

using glow::testing::close;
using glow::testing::throws;

torch::Tensor every_byte() { return torch::arange(256, torch::kLong).to(torch::kByte).view({1, 256}); }

class QuantizerTest : public ::testing::TestWithParam<std::tuple<std::int64_t, torch::Dtype>> {
 protected:
  std::int64_t bits() const { return std::get<0>(GetParam()); }
  torch::Dtype dtype() const { return std::get<1>(GetParam()); }
  double bins() const { return std::pow(2.0, static_cast<double>(bits())); }
  /// Clears the lowest bits of bytes, which the quantizer drops.
  torch::Tensor seen(const torch::Tensor& bytes) const { return bytes.bitwise_and(256 - (256 >> bits())); }
  /// The lower edges of the bins of all bytes.
  torch::Tensor low_edges() const {
    std::vector<double> edges;
    for (int byte = 0; byte < 256; ++byte) edges.push_back(std::floor(byte * bins() / 256) / bins() - 0.5);
    return torch::tensor(edges, torch::kDouble).view({1, 256});
  }
  const Quantizer quantizer{std::get<0>(GetParam()), 12};
};

TEST_P(QuantizerTest, NoiseStaysInItsBin) {
  const auto bytes = every_byte().expand({4000, 256});
  const auto x = quantizer.dequantize(bytes, 0, {.seed = 1, .dtype = dtype()});
  ASSERT_EQ(x.scalar_type(), dtype());
  const auto exact = x.to(torch::kDouble);
  EXPECT_TRUE(exact.ge(low_edges()).all().item<bool>());
  EXPECT_TRUE(exact.lt(low_edges() + 1 / bins()).all().item<bool>());
  EXPECT_TRUE(quantizer.to_bytes(x).equal(seen(bytes)));
}

TEST_P(QuantizerTest, NoiseIsUniformOverItsBin) {
  constexpr std::int64_t kDraws = 1000;
  const auto x = quantizer.dequantize(every_byte().expand({kDraws, 256}), 0, {.seed = 2, .dtype = dtype()});
  const auto u = (x.to(torch::kDouble) - low_edges()) * bins();
  const double count = 256.0 * kDraws;
  EXPECT_NEAR(u.mean().item<double>(), 0.5, 4 * std::sqrt(1 / (12 * count)));
  EXPECT_NEAR((u - 0.5).square().mean().item<double>(), 1.0 / 12, 4 * std::sqrt(1 / (180 * count)));
  const auto sorted = std::get<0>(u.flatten().sort());
  const auto steps = (torch::arange(256 * kDraws, torch::kDouble) + 0.5) / count;
  EXPECT_LT((sorted - steps).abs().max().item<double>() * std::sqrt(count),
            1.95);  // 99.9 % quantile of Kolmogorov's distribution
}

TEST_P(QuantizerTest, CenterIsTheMiddleOfTheBin) {
  const auto x = quantizer.center(every_byte(), dtype());
  ASSERT_EQ(x.scalar_type(), dtype());
  EXPECT_TRUE(x.to(torch::kDouble).equal(low_edges() + 0.5 / bins()));
  EXPECT_TRUE(quantizer.to_bytes(x).equal(seen(every_byte())));
}

TEST_P(QuantizerTest, ToBytesMapsTheWholeBinToItsByte) {
  const auto low = low_edges().to(dtype());
  EXPECT_TRUE(quantizer.to_bytes(low).equal(seen(every_byte())));
  // The largest number below the upper edge.
  const auto high = at::nextafter((low_edges() + 1 / bins()).to(dtype()), torch::full({}, -1.0, dtype()));
  EXPECT_TRUE(quantizer.to_bytes(high).equal(seen(every_byte())));
}

TEST_P(QuantizerTest, ToBytesClampsValuesOutOfRange) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto x = torch::tensor({-kInfinity, -1e30, -0.6, 0.5, 7.0, 1e30, kInfinity, std::nan("")}, torch::kDouble);
  const int top = 256 - (256 >> bits());
  EXPECT_TRUE(quantizer.to_bytes(x.to(dtype()))
                  .equal(torch::tensor({0, 0, 0, top, top, top, top, 0}, torch::kLong).to(torch::kByte)));
}

TEST_P(QuantizerTest, NoiseDoesNotDependOnTheBatch) {
  const auto bytes = (torch::arange(4 * 3 * 2 * 5, torch::kLong) * 37 % 256).to(torch::kByte).view({4, 3, 2, 5});
  const DequantizeOptions options{.seed = 3, .indices = {10, 2, 900, 3}, .dtype = dtype()};
  const auto together = quantizer.dequantize(bytes, 7, options);
  for (std::int64_t i = 0; i < 4; ++i) {
    auto alone = options;
    alone.indices = {options.indices[static_cast<std::size_t>(i)]};
    EXPECT_TRUE(quantizer.dequantize(bytes.narrow(0, i, 1), 7, alone).equal(together.narrow(0, i, 1)));
  }
  EXPECT_TRUE(quantizer.dequantize(bytes.contiguous(at::MemoryFormat::ChannelsLast), 7, options).equal(together));
}

TEST_P(QuantizerTest, NoiseDependsOnSeedDrawAndIndex) {
  const auto bytes = torch::full({2, 3, 4, 4}, 100, torch::kByte);
  const auto noise = [&](std::uint64_t seed, std::int64_t draw, std::vector<std::int64_t> indices) {
    return quantizer.dequantize(bytes, draw, {.seed = seed, .indices = std::move(indices), .dtype = dtype()});
  };
  EXPECT_TRUE(noise(1, 2, {0, 1}).equal(noise(1, 2, {})));
  EXPECT_FALSE(noise(1, 2, {0, 1}).equal(noise(2, 2, {0, 1})));
  EXPECT_FALSE(noise(1, 2, {0, 1}).equal(noise(1, 3, {0, 1})));
  EXPECT_TRUE(noise(1, 2, {5, 1})[1].equal(noise(1, 2, {0, 1})[1]));
  EXPECT_FALSE(noise(1, 2, {5, 1})[0].equal(noise(1, 2, {0, 1})[0]));
}

TEST_P(QuantizerTest, BitsPerDimIncludeTheBinWidth) {
  // A density of 1 over the unit cube is a uniform distribution over n^D images: `bits` bits a dimension.
  const auto log_prob = torch::tensor({0.0, 12 * std::log(2.0), -24 * std::log(2.0)}, dtype());
  const auto b = static_cast<double>(bits());
  const auto expected = torch::tensor({b, b - 1, b + 2}, torch::kDouble);
  EXPECT_TRUE(close(quantizer.bits_per_dim(log_prob), expected, dtype() == torch::kDouble ? 1e-14 : 1e-6));
}

INSTANTIATE_TEST_SUITE_P(BitsAndDtype, QuantizerTest,
                         ::testing::Combine(::testing::Range<std::int64_t>(1, 9),
                                            ::testing::Values(torch::kFloat, torch::kDouble)),
                         [](const auto& test) {
                           return std::to_string(std::get<0>(test.param)) + c10::toString(std::get<1>(test.param));
                         });

TEST(QuantizerRoundingTest, NoiseStaysInItsBinAfterRoundingToFloat32) {
  // With rounding to nearest, 1 in 10^5 draws would leave its bin, hence the many draws. float32 is coarsest at the
  // ends of the range.
  const Quantizer quantizer(8, 1);
  for (const int byte : {0, 1, 127, 128, 254, 255}) {
    const auto bytes = torch::full({1, 1 << 21}, byte, torch::kByte);
    EXPECT_TRUE(quantizer.to_bytes(quantizer.dequantize(bytes, 0, {.seed = 4})).equal(bytes)) << byte;
  }
}

TEST(QuantizerShapeTest, AcceptsAnyShape) {
  const Quantizer quantizer(5, 6);
  for (const auto& shape : {std::vector<std::int64_t>{3}, {2, 5}, {2, 1, 3, 4}, {0, 3, 2, 2}}) {
    const auto bytes = torch::full(shape, 200, torch::kByte);
    const auto x = quantizer.dequantize(bytes, 0);
    EXPECT_EQ(x.sizes(), bytes.sizes());
    EXPECT_EQ(quantizer.center(bytes).sizes(), bytes.sizes());
    EXPECT_TRUE(quantizer.to_bytes(x).equal(bytes.bitwise_and(0b11111000)));
  }
}

TEST(QuantizerErrors, NameTheInvalidArgument) {
  for (const std::int64_t bits : {-1, 0, 9}) {
    EXPECT_TRUE(throws<ConfigError>([&] { Quantizer(bits, 4); }, {"bits", "1 to 8", std::to_string(bits)}));
  }
  EXPECT_TRUE(throws<ConfigError>([] { Quantizer(8, 0); }, {"dimensions", "0"}));
  const Quantizer quantizer(8, 4);
  const auto bytes = torch::zeros({2, 4}, torch::kByte);
  EXPECT_TRUE(throws<ShapeError>([&] { quantizer.dequantize(bytes.to(torch::kFloat), 0); }, {"uint8", "Float"}));
  EXPECT_TRUE(throws<ShapeError>([&] { quantizer.center(bytes.to(torch::kLong)); }, {"uint8", "Long"}));
  EXPECT_TRUE(throws<ShapeError>([&] { quantizer.center(torch::zeros({}, torch::kByte)); }, {"uint8", "[]"}));
  EXPECT_TRUE(
      throws<ShapeError>([&] { quantizer.dequantize(bytes, 0, {.indices = {1}}); }, {"1 indices for 2 images"}));
  EXPECT_TRUE(throws<ConfigError>([&] { quantizer.dequantize(bytes, 0, {.indices = {1, -5}}); }, {"index", "-5"}));
  const auto rows = Quantizer::noise_rows(3, 0);
  EXPECT_TRUE(throws<ShapeError>([&] { quantizer.dequantize(bytes, rows, torch::kFloat); }, {"noise", "[3, 3]"}));
}

template <class Type>
concept DequantizesWithoutDraw = requires(const Type& quantizer, torch::Tensor bytes) {
  quantizer.dequantize(bytes);
};
template <class Type>
concept DequantizesWithDraw = requires(const Type& quantizer, torch::Tensor bytes) {
  quantizer.dequantize(bytes, 0);
};
// A default would repeat the noise in every step of a training loop.
static_assert(DequantizesWithDraw<Quantizer> && !DequantizesWithoutDraw<Quantizer>);

TEST(Quantizer, NoiseRowsGiveTheNoiseOfTheOptions) {
  const Quantizer quantizer(5, 4);
  const auto bytes = torch::arange(12, torch::kByte).view({3, 4});
  const DequantizeOptions options{.seed = 3, .indices = {2, 9, 4}, .dtype = torch::kDouble};
  const auto x = quantizer.dequantize(bytes, Quantizer::noise_rows(3, 7, options), torch::kDouble);
  EXPECT_TRUE(x.equal(quantizer.dequantize(bytes, 7, options)));
  EXPECT_FALSE(x.equal(quantizer.dequantize(bytes, Quantizer::noise_rows(3, 0), torch::kDouble)));
}

}  // namespace
}  // namespace glow::nn::quantizer_test
