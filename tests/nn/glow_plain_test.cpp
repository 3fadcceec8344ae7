// Compares the library, which folds, caches and reorders, with PlainGlow, which computes the paper's layers in order.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/glow.h>

#include "support/model_cases.h"
#include "support/plain_glow.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::nn::glow_plain_test {
namespace {

using glow::testing::close;
using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::other_shapes;
using glow::testing::PlainGlow;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::small_options;
using glow::testing::some_labels;

class GlowPlainTest : public ::testing::TestWithParam<GlowOptions> {};

TEST_P(GlowPlainTest, EqualsTheUnfoldedModel) {
  const torch::NoGradGuard no_grad;
  const auto x = random_images(GetParam(), 3, 2);
  const auto labels = some_labels(GetParam(), 3);
  for (const auto dtype : {torch::kDouble, torch::kFloat}) {
    const double tolerance = dtype == torch::kDouble ? 1e-11 : 1e-5;
    const auto model = random_model(GetParam(), 1, dtype);
    const auto encoding = model->evaluate(x, labels);
    const auto expected = PlainGlow(model)(x.to(dtype), labels);
    EXPECT_TRUE(close(encoding.log_det, expected.log_det, tolerance));
    EXPECT_TRUE(close(encoding.log_prob, expected.log_prob, tolerance));
    ASSERT_EQ(encoding.latents.eps.size(), expected.eps.size());
    for (std::size_t l = 0; l < expected.eps.size(); ++l) {
      EXPECT_TRUE(close(encoding.latents.eps[l], expected.eps[l], tolerance)) << "level " << l;
    }
    ASSERT_EQ(encoding.class_logits.defined(), expected.class_logits.defined());
    if (expected.class_logits.defined()) {
      EXPECT_TRUE(close(encoding.class_logits, expected.class_logits, tolerance));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Combinations, GlowPlainTest, ::testing::ValuesIn(every_combination(small_options())),
                         kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherShapes, GlowPlainTest, ::testing::ValuesIn(other_shapes()), kCaseName);

}  // namespace
}  // namespace glow::nn::glow_plain_test
