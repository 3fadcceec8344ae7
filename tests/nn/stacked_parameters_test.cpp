#include "nn/stacked_parameters.h"

#include <memory>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/container/modulelist.h>

#include <glow/error.h>
#include <glow/nn/flat_parameters.h>
#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::stacked_parameters_test {
namespace {

using glow::testing::close;
using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::random_normal;
using glow::testing::throws;

bool is_zero_or_undefined(const torch::Tensor& gradient) {
  return !gradient.defined() || gradient.eq(0).all().item<bool>();
}

/// Parameters like those of a flow step: some small ones, then a network that begins with a convolution.
struct Layer : torch::nn::Module {
  explicit Layer(std::uint64_t seed) {
    scale = register_parameter("scale", random_normal({3}, seed));
    matrix = register_parameter("matrix", random_normal({2, 2}, seed + 10));
    weight = register_parameter("weight", random_normal({4, 2, 3, 3}, seed + 20));
    bias = register_parameter("bias", random_normal({4}, seed + 30));
  }
  torch::Tensor scale, matrix, weight, bias;
};

class StackedParametersTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    for (const std::uint64_t seed : {1, 2, 3}) layers.push_back(std::make_shared<Layer>(seed));
    for (const auto& layer : layers) list->push_back(layer);
    if (are_flat()) flat.gather(*list);
  }
  bool are_flat() const { return GetParam(); }

  StackedParameters stack(bool adds_gradients = false) const {
    std::vector<const torch::nn::Module*> modules;
    for (const auto& layer : layers) modules.push_back(layer.get());
    return {modules, layers.front()->weight, adds_gradients};
  }
  StackedParameters stack_one(std::size_t index) const {
    return {{layers[index].get()}, layers[index]->weight, /*adds_gradients=*/false};
  }

  // The same by plain operators.
  torch::Tensor plain(torch::Tensor Layer::*parameter) const {
    std::vector<torch::Tensor> all;
    for (const auto& layer : layers) all.push_back((*layer).*parameter);
    return at::stack(all);
  }
  torch::Tensor plain_second() const {
    return at::cat({plain(&Layer::weight).permute({0, 1, 3, 4, 2}).flatten(1), plain(&Layer::bias)}, 1);
  }

  /// A number that depends on every element of the tensors in another way.
  static torch::Tensor loss_of(const torch::Tensor& scale, const torch::Tensor& matrix, const torch::Tensor& second) {
    return (scale * random_normal(scale.sizes(), 7)).sum() +
           (matrix.square() * random_normal(matrix.sizes(), 8)).sum() +
           (second.square() * random_normal(second.sizes(), 9)).sum();
  }
  torch::Tensor loss(const StackedParameters& stacked) const {
    const auto& first = *layers.front();
    return loss_of(stacked.all(first.scale), stacked.all(first.matrix), stacked.second());
  }
  torch::Tensor plain_loss() const { return loss_of(plain(&Layer::scale), plain(&Layer::matrix), plain_second()); }

  /// The parameters that autograd computes gradients for.
  std::vector<torch::Tensor> learned() const {
    std::vector<torch::Tensor> all;
    for (const auto& parameter : list->parameters()) {
      if (parameter.requires_grad()) all.push_back(parameter);
    }
    return all;
  }
  void expect_plain_gradients() {
    const auto expected = torch::autograd::grad({plain_loss()}, learned());
    const auto actual = torch::autograd::grad({loss(stack())}, learned());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(close(actual[i], expected[i], 1e-13)) << i;
    list->zero_grad();
    loss(stack()).backward();
    loss(stack()).backward();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(close(learned()[i].grad(), 2 * expected[i], 1e-13)) << i;
    }
  }

  std::vector<std::shared_ptr<Layer>> layers;
  torch::nn::ModuleList list;
  FlatParameters flat;
};

TEST_P(StackedParametersTest, EqualThePlainStack) {
  const auto stacked = stack();
  const auto& first = *layers.front();
  EXPECT_TRUE(stacked.all(first.scale).equal(plain(&Layer::scale)));
  EXPECT_TRUE(stacked.all(first.matrix).equal(plain(&Layer::matrix)));
  EXPECT_TRUE(stacked.second().equal(plain_second()));
  EXPECT_EQ(stacked.second().stride(1), 1);
  EXPECT_TRUE(stack_one(1).second().equal(plain_second().narrow(0, 1, 1)));
}

TEST_P(StackedParametersTest, AreViewsOfFlatParametersElseCopies) {
  const auto stacked = stack();
  const auto& layer = *layers[1];
  EXPECT_EQ(stacked.second()[1].data_ptr() == layer.weight.data_ptr(), are_flat());
  EXPECT_EQ(stacked.all(layers.front()->matrix)[1].data_ptr() == layer.matrix.data_ptr(), are_flat());
  const torch::NoGradGuard no_grad;
  layer.bias[3] = 5;
  EXPECT_EQ(stacked.second()[1][75].item<double>() == 5, are_flat());
}

TEST_P(StackedParametersTest, GradientsEqualThoseOfThePlainStack) { expect_plain_gradients(); }

TEST_P(StackedParametersTest, GradientsOfLearnedParametersDoNotDependOnFrozenOnes) {
  for (const auto parameter : {&Layer::scale, &Layer::weight, &Layer::bias}) {
    ((*layers[1]).*parameter).requires_grad_(false);
    expect_plain_gradients();
    EXPECT_TRUE(is_zero_or_undefined(((*layers[1]).*parameter).grad()));
  }
}

TEST_P(StackedParametersTest, GradientsOfOnePartOnly) {
  stack().second().sum().backward();
  EXPECT_TRUE(layers[2]->bias.grad().eq(1).all().item<bool>());
  EXPECT_TRUE(layers[2]->weight.grad().eq(1).all().item<bool>());
  EXPECT_TRUE(is_zero_or_undefined(layers[2]->scale.grad()));
  list->zero_grad();
  stack().all(layers.front()->scale).sum().backward();
  EXPECT_TRUE(layers[2]->scale.grad().eq(1).all().item<bool>());
  EXPECT_TRUE(is_zero_or_undefined(layers[2]->weight.grad()));
}

TEST_P(StackedParametersTest, KnowTheParametersOfTheFirstPartOnly) {
  const auto stacked = stack();
  EXPECT_TRUE(throws<Error>([&] { stacked.all(layers[1]->scale); }, {"not a parameter of the first module"}));
}

INSTANTIATE_TEST_SUITE_P(Memory, StackedParametersTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "flat" : "apart"; });

/// Parameters with flat gradients, which are not 0 at the start.
class AddedGradientsTest : public StackedParametersTest {
 protected:
  void SetUp() override {
    StackedParametersTest::SetUp();
    before = random_normal(flat.values().sizes(), 5);
    flat.gradients().copy_(before);
    expected = before.clone();
    std::int64_t next = 0;
    for (const auto& gradient : torch::autograd::grad({plain_loss()}, learned())) {
      const auto numbers = gradient.dim() == 4 ? gradient.permute({0, 2, 3, 1}).flatten() : gradient.flatten();
      expected.narrow(0, next, numbers.numel()).add_(numbers);
      next += numbers.numel();
    }
  }

  torch::Tensor before, expected;
};

TEST_P(AddedGradientsTest, AreAddedInPlace) {
  const auto* memory = layers[1]->weight.grad().data_ptr();
  const auto stacked = stack(/*adds_gradients=*/true);
  ASSERT_TRUE(stacked.second_gradient().defined());
  EXPECT_EQ(stacked.second_gradient().sizes(), stacked.second().sizes());
  EXPECT_EQ(stacked.second_gradient()[1].data_ptr(), memory);
  loss(stacked).backward();
  EXPECT_EQ(layers[1]->weight.grad().data_ptr(), memory);
  EXPECT_TRUE(close(flat.gradients(), expected, 1e-13));
  loss(stack(/*adds_gradients=*/true)).backward();
  EXPECT_TRUE(close(flat.gradients(), 2 * expected - before, 1e-13));
}

TEST_P(AddedGradientsTest, AreUndefinedForAutograd) {
  const auto gradients = torch::autograd::grad({loss(stack(/*adds_gradients=*/true))}, learned(), {},
                                               /*retain_graph=*/c10::nullopt, /*create_graph=*/false,
                                               /*allow_unused=*/true);
  for (const auto& gradient : gradients) EXPECT_FALSE(gradient.defined());
  EXPECT_TRUE(close(flat.gradients(), expected, 1e-13));
}

TEST_P(AddedGradientsTest, AreNotAddedTwice) {
  // A function that has added the gradient to second_gradient() returns that.
  const auto stacked = stack(/*adds_gradients=*/true);
  stacked.second().backward(stacked.second_gradient());
  EXPECT_TRUE(flat.gradients().equal(before));
}

TEST_P(AddedGradientsTest, AreLeftToAutogradIfAParameterIsFrozen) {
  layers[1]->scale.requires_grad_(false);
  const auto stacked = stack(/*adds_gradients=*/true);
  EXPECT_FALSE(stacked.second_gradient().defined());
  loss(stacked).backward();
  const auto frozen = flat.values().size(0) / 3;
  EXPECT_TRUE(flat.gradients().narrow(0, frozen, 3).equal(before.narrow(0, frozen, 3)));
  expected.narrow(0, frozen, 3).copy_(before.narrow(0, frozen, 3));
  EXPECT_TRUE(close(flat.gradients(), expected, 1e-13));
}

TEST_P(AddedGradientsTest, AreLeftToAutogradIfTheyLieElsewhere) {
  for (const bool has_gradient : {true, false}) {
    flat.gradients().copy_(before);
    auto& gradient = layers[1]->bias.mutable_grad();
    gradient = has_gradient ? gradient.clone() : torch::Tensor();
    const auto stacked = stack(/*adds_gradients=*/true);
    EXPECT_FALSE(stacked.second_gradient().defined());
    loss(stacked).backward();
    const auto end = 2 * flat.values().size(0) / 3;
    if (!has_gradient) expected.narrow(0, end - 4, 4).sub_(before.narrow(0, end - 4, 4));
    EXPECT_TRUE(close(layers[1]->bias.grad(), expected.narrow(0, end - 4, 4), 1e-13));
    EXPECT_TRUE(close(flat.gradients(), expected, 1e-13));  // moves the gradient into place
  }
}

INSTANTIATE_TEST_SUITE_P(Memory, AddedGradientsTest, ::testing::Values(true), [](const auto&) { return "flat"; });

/// Parameters that follow each other in memory but belong to different allocations, as an allocator may place them.
TEST(StackedParameters, OfSeparateAllocationsAreCopies) {
  auto memory = random_normal({12}, 1);
  const auto piece = [&](std::int64_t begin, std::int64_t count) {
    return torch::from_blob(memory.data_ptr<double>() + begin, {count}, torch::kDouble).requires_grad_();
  };
  struct Pieces : torch::nn::Module {
    Pieces(const torch::Tensor& one, const torch::Tensor& other)
        : first(register_parameter("first", one)), second(register_parameter("second", other)) {}
    torch::Tensor first, second;
  };
  const Pieces one(piece(0, 2), piece(2, 4)), other(piece(6, 2), piece(8, 4));
  const StackedParameters stacked({&one, &other}, one.second, /*adds_gradients=*/false);
  EXPECT_TRUE(stacked.all(one.first).equal(at::stack({one.first, other.first})));
  EXPECT_TRUE(stacked.second().equal(at::stack({one.second, other.second})));
  EXPECT_NE(stacked.second().data_ptr(), one.second.data_ptr());
}

class ModelThatAddsGradientsTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  /// The gradients after `passes` backward passes over different images.
  torch::Tensor gradients(torch::Dtype dtype, MemoryPolicy memory, int passes, bool adds) const {
    auto model = random_model(GetParam(), 1, dtype);
    model->set_memory_policy(memory);
    const auto result = model->flat_parameters().gradients();
    model->set_adds_gradients(adds);
    for (int pass = 0; pass < passes; ++pass) {
      const auto x = random_images(GetParam(), 3, static_cast<std::uint64_t>(pass) + 2).to(dtype);
      model->log_prob(x).mean().backward();
      for (const auto& item : model->named_parameters()) {
        EXPECT_TRUE(item.value().grad().is_alias_of(result)) << item.key();
      }
    }
    return result;
  }
};

TEST_P(ModelThatAddsGradientsTest, HasTheSameGradients) {
  for (const auto& [dtype, tolerance] : {std::pair{torch::kDouble, 1e-12}, std::pair{torch::kFloat, 1e-5}}) {
    for (const auto memory : {MemoryPolicy::kStore, MemoryPolicy::kRecompute, MemoryPolicy::kReversible}) {
      for (const int passes : {1, 2}) {
        const auto expected = gradients(dtype, memory, passes, /*adds=*/false);
        EXPECT_GT(expected.ne(0).to(torch::kDouble).mean().item<double>(), 0.3);
        EXPECT_TRUE(close(gradients(dtype, memory, passes, /*adds=*/true), expected, tolerance))
            << to_string(memory) << " " << passes;
      }
    }
  }
}

TEST_P(ModelThatAddsGradientsTest, SumsTwoPassesOfOneGraph) {
  auto model = random_model(GetParam());
  const auto one = random_images(GetParam(), 3, 2), other = random_images(GetParam(), 2, 3);
  const auto result = model->flat_parameters().gradients();
  const auto gradient = [&](bool adds) {
    result.zero_();
    model->set_adds_gradients(adds);
    (model->log_prob(one).mean() + 2 * model->log_prob(other).mean()).backward();
    return result.clone();
  };
  const auto expected = gradient(false);
  EXPECT_TRUE(close(gradient(true), expected, 1e-12));
}

std::vector<GlowOptions> some_models() {
  std::vector<GlowOptions> chosen;
  for (const auto& options :
       every_combination({.height = 4, .width = 8, .levels = 2, .depth = 2, .hidden_width = 16})) {
    if (options.channels == 1 && options.edge_bias) chosen.push_back(options);
  }
  return chosen;
}

INSTANTIATE_TEST_SUITE_P(Models, ModelThatAddsGradientsTest, ::testing::ValuesIn(some_models()), kCaseName);

}  // namespace
}  // namespace glow::nn::stacked_parameters_test
