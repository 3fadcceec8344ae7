#include "ops/network_blocks.h"

#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <glow/nn/flat_parameters.h>

#include "nn/coupling_networks.h"
#include "ops/patches.h"
#include "ops/pixel_factors.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::ops::network_blocks_test {
namespace {

using glow::testing::close;
using glow::testing::random_normal;

struct Network {
  std::int64_t channels;
  bool edge;
  std::int64_t width;
  CouplingKind kind;
};

struct Size {
  std::int64_t count, height, width;
};

/// W x (+ b) at every pixel, in float64.
torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight) {
  return at::einsum("oi,nihw->nohw", {weight.to(torch::kDouble), x.to(torch::kDouble)});
}

torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return product(x, weight) + bias.to(torch::kDouble).view({1, -1, 1, 1});
}

/// dL/dW from dL/d(W x), in float64.
torch::Tensor weight_gradient(const torch::Tensor& gradient, const torch::Tensor& x) {
  return at::einsum("nohw,nihw->oi", {gradient.to(torch::kDouble), x.to(torch::kDouble)});
}

torch::Tensor over_pixels(const torch::Tensor& x) { return x.to(torch::kDouble).sum({0, 2, 3}); }

std::vector<torch::Tensor> to_list(const FoldedNetGradient& gradient) {
  return {gradient.weight1, gradient.weight2, gradient.weight3, gradient.bias1,
          gradient.bias2,   gradient.bias3,   gradient.outside};
}

/// Restores the number of threads.
class ThreadCount {
 public:
  explicit ThreadCount(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~ThreadCount() { at::set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

class NetworkBlocksTest : public ::testing::TestWithParam<std::tuple<Network, Size, torch::Dtype>> {
 protected:
  const Network network = std::get<0>(GetParam());
  const Size size = std::get<1>(GetParam());
  const torch::Dtype hidden = std::get<2>(GetParam());
  /// The error of a number that is rounded to a hidden tensor, that of a sum over channels and that over pixels.
  const double rounding = hidden == torch::kFloat ? 1e-5 : 0x1p-7, tolerance = hidden == torch::kFloat ? 1e-5 : 2e-2,
               tolerance_over_pixels = hidden == torch::kFloat ? 1e-4 : 5e-2;

  nn::CouplingNet module{nn::CouplingOptions{.channels = 2 * network.channels,
                                             .hidden_width = network.width,
                                             .kind = network.kind,
                                             .edge_bias = network.edge}};
  const NetworkShape shape = module->shape();
  const torch::Tensor z = random_images(2 * network.channels, 2);
  const torch::Tensor of_h = random_images(shape.outputs, 3);
  const torch::Tensor parameters = random_parameters();

  torch::Tensor random_images(std::int64_t channels, std::uint64_t seed) const {
    return random_normal({size.count, channels, size.height, size.width}, seed)
        .to(torch::kFloat)
        .contiguous(at::MemoryFormat::ChannelsLast);
  }
  torch::Tensor random_parameters() {
    glow::testing::randomize(module, 1);
    nn::FlatParameters flat;
    flat.gather(*module);
    return flat.values().unsqueeze(0);
  }

  FoldedNet net(FoldedLayout layout) const { return fold_networks(parameters, shape, layout, hidden).at(0); }
  /// The patches of the first half of z, rounded as hidden tensors are.
  torch::Tensor patches() const {
    return extract_patches(z.narrow(1, 0, shape.channels), shape.edge, hidden, shape.gathered());
  }
  NetworkActivations run(bool keep = true) const {
    return run_network_blocks(shape, net(FoldedLayout::kForwardBlocks), z, keep);
  }
  /// The images [N, width, H, W] of a hidden tensor that is a factor of products over pixels.
  torch::Tensor images_of(const torch::Tensor& factor) const {
    const bool in_pairs = hidden == torch::kBFloat16;
    const auto pixels = size.count * size.height * size.width, columns = factor.size(1);
    const auto pixels_of_chunk =
        in_pairs ? cpu::PixelChunks<c10::BFloat16>(pixels).size() : cpu::PixelChunks<float>(pixels).size();
    const auto panel_columns = in_pairs ? cpu::kPanelColumns<c10::BFloat16> : cpu::kPanelColumns<float>;
    std::vector<torch::Tensor> rows;
    for (const auto& chunk : factor.split(pixels_of_chunk)) {
      const auto depth = chunk.size(0);
      std::vector<torch::Tensor> panels;
      for (const auto& panel : chunk.flatten().split(depth * panel_columns)) {
        const auto width = panel.size(0) / depth;
        panels.push_back(in_pairs ? panel.view({depth / 2, width, 2}).transpose(1, 2).reshape({depth, width})
                                  : panel.view({depth, width}));
      }
      rows.push_back(at::cat(panels, 1));
    }
    return at::cat(rows)
        .narrow(0, 0, pixels)
        .view({size.count, size.height, size.width, columns})
        .permute({0, 3, 1, 2});
  }
  FoldedNetGradient backward(const NetworkActivations& activations, const torch::Tensor& of_z1) const {
    return network_blocks_backward(shape, net(FoldedLayout::kBackwardBlocks), z, activations, of_h, of_z1);
  }
};

TEST_P(NetworkBlocksTest, ForwardMatchesPlainProducts) {
  const auto rows = net(FoldedLayout::kRows);
  const auto activations = run();
  const auto hidden1 = images_of(activations.hidden1), hidden2 = images_of(activations.hidden2), h = activations.h;
  EXPECT_TRUE(h.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_EQ(hidden1.scalar_type(), hidden);
  EXPECT_EQ(h.scalar_type(), torch::kFloat);
  // Each layer from the rounded result of the one before.
  EXPECT_TRUE(close(hidden1, product(patches(), rows.weight1, rows.exact_bias1).relu(), rounding));
  EXPECT_TRUE(close(hidden2, product(hidden1, rows.weight2, rows.exact_bias2).relu(), rounding));
  const auto parts = product(hidden2, rows.weight3);
  EXPECT_TRUE(close(h, sum_patches(parts, rows.bias3.to(torch::kDouble), rows.outside.to(torch::kDouble)), tolerance));
}

TEST_P(NetworkBlocksTest, ForwardMatchesTheModule) {
  module->to(torch::kDouble);
  const auto h = nn::apply(module->fold(), z.narrow(1, 0, shape.channels).to(torch::kDouble));
  EXPECT_TRUE(close(run().h, h, hidden == torch::kFloat ? 1e-5 : 3e-2));
}

TEST_P(NetworkBlocksTest, ResultDoesNotDependOnWhatIsKept) {
  const auto without = run(/*keep=*/false);
  EXPECT_FALSE(without.hidden1.defined());
  EXPECT_FALSE(without.hidden2.defined());
  EXPECT_TRUE(without.h.equal(run().h));
}

TEST_P(NetworkBlocksTest, BackwardMatchesPlainProducts) {
  const auto rows = net(FoldedLayout::kRows);
  const auto activations = run();
  const auto hidden1 = images_of(activations.hidden1), hidden2 = images_of(activations.hidden2);
  const auto before = random_images(2 * network.channels, 4), of_z = before.clone(at::MemoryFormat::ChannelsLast);
  const auto actual = backward(activations, of_z.narrow(1, 0, shape.channels));

  // The formulas of a flow step (nn/flow_step.cpp); hidden gradients are rounded as hidden tensors are.
  const auto masked = [](const torch::Tensor& gradient, const torch::Tensor& y) { return gradient * y.gt(0); };
  const auto of_parts = extract_patches(of_h, /*with_edge_plane=*/false, hidden, shape.summed());
  const auto of_hidden2 = masked(product(of_parts, rows.weight3.t()), hidden2);
  const auto of_hidden1 = masked(product(of_hidden2.to(hidden), rows.weight2.t()), hidden1);
  auto of_z1 = before.narrow(1, 0, shape.channels).to(torch::kDouble);
  add_patches_(of_z1, product(of_hidden1.to(hidden), rows.weight1.t()).contiguous(at::MemoryFormat::ChannelsLast));
  const auto mask = outside_mask(size.height, size.width, torch::kDouble);
  const FoldedNetGradient expected{.weight1 = weight_gradient(of_hidden1.to(hidden), patches()),
                                   .weight2 = weight_gradient(of_hidden2.to(hidden), hidden1),
                                   .weight3 = weight_gradient(of_parts, hidden2),
                                   .bias1 = over_pixels(of_hidden1),
                                   .bias2 = over_pixels(of_hidden2),
                                   .bias3 = over_pixels(of_h),
                                   .outside = mask.mm(of_h.to(torch::kDouble).sum(0).flatten(1).t())};
  const auto all = to_list(actual), all_expected = to_list(expected);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(close(all[i], all_expected[i], tolerance_over_pixels)) << i;
  }
  EXPECT_TRUE(close(of_z.narrow(1, 0, shape.channels), of_z1, tolerance));
  EXPECT_TRUE(of_z.narrow(1, shape.channels, shape.channels).equal(before.narrow(1, shape.channels, shape.channels)));
}

TEST_P(NetworkBlocksTest, ResultsDoNotDependOnTheNumberOfThreads) {
  const auto results = [&](int threads) {
    const ThreadCount count(threads);
    const auto activations = run();
    const auto of_z1 = torch::zeros_like(z).narrow(1, 0, shape.channels);
    auto all = to_list(backward(activations, of_z1));
    all.insert(all.end(), {activations.hidden1, activations.hidden2, activations.h, of_z1});
    return all;
  };
  const auto expected = results(1);
  for (const int threads : {2, 3}) {
    const auto actual = results(threads);
    for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_TRUE(actual[i].equal(expected[i])) << threads << " " << i;
  }
}

const std::array kDtypes{torch::kFloat, torch::kBFloat16};
const std::array kNetworks{Network{1, true, 16, CouplingKind::kAffine}, Network{1, false, 16, CouplingKind::kAdditive},
                           Network{6, false, 48, CouplingKind::kAdditive}, Network{24, true, 64, CouplingKind::kAffine},
                           Network{6, true, 80, CouplingKind::kAffine}};
// One block or several, the last one of them with fewer pixels.
const std::array kSizes{Size{1, 1, 1}, Size{1, 1, 3}, Size{2, 5, 7}, Size{1, 15, 19}, Size{3, 16, 16}};

INSTANTIATE_TEST_SUITE_P(Shapes, NetworkBlocksTest,
                         ::testing::Combine(::testing::ValuesIn(kNetworks), ::testing::ValuesIn(kSizes),
                                            ::testing::ValuesIn(kDtypes)));
INSTANTIATE_TEST_SUITE_P(Wide, NetworkBlocksTest,
                         ::testing::Combine(::testing::Values(Network{6, true, 512, CouplingKind::kAffine}),
                                            ::testing::Values(Size{1, 13, 11}), ::testing::ValuesIn(kDtypes)));

TEST(NetworkBlocks, AreForFloat32AndWholeVectors) {
  const auto z = torch::zeros({1, 4, 2, 2});
  const NetworkShape shape{.channels = 2, .edge = true, .width = 16, .outputs = 2};
  auto other = shape;
  other.width = 24;
  EXPECT_FALSE(has_network_blocks(other, z, torch::kFloat));
  EXPECT_FALSE(has_network_blocks(other, z, torch::kBFloat16));
  EXPECT_FALSE(has_network_blocks(shape, z.to(torch::kDouble), torch::kDouble));
  EXPECT_FALSE(has_network_blocks(shape, z, torch::kDouble));
}

}  // namespace
}  // namespace glow::ops::network_blocks_test
