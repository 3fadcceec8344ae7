#include <limits>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::first_not_finite_test {
namespace {

using glow::testing::case_name;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::some_labels;

constexpr std::int64_t kImages = 2;

std::vector<GlowOptions> cases() {
  auto affine = glow::testing::small_options();
  affine.num_classes = 3;
  auto additive = affine;
  additive.permutation = PermutationKind::kLU;
  additive.coupling = CouplingKind::kAdditive;
  return {affine, additive};
}

class FirstNotFinite : public ::testing::TestWithParam<GlowOptions> {
 protected:
  std::optional<std::string> find(const torch::Tensor& x) const {
    return model_->first_not_finite(x, some_labels(GetParam(), kImages));
  }

  Glow model_ = random_model(GetParam());
  torch::Tensor x_ = random_images(GetParam(), kImages, 3);
};

TEST_P(FirstNotFinite, IsEmptyIfAllLayersAreFinite) { EXPECT_EQ(find(x_), std::nullopt); }

TEST_P(FirstNotFinite, NamesTheLayerWithNonFiniteWeights) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model_->named_parameters()) {
    const auto before = parameter.value().clone();
    parameter.value().fill_(std::numeric_limits<double>::quiet_NaN());
    const auto found = find(x_).value_or("nothing");
    EXPECT_TRUE(parameter.key().starts_with(found + ".")) << parameter.key() << " is not finite, found " << found;
    parameter.value().copy_(before);
  }
}

class FirstNotFiniteOfGlow : public FirstNotFinite {};

TEST_P(FirstNotFiniteOfGlow, NamesTheFirstOfSeveralLayers) {
  const torch::NoGradGuard no_grad;
  for (const auto* name :
       {"top.prior.bias", "levels.0.steps.1.coupling.net.conv3.bias", "levels.0.steps.1.actnorm.bias"}) {
    model_->named_parameters()[name].fill_(std::numeric_limits<double>::infinity());
    EXPECT_TRUE(std::string(name).starts_with(find(x_).value_or("nothing") + ".")) << name;
  }
  x_.view(-1)[0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(find(x_), "the images");
}

INSTANTIATE_TEST_SUITE_P(Models, FirstNotFinite, ::testing::ValuesIn(cases()), glow::testing::kCaseName);
INSTANTIATE_TEST_SUITE_P(Models, FirstNotFiniteOfGlow, ::testing::ValuesIn(cases()), glow::testing::kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherFamilies, FirstNotFinite, ::testing::ValuesIn(glow::testing::other_families()),
                         glow::testing::kCaseName);

TEST(FirstNotFinite, NamesASingularMapWithFiniteOutput) {
  const auto options = glow::testing::small_options();
  auto model = random_model(options);
  const torch::NoGradGuard no_grad;
  model->named_parameters()["levels.1.steps.0.permutation.weight"][0].zero_();
  EXPECT_EQ(model->first_not_finite(random_images(options, kImages, 3)), "levels.1.steps.0.permutation");
}

}  // namespace
}  // namespace glow::nn::first_not_finite_test
