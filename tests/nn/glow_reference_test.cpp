// Compares the library with results of the float64 reference in Python (tests/reference).

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/model_file.h>

#include "support/reference.h"
#include "support/tensors.h"

namespace glow::nn::glow_reference_test {
namespace {

using glow::testing::close;
using glow::testing::expected_tensors;
using glow::testing::fixture;

class GlowReferenceTest : public ::testing::TestWithParam<std::tuple<const char*, torch::Dtype>> {
 protected:
  GlowReferenceTest() { model->to(std::get<1>(GetParam())); }

  bool has(const std::string& tensor) const { return expected.contains(tensor); }
  double tolerance() const { return std::get<1>(GetParam()) == torch::kDouble ? 1e-9 : 1e-5; }
  torch::Tensor labels() const { return has("labels") ? expected.at("labels") : torch::Tensor(); }

  const std::string name = std::get<0>(GetParam());
  std::map<std::string, torch::Tensor> expected = expected_tensors(name);
  Glow model = load_model(fixture(name + ".model.safetensors"));
  torch::NoGradGuard no_grad;
};

TEST_P(GlowReferenceTest, DensityAndLatentsEqualTheReference) {
  const auto encoding = model->evaluate(expected["x"], labels());
  EXPECT_EQ(encoding.log_prob.scalar_type(), std::get<1>(GetParam()));
  EXPECT_TRUE(close(encoding.log_prob, expected["log_prob"], tolerance()));
  EXPECT_TRUE(close(encoding.log_det, expected["log_det"], tolerance()));
  EXPECT_TRUE(close(model->quantizer().bits_per_dim(encoding.log_prob), expected["bits_per_dim"], tolerance()));
  ASSERT_EQ(encoding.latents.eps.size(), static_cast<std::size_t>(model->options().levels));
  for (std::size_t l = 0; l < encoding.latents.eps.size(); ++l) {
    EXPECT_TRUE(close(encoding.latents.eps[l], expected["eps." + std::to_string(l)], tolerance()));
  }
  EXPECT_EQ(encoding.class_logits.defined(), has("class_logits"));
  if (has("class_logits")) {
    EXPECT_TRUE(close(encoding.class_logits, expected["class_logits"], tolerance()));
    EXPECT_TRUE(close(model->log_prob_marginal(expected["x"]), expected["log_prob_marginal"], tolerance()));
  }
}

TEST_P(GlowReferenceTest, DecodedImagesEqualTheReference) {
  Latents latents;
  for (std::int64_t l = 0; l < model->options().levels; ++l) {
    latents.eps.push_back(expected["decode.eps." + std::to_string(l)]);
  }
  const auto x = model->decode(latents, labels());
  EXPECT_TRUE(close(x, expected["decode.x"], tolerance()));
  // Rounding to float32 may move a value across the edge of a bin.
  const auto steps = (model->quantizer().to_bytes(x).to(torch::kInt) - expected["decode.bytes"].to(torch::kInt)).abs();
  EXPECT_LE(steps.max().item<int>(), tolerance() < 1e-6 ? 0 : 256 / model->quantizer().bins());
  EXPECT_LE(steps.ne(0).to(torch::kDouble).mean().item<double>(), 0.01);
}

TEST_P(GlowReferenceTest, BinCentresEqualTheReference) {
  EXPECT_TRUE(model->quantizer()
                  .center(expected["bytes"], std::get<1>(GetParam()))
                  .equal(expected["center"].to(std::get<1>(GetParam()))));
  const auto mask = 256 - 256 / model->quantizer().bins();
  EXPECT_TRUE(model->quantizer().to_bytes(expected["x"]).equal(expected["bytes"].bitwise_and(mask)));
}

INSTANTIATE_TEST_SUITE_P(
    Fixtures, GlowReferenceTest,
    ::testing::Combine(::testing::Values("smallest", "grey_lu_affine", "colour_conv1x1_affine",
                                         "colour_conv1x1_additive", "two_channels_lu_additive_plain",
                                         "five_channels_shuffle_affine", "two_channels_reverse_affine",
                                         "conditional_conv1x1_affine", "conditional_shuffle_additive_plain",
                                         "realnvp_colour", "realnvp_conditional", "nice_convolutional",
                                         "nice_dense_logistic", "nice_conditional"),
                       ::testing::Values(torch::kDouble, torch::kFloat)),
    [](const auto& test) {
      return std::string(std::get<0>(test.param)) + "_" + c10::toString(std::get<1>(test.param));
    });

TEST(GlowReferenceInitializationTest, ActnormsEqualTheReference) {
  auto expected = expected_tensors("init");
  auto model = load_model(fixture("init.before.safetensors"));
  model->to(torch::kDouble);
  const auto report = model->initialize(expected["x"], {.chunk = 4});
  const auto parameters = model->named_parameters();
  std::size_t compared = 0;
  for (const auto& [name, value] : expected) {
    if (name == "x") continue;
    EXPECT_TRUE(close(parameters[name], value, 1e-9)) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 24u);  // 2 levels of 2 steps of 3 actnorms of a bias and a log_scale
  ASSERT_EQ(report.floored.size(), 1u);
  EXPECT_EQ(report.floored[0].layer, "levels.0.steps.0.actnorm");
  EXPECT_EQ(report.floored[0].channels, 4);
}

}  // namespace
}  // namespace glow::nn::glow_reference_test
