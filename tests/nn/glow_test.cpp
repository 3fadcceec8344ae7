#include <glow/nn/glow.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "nn/prior.h"
#include "support/jacobian.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::glow_test {
namespace {

using glow::testing::close;
using glow::testing::every_combination;
using glow::testing::jacobian_log_det;
using glow::testing::kCaseName;
using glow::testing::other_families;
using glow::testing::other_shapes;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::random_normal;
using glow::testing::small_options;
using glow::testing::some_labels;
using glow::testing::throws;

class GlowTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  Glow model = random_model(GetParam());
};

TEST_P(GlowTest, DecodeInvertsEncode) {
  const torch::NoGradGuard no_grad;
  const auto x = random_images(GetParam(), 3, 2);
  const auto labels = some_labels(GetParam(), 3);
  EXPECT_TRUE(close(model->decode(model->encode(x, labels), labels), x, 1e-10));
}

TEST_P(GlowTest, EncodeInvertsDecode) {
  const torch::NoGradGuard no_grad;
  const auto rows = random_normal({3, GetParam().dimensions()}, 3);
  const auto labels = some_labels(GetParam(), 3);
  const auto x = model->decode(unflatten(rows, GetParam()), labels);
  EXPECT_TRUE(close(flatten(model->evaluate(x, labels).latents), rows, 1e-10));
}

TEST_P(GlowTest, LogProbIsLatentLogDensityPlusJacobianLogDet) {
  const auto x = random_images(GetParam(), 2, 4);
  const auto labels = some_labels(GetParam(), 2);
  const auto encoding = model->evaluate(x, labels);
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto eps_of = [&](const torch::Tensor& images) {
      const auto label = labels.defined() ? labels[i].expand({images.size(0)}) : labels;
      return flatten(model->encode(images, label));
    };
    const auto log_det = jacobian_log_det(eps_of, x.narrow(0, i, 1));
    EXPECT_TRUE(close(encoding.log_det.narrow(0, i, 1), log_det, 1e-8));
    const auto log_normal = standard_normal_log_prob(flatten(encoding.latents).narrow(0, i, 1));
    EXPECT_TRUE(close(model->log_prob(x, labels).narrow(0, i, 1), log_normal + log_det, 1e-8));
  }
}

TEST_P(GlowTest, ResultsDoNotDependOnTheBatch) {
  const torch::NoGradGuard no_grad;
  const auto x = random_images(GetParam(), 5, 5);
  const auto labels = some_labels(GetParam(), 5);
  const auto together = model->evaluate(x, labels);
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto alone = model->evaluate(x.narrow(0, i, 1), labels.defined() ? labels.narrow(0, i, 1) : labels);
    EXPECT_TRUE(close(alone.log_prob, together.log_prob.narrow(0, i, 1), 1e-12));
    EXPECT_TRUE(close(flatten(alone.latents), flatten(together.latents).narrow(0, i, 1), 1e-12));
  }
}

INSTANTIATE_TEST_SUITE_P(Combinations, GlowTest, ::testing::ValuesIn(every_combination(small_options())), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherShapes, GlowTest, ::testing::ValuesIn(other_shapes()), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherFamilies, GlowTest, ::testing::ValuesIn(other_families()), kCaseName);

class GlowDepthTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(GlowDepthTest, Float32RoundTripErrorIsBoundedPerStep) {
  auto options = small_options(3);
  options.depth = GetParam();
  // Initialised from data, with small random weights in the zero-initialised layers, as after some training. A model of
  // this depth with entirely random weights would be unrealistic.
  Glow model(options, 6);
  const auto x = random_images(options, 16, 7).to(torch::kFloat);
  model->initialize(x);
  const torch::NoGradGuard no_grad;
  WeightSource source(8);
  for (auto& item : model->named_parameters()) {
    if (item.key().ends_with("conv3.weight")) item.value().copy_(source.normal(item.value().sizes()) * 0.02);
  }
  const double tolerance = 1e-6 * (1 + static_cast<double>(GetParam()));
  const auto latents = model->encode(x);
  EXPECT_EQ(flatten(latents).scalar_type(), torch::kFloat);
  EXPECT_TRUE(close(model->decode(latents), x, tolerance));

  const auto rows = random_normal({4, options.dimensions()}, 8).to(torch::kFloat);
  EXPECT_TRUE(close(flatten(model->evaluate(model->decode(unflatten(rows, options))).latents), rows, 4 * tolerance));
}

INSTANTIATE_TEST_SUITE_P(Depths, GlowDepthTest, ::testing::Values(1, 4, 16, 32));

TEST_P(GlowTest, Float32ApproximatesFloat64) {
  const torch::NoGradGuard no_grad;
  const auto x = random_images(GetParam(), 4, 9);
  const auto labels = some_labels(GetParam(), 4);
  const auto exact = model->evaluate(x, labels);
  const Glow single = random_model(GetParam(), 1, torch::kFloat);
  const auto rounded = single->evaluate(x, labels);
  EXPECT_EQ(rounded.log_prob.scalar_type(), torch::kFloat);
  EXPECT_TRUE(close(rounded.log_prob, exact.log_prob, 1e-5));
  EXPECT_TRUE(close(single->decode(rounded.latents, labels), x, 1e-5));
}

// Results are equal up to rounding, because the code without a graph uses other loops.
TEST(GlowGradModeTest, ResultsAreEqualWithAndWithoutAGraph) {
  auto options = small_options(2);
  options.num_classes = 3;
  const auto model = random_model(options);
  const auto x = random_images(options, 3, 10);
  const auto labels = some_labels(options, 3);
  const auto with_graph = model->evaluate(x, labels);
  const auto decoded = model->decode(with_graph.latents, labels);
  EXPECT_TRUE(with_graph.log_prob.requires_grad());
  const torch::NoGradGuard no_grad;
  const auto without = model->evaluate(x, labels);
  EXPECT_FALSE(without.log_prob.requires_grad());
  EXPECT_TRUE(close(without.log_prob, with_graph.log_prob, 1e-13));
  EXPECT_TRUE(close(without.class_logits, with_graph.class_logits, 1e-13));
  EXPECT_TRUE(close(flatten(without.latents), flatten(with_graph.latents), 1e-12));
  EXPECT_TRUE(close(model->decode(without.latents, labels), decoded, 1e-12));
}

TEST(GlowInferenceModeTest, LogProbIsEqualUnderInferenceMode) {
  const auto options = small_options(2);
  const auto model = random_model(options);
  const auto x = random_images(options, 3, 10);
  torch::Tensor inference;
  {
    const c10::InferenceMode guard;
    inference = model->log_prob(x);
  }
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(model->log_prob(x).equal(inference));
}

TEST(GlowClassesTest, MarginalIsTheMeanOfTheClassDensities) {
  const torch::NoGradGuard no_grad;
  auto options = small_options(2);
  options.num_classes = 4;
  const auto model = random_model(options);
  const auto x = random_images(options, 3, 11);
  const auto by_class = model->log_prob_by_class(x);
  ASSERT_EQ(by_class.sizes(), torch::IntArrayRef({3, 4}));
  for (std::int64_t y = 0; y < 4; ++y) {
    EXPECT_TRUE(close(by_class.select(1, y), model->log_prob(x, torch::full({3}, y, torch::kLong)), 1e-12));
  }
  EXPECT_TRUE(close(model->log_prob_marginal(x), by_class.exp().mean(1).log(), 1e-12));
}

TEST(GlowClassesTest, ClassLogitsDoNotDependOnTheLabels) {
  const torch::NoGradGuard no_grad;
  auto options = small_options();
  options.num_classes = 2;
  const auto model = random_model(options);
  const auto x = random_images(options, 3, 12);
  const auto zeros = torch::zeros(3, torch::kLong);
  EXPECT_TRUE(model->evaluate(x, zeros).class_logits.equal(model->evaluate(x, zeros + 1).class_logits));
  EXPECT_FALSE(random_model(small_options())->evaluate(x).class_logits.defined());
}

TEST(GlowSeedTest, DeterminesTheInitialWeights) {
  const auto options = small_options();
  const auto values = [&](std::uint64_t seed) { return Glow(options, seed)->flat_parameters().values(); };
  EXPECT_TRUE(values(1).equal(values(1)));
  EXPECT_FALSE(values(1).equal(values(2)));
}

TEST(GlowErrors, ImagesOfWrongShapeOrDtype) {
  auto model = random_model(small_options(3));
  const auto evaluated = [&](const torch::Tensor& x) { return [&model, x] { model->log_prob(x); }; };
  for (const auto& shape :
       {std::vector<std::int64_t>{2, 1, 4, 8}, {2, 3, 8, 4}, {2, 3, 4, 4}, {3, 4, 8}, {}, {0, 3, 4, 8}}) {
    EXPECT_TRUE(throws<ShapeError>(evaluated(torch::zeros(shape)), {"images", "[N, 3, 4, 8]", "got"}));
    EXPECT_TRUE(throws<ShapeError>([&] { model->initialize(torch::zeros(shape)); }, {"images", "[N, 3, 4, 8]", "got"}));
  }
  EXPECT_TRUE(
      throws<ShapeError>(evaluated(torch::zeros({2, 3, 4, 8}, torch::kByte)), {"images", "floating-point", "Byte"}));
}

TEST(GlowErrors, LatentsOfWrongShape) {
  const auto options = small_options(3);
  const auto model = random_model(options);
  const auto good = unflatten(torch::zeros({2, options.dimensions()}), options);
  const auto decoded = [&](const Latents& latents) { return [&model, latents] { model->decode(latents); }; };
  auto latents = good;
  latents.eps.pop_back();
  EXPECT_TRUE(throws<ShapeError>(decoded(latents), {"latents", "2 levels", "got 1"}));
  latents = good;
  latents.eps[0] = torch::zeros({2, 6, 2, 3});
  EXPECT_TRUE(throws<ShapeError>(decoded(latents), {"latents", "level 0", "[2, 6, 2, 3]"}));
  latents.eps[0] = torch::zeros({1, 6, 2, 4});
  EXPECT_TRUE(throws<ShapeError>(decoded(latents), {"latents", "level 0", "[1, 6, 2, 4]"}));
  EXPECT_TRUE(throws<ShapeError>(decoded(unflatten(torch::zeros({0, options.dimensions()}), options)),
                                 {"latents", "level 1", "[0, 24, 1, 2]"}));
  latents = good;
  latents.eps[1] = torch::zeros({2, 24});
  EXPECT_TRUE(throws<ShapeError>(decoded(latents), {"latents", "level 1", "[2, 24]"}));
}

TEST(GlowErrors, MissingOrInvalidLabels) {
  auto options = small_options();
  options.num_classes = 3;
  const auto model = random_model(options);
  const auto x = random_images(options, 2, 13);
  const auto rows = random_normal({2, options.dimensions()}, 14);
  const auto int64 = torch::TensorOptions(torch::kLong);
  const auto refused = [&]<class Exception>(const torch::Tensor& labels,
                                            std::initializer_list<std::string_view> parts) {
    EXPECT_TRUE(throws<Exception>([&] { model->log_prob(x, labels); }, parts));
    EXPECT_TRUE(throws<Exception>([&] { model->encode(x, labels); }, parts));
    EXPECT_TRUE(throws<Exception>([&] { model->decode(unflatten(rows, options), labels); }, parts));
  };
  refused.operator()<ConfigError>({}, {"labels", "conditional", "needs one per image"});
  refused.operator()<ConfigError>(torch::tensor({0, 3}, int64), {"labels", "0 to 2", "3"});
  refused.operator()<ConfigError>(torch::tensor({-1, 1}, int64), {"labels", "0 to 2", "none"});
  refused.operator()<ShapeError>(torch::tensor({1}, int64), {"labels", "int64 [N]", "[1]"});
  refused.operator()<ShapeError>(torch::tensor({{1, 1}}, int64), {"labels", "int64 [N]", "[1, 2]"});
  refused.operator()<ShapeError>(torch::tensor({1, 2}, torch::kInt), {"labels", "int64 [N]", "Int"});
}

TEST(GlowErrors, LabelsAndClassesOfAnUnconditionalModel) {
  const auto options = small_options();
  auto model = random_model(options);
  const auto x = random_images(options, 2, 15);
  const auto labels = torch::zeros(2, torch::kLong);
  EXPECT_TRUE(throws<ConfigError>([&] { model->log_prob(x, labels); }, {"labels", "unconditional"}));
  EXPECT_TRUE(throws<ConfigError>([&] { model->log_prob_by_class(x); }, {"log_prob_by_class", "unconditional"}));
  EXPECT_TRUE(throws<ConfigError>([&] { model->log_prob_marginal(x); }, {"unconditional"}));
  EXPECT_TRUE(throws<ConfigError>([&] { model->set_class_names({"bag"}); }, {"class names", "1 for 0"}));
}

}  // namespace
}  // namespace glow::nn::glow_test
