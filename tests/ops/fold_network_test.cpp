#include "ops/fold_network.h"

#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <glow/error.h>
#include <glow/nn/flat_parameters.h>

#include "nn/coupling_networks.h"
#include "ops/panels.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::ops::fold_network_test {
namespace {

using glow::testing::close;
using glow::testing::random_normal;
using glow::testing::throws;

constexpr std::int64_t kNetworks = 3;

struct Precision {
  torch::Dtype parameters, hidden;
  /// Of the exact and of the hidden tensors. A number just beside the middle of two bfloat16 is rounded to either.
  double tolerance, hidden_tolerance;
};

const std::vector<Precision> kPrecisions{{torch::kDouble, torch::kDouble, 1e-14, 1e-14},
                                         {torch::kFloat, torch::kFloat, 1e-6, 1e-6},
                                         {torch::kFloat, torch::kBFloat16, 1e-6, 0x1p-7}};

/// [kNetworks, numbers]: the rows are apart in memory, as in a model whose parameters are flat.
torch::Tensor random_parameters(const NetworkShape& shape, torch::Dtype dtype) {
  const auto wider = random_normal({kNetworks, shape.numbers() + 7}, 1) * 0.3;
  return wider.to(dtype).narrow(1, 4, shape.numbers());
}

/// The layers of the network whose parameters are `row`, in the order of CouplingNetImpl::named_parameters.
nn::ScaledCouplingNet scaled_net(const NetworkShape& shape, const torch::Tensor& row) {
  std::int64_t next = 0;
  const auto take = [&](std::int64_t count) {
    const auto part = row.narrow(0, next, count);
    next += count;
    return part;
  };
  const auto layer = [&](std::int64_t outputs, std::int64_t kernel, std::int64_t inputs) {
    const auto weight = take(outputs * kernel * kernel * inputs).view({outputs, kernel, kernel, inputs});
    const auto bias = take(outputs), log_scale = take(outputs);
    return nn::ScaledConvolution{weight.permute({0, 3, 1, 2}), bias, (kLogScaleFactor * log_scale).exp()};
  };
  const auto edge = shape.edge ? 1 : 0;
  return {layer(shape.width, 3, shape.channels + edge), layer(shape.width, 1, shape.width),
          layer(shape.outputs, 3, shape.width + edge)};
}

torch::Tensor filled_up(const torch::Tensor& matrix, std::int64_t rows, std::int64_t columns) {
  return at::constant_pad_nd(matrix, {0, columns - matrix.size(1), 0, rows - matrix.size(0)});
}

/// The same by nn::fold. Differentiable.
FoldedNet plain_net(const NetworkShape& shape, const torch::Tensor& row,
                    nn::HiddenPrecision precision = nn::HiddenPrecision::kFull) {
  const auto net = scaled_net(shape, row);
  const auto exact = nn::fold(net), hidden = nn::fold(net, precision);
  return {.weight1 = filled_up(hidden.first.weight, shape.width, shape.gathered()),
          .weight2 = hidden.second.weight,
          .weight3 = filled_up(hidden.third.weight, shape.summed(), shape.width),
          .bias1 = hidden.first.bias,
          .bias2 = hidden.second.bias,
          .exact_bias1 = exact.first.bias,
          .exact_bias2 = exact.second.bias,
          .bias3 = exact.third.bias,
          .outside = exact.third.outside};
}

/// Folds into memory full of NaN.
FoldedNets fold_into_poison(const torch::Tensor& parameters, const NetworkShape& shape, FoldedLayout layout,
                            torch::Dtype hidden) {
  auto folded = fold_networks(parameters, shape, layout, hidden);
  folded.hidden.fill_(NAN);
  folded.exact.fill_(NAN);
  cpu::fold_networks(parameters, folded);
  return folded;
}

bool are_zero(const torch::Tensor& x) { return x.eq(0).all().item<bool>(); }

class FoldNetworkTest : public ::testing::TestWithParam<std::tuple<int, bool, int, int>> {
 protected:
  const NetworkShape shape{.channels = std::get<0>(GetParam()),
                           .edge = std::get<1>(GetParam()),
                           .width = std::get<2>(GetParam()),
                           .outputs = std::get<3>(GetParam())};
};

TEST_P(FoldNetworkTest, EqualsPlainFolding) {
  for (const auto& [dtype, hidden, tolerance, hidden_tolerance] : kPrecisions) {
    const auto parameters = random_parameters(shape, dtype);
    const auto folded = fold_into_poison(parameters, shape, FoldedLayout::kRows, hidden);
    for (std::int64_t network = 0; network < kNetworks; ++network) {
      const auto actual = folded.at(network);
      const auto expected =
          plain_net(shape, parameters[network],
                    hidden == torch::kBFloat16 ? nn::HiddenPrecision::kBf16 : nn::HiddenPrecision::kFull);
      EXPECT_EQ(actual.weight1.scalar_type(), hidden);
      EXPECT_TRUE(close(actual.weight1, expected.weight1, hidden_tolerance));
      EXPECT_TRUE(close(actual.weight2, expected.weight2, hidden_tolerance));
      EXPECT_TRUE(close(actual.weight3, expected.weight3, hidden_tolerance));
      EXPECT_TRUE(close(actual.bias1, expected.bias1, hidden_tolerance));
      EXPECT_TRUE(close(actual.bias2, expected.bias2, hidden_tolerance));
      EXPECT_EQ(actual.bias3.scalar_type(), dtype);
      EXPECT_TRUE(close(actual.exact_bias1, expected.exact_bias1, tolerance));
      EXPECT_TRUE(close(actual.exact_bias2, expected.exact_bias2, tolerance));
      EXPECT_TRUE(close(actual.bias3, expected.bias3, tolerance));
      EXPECT_TRUE(close(actual.outside, expected.outside, tolerance));
      const auto taken = 9 * shape.planes(), given = 9 * shape.outputs;
      EXPECT_TRUE(are_zero(actual.weight1.narrow(1, taken, shape.gathered() - taken)));
      EXPECT_TRUE(are_zero(actual.weight3.narrow(0, given, shape.summed() - given)));
    }
  }
}

/// The numbers of a folded weight in kRows in the order of `layout`.
torch::Tensor in_panels(const torch::Tensor& rows, FoldedLayout layout) {
  const bool in_pairs = rows.scalar_type() == torch::kBFloat16;
  const auto factor = layout == FoldedLayout::kForwardBlocks ? rows.t() : rows;
  std::vector<torch::Tensor> panels;
  for (const auto& panel : factor.split(in_pairs ? cpu::kPanelColumns<c10::BFloat16> : cpu::kPanelColumns<float>, 1)) {
    panels.push_back(in_pairs ? panel.reshape({panel.size(0) / 2, 2, panel.size(1)}).transpose(1, 2).flatten()
                              : panel.flatten());
  }
  return at::cat(panels);
}

TEST_P(FoldNetworkTest, BlocksAreThePermutedRows) {
  for (const auto hidden : {torch::kFloat, torch::kBFloat16}) {
    if (hidden == torch::kBFloat16 && shape.width % 2 != 0) continue;  // no pairs
    const auto parameters = random_parameters(shape, torch::kFloat);
    const auto rows = fold_networks(parameters, shape, FoldedLayout::kRows, hidden);
    for (const auto layout : {FoldedLayout::kForwardBlocks, FoldedLayout::kBackwardBlocks}) {
      const auto blocks = fold_into_poison(parameters, shape, layout, hidden);
      for (std::int64_t network = 0; network < kNetworks; ++network) {
        const auto actual = blocks.at(network), expected = rows.at(network);
        EXPECT_TRUE(actual.weight1.flatten().equal(in_panels(expected.weight1, layout)));
        EXPECT_TRUE(actual.weight2.flatten().equal(in_panels(expected.weight2, layout)));
        EXPECT_TRUE(actual.weight3.flatten().equal(in_panels(expected.weight3, layout)));
        EXPECT_TRUE(actual.bias1.equal(expected.bias1));
        EXPECT_TRUE(actual.bias2.equal(expected.bias2));
      }
      EXPECT_TRUE(blocks.exact.equal(rows.exact));
    }
  }
}

/// Random gradients with respect to the tensors of a FoldedNet, NaN in the padding.
FoldedNetGradient random_gradient(const NetworkShape& shape, torch::Dtype dtype) {
  const auto random = [&](torch::IntArrayRef sizes, std::uint64_t seed) {
    return random_normal(sizes, seed).to(dtype);
  };
  FoldedNetGradient gradient{.weight1 = random({shape.width, shape.gathered()}, 2),
                             .weight2 = random({shape.width, shape.width}, 3),
                             .weight3 = random({shape.summed(), shape.width}, 4),
                             .bias1 = random({shape.width}, 5),
                             .bias2 = random({shape.width}, 6),
                             .bias3 = random({shape.outputs}, 7),
                             .outside = random({9, shape.outputs}, 8)};
  const auto taken = 9 * shape.planes(), given = 9 * shape.outputs;
  gradient.weight1.narrow(1, taken, shape.gathered() - taken).fill_(NAN);
  gradient.weight3.narrow(0, given, shape.summed() - given).fill_(NAN);
  return gradient;
}

/// unfold_gradient by autograd through nn::fold.
torch::Tensor plain_gradient(const NetworkShape& shape, const torch::Tensor& row, const FoldedNetGradient& of_folded) {
  const auto recorded = row.detach().clone().requires_grad_();
  const auto net = plain_net(shape, recorded);
  const auto product = [](const torch::Tensor& tensor, const torch::Tensor& gradient) {
    return (tensor * gradient.to(tensor.scalar_type()).nan_to_num(0)).sum();
  };
  const auto sum = product(net.weight1, of_folded.weight1) + product(net.weight2, of_folded.weight2) +
                   product(net.weight3, of_folded.weight3) + product(net.bias1, of_folded.bias1) +
                   product(net.bias2, of_folded.bias2) + product(net.bias3, of_folded.bias3) +
                   product(net.outside, of_folded.outside);
  return torch::autograd::grad({sum}, {recorded})[0];
}

TEST_P(FoldNetworkTest, GradientMatchesAutograd) {
  for (const auto& [dtype, tolerance] : {std::pair{torch::kDouble, 1e-12}, std::pair{torch::kFloat, 5e-5}}) {
    const auto row = random_parameters(shape, dtype)[1];
    const auto of_folded = random_gradient(shape, dtype);
    const auto expected = plain_gradient(shape, row, of_folded);
    const auto gradient = torch::full_like(row, NAN);
    unfold_gradient(row, shape, of_folded, gradient, /*accumulate=*/false);
    EXPECT_TRUE(close(gradient, expected, tolerance));
    const auto before = random_normal(row.sizes(), 9).to(dtype), sum = before.clone();
    unfold_gradient(row, shape, of_folded, sum, /*accumulate=*/true);
    EXPECT_TRUE(close(sum, before + expected, tolerance));
  }
}

TEST_P(FoldNetworkTest, ReadsBfloat16GradientsExactly) {
  const auto row = random_parameters(shape, torch::kFloat)[1];
  auto rounded = random_gradient(shape, torch::kFloat), in_float = rounded;
  for (auto weight : {&FoldedNetGradient::weight1, &FoldedNetGradient::weight2, &FoldedNetGradient::weight3}) {
    rounded.*weight = (rounded.*weight).to(torch::kBFloat16);
    in_float.*weight = (rounded.*weight).to(torch::kFloat);
  }
  const auto actual = torch::full_like(row, NAN), expected = actual.clone();
  unfold_gradient(row, shape, rounded, actual, /*accumulate=*/false);
  unfold_gradient(row, shape, in_float, expected, /*accumulate=*/false);
  EXPECT_TRUE(close(actual, expected, 2e-6));  // the order of sums may differ
}

INSTANTIATE_TEST_SUITE_P(Shapes, FoldNetworkTest,
                         ::testing::Combine(::testing::Values(1, 2, 6, 24), ::testing::Bool(),
                                            ::testing::Values(1, 5, 16, 48, 80), ::testing::Values(1, 2, 3, 12)));

TEST(FoldNetwork, ParametersAreInTheOrderOfTheModule) {
  for (const bool edge : {false, true}) {
    for (const auto kind : {CouplingKind::kAdditive, CouplingKind::kAffine}) {
      nn::CouplingNet net(nn::CouplingOptions{.channels = 6, .hidden_width = 5, .kind = kind, .edge_bias = edge});
      net->to(torch::kDouble);
      glow::testing::randomize(net, 1);
      nn::FlatParameters flat;
      flat.gather(*net);
      const auto folded =
          fold_networks(flat.values().unsqueeze(0), net->shape(), FoldedLayout::kRows, torch::kDouble).at(0);
      const auto expected = net->fold();
      EXPECT_TRUE(close(folded.weight1.narrow(1, 0, expected.first.weight.size(1)), expected.first.weight, 1e-14));
      EXPECT_TRUE(close(folded.weight2, expected.second.weight, 1e-14));
      EXPECT_TRUE(close(folded.weight3.narrow(0, 0, expected.third.weight.size(0)), expected.third.weight, 1e-14));
      EXPECT_TRUE(close(folded.bias1, expected.first.bias, 1e-14));
      EXPECT_TRUE(close(folded.bias2, expected.second.bias, 1e-14));
      EXPECT_TRUE(close(folded.bias3, expected.third.bias, 1e-14));
      EXPECT_TRUE(close(folded.outside, expected.third.outside, 1e-14));
    }
  }
}

class BrokenNetworkTest : public ::testing::TestWithParam<NetworkShape> {};

TEST_P(BrokenNetworkTest, TheLastBiasIsNaN) {
  const auto& shape = GetParam();
  const auto infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> nan_or_infinite{NAN, infinity, -infinity}, nan_or_large{NAN, infinity};
  for (const auto& [dtype, hidden, tolerance, hidden_tolerance] : kPrecisions) {
    const auto parameters = random_parameters(shape, dtype);
    for (const auto layout : {FoldedLayout::kRows, FoldedLayout::kForwardBlocks, FoldedLayout::kBackwardBlocks}) {
      const bool has_layout = dtype == torch::kFloat && (hidden == torch::kFloat || shape.width % 2 == 0);
      if (layout != FoldedLayout::kRows && !has_layout) continue;
      const auto biases = [&, hidden = hidden] {
        const auto folded = fold_networks(parameters, shape, layout, hidden);
        std::vector<torch::Tensor> all;
        for (std::int64_t network = 0; network < kNetworks; ++network) all.push_back(folded.at(network).bias3);
        return at::stack(all);
      };
      const auto expected = biases();
      ASSERT_TRUE(expected.isfinite().all().item<bool>());
      // The parameters of a kind end where those of the next begin.
      const std::vector<std::int64_t> begins{shape.weight1(), shape.bias1(),      shape.log_scale1(), shape.weight2(),
                                             shape.bias2(),   shape.log_scale2(), shape.weight3()};
      for (std::size_t kind = 0; kind + 1 < begins.size(); ++kind) {
        // A scale of exp(-infinity) is 0, which is finite.
        const bool is_log_scale = kind % 3 == 2;
        for (const auto place : {begins[kind], begins[kind + 1] - 1}) {
          for (const auto value : is_log_scale ? nan_or_large : nan_or_infinite) {
            const auto number = parameters[1][place];
            const auto before = number.clone();
            number.fill_(value);
            const auto actual = biases();
            number.copy_(before);
            EXPECT_TRUE(actual[1].isnan().all().item<bool>()) << place << " " << value;
            EXPECT_TRUE(actual[0].equal(expected[0]));
            EXPECT_TRUE(actual[2].equal(expected[2]));
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, BrokenNetworkTest,
                         ::testing::Values(NetworkShape{1, false, 1, 1}, NetworkShape{2, true, 5, 2},
                                           NetworkShape{6, true, 16, 12}, NetworkShape{1, false, 48, 3}));

TEST(FoldNetworkErrors, StateTheShape) {
  const NetworkShape shape{.channels = 2, .edge = true, .width = 4, .outputs = 2};
  const auto fold = [&](const torch::Tensor& parameters) {
    fold_networks(parameters, shape, FoldedLayout::kRows, torch::kFloat);
  };
  EXPECT_TRUE(throws<ShapeError>([&] { fold(torch::zeros({2, 7})); }, {"numbers", "[2, 7]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { fold(torch::zeros({shape.numbers(), 2}).t()); }, {"fold_networks"}));
  const auto gradient = random_gradient(shape, torch::kFloat);
  const auto row = torch::zeros({shape.numbers()});
  EXPECT_TRUE(throws<ShapeError>([&] { unfold_gradient(row, shape, gradient, torch::zeros({3}), false); },
                                 {"unfold_gradient", "[3]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { unfold_gradient(row.unsqueeze(0), shape, gradient, row, false); },
                                 {"unfold_gradient", "[numbers]"}));
}

}  // namespace
}  // namespace glow::ops::fold_network_test
