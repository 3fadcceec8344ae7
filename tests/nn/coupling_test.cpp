#include "nn/coupling_networks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ops/patches.h"
#include "support/finite_differences.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::coupling_test {
namespace {

using glow::testing::close;
using glow::testing::matches_finite_differences;
using glow::testing::random_normal;
using glow::testing::randomize;

class CouplingNetTest : public ::testing::TestWithParam<CouplingOptions> {
 protected:
  CouplingNet random_net() const {
    CouplingNet net(GetParam());
    net->to(torch::kDouble);
    randomize(net, 1);
    return net;
  }
  torch::Tensor random_x1() const { return random_normal({3, GetParam().channels / 2, 2, 5}, 2); }
};

torch::Tensor apply_actnorm(const ActNorm& actnorm, const torch::Tensor& x) {
  return (x + actnorm->bias.view({1, -1, 1, 1})) * (3 * actnorm->log_scale.view({1, -1, 1, 1})).exp();
}

TEST_P(CouplingNetTest, FoldEqualsTheNetworkOfThePaper) {
  const auto net = random_net();
  const auto x1 = random_x1();
  const bool edge = GetParam().edge_bias;
  const auto first = apply_actnorm(net->conv1->actnorm, at::conv2d(ops::pad_with_edge(x1, edge), net->conv1->weight));
  const auto second = apply_actnorm(net->conv2->actnorm, at::conv2d(first.relu(), net->conv2->weight));
  const auto& last = *net->conv3;
  const auto h = (at::conv2d(ops::pad_with_edge(second.relu(), edge), last.weight) + last.bias.view({1, -1, 1, 1})) *
                 (3 * last.log_scale.view({1, -1, 1, 1})).exp();

  const auto folded = net->fold();
  EXPECT_TRUE(close(first_layer(folded, x1), first, 1e-12));
  EXPECT_TRUE(close(second_layer(folded, first), second, 1e-12));
  EXPECT_TRUE(close(apply(folded, x1), h, 1e-12));
  EXPECT_EQ(h.size(1), ops::coupling_outputs(GetParam().kind, GetParam().channels));
}

TEST_P(CouplingNetTest, DoesNotModifyItsInput) {
  const auto net = random_net();
  const auto x1 = random_x1();
  const auto before = x1.clone();
  apply(net->fold(), x1);
  EXPECT_TRUE(x1.equal(before));
}

TEST_P(CouplingNetTest, GradientsMatchFiniteDifferences) {
  const auto net = random_net();
  const auto x1 = random_x1().requires_grad_();
  const auto function = [&] { return apply(net->fold(), x1).square().mean(); };
  function().backward();
  EXPECT_TRUE(matches_finite_differences(function, x1, x1.grad(), 12));
  for (const auto& item : net->named_parameters()) {
    EXPECT_TRUE(matches_finite_differences(function, item.value(), item.value().grad(), 12)) << item.key();
  }
}

TEST_P(CouplingNetTest, InitialOutputIsZero) {
  CouplingNet net(GetParam());
  WeightSource source(3);
  net->draw(source);
  EXPECT_TRUE(apply(net->fold(), random_x1().to(torch::kFloat)).eq(0).all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Options, CouplingNetTest,
                         ::testing::Values(CouplingOptions{2, 6, ops::CouplingKind::kAffine, true},
                                           CouplingOptions{2, 1, ops::CouplingKind::kAdditive, true},
                                           CouplingOptions{10, 7, ops::CouplingKind::kAffine, false},
                                           CouplingOptions{12, 6, ops::CouplingKind::kAdditive, false}));

}  // namespace
}  // namespace glow::nn::coupling_test
