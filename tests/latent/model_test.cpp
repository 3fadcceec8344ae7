#include <glow/model.h>

#include <atomic>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <glow/data/images.h>
#include <glow/error.h>
#include <glow/evaluate/score.h>
#include <glow/nn/model_file.h>
#include <glow/shard.h>

#include "support/reference.h"
#include "support/temporary_directory.h"
#include "support/tensors.h"
#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::model_test {
namespace {

using glow::testing::close;
using glow::testing::fixture;
using glow::testing::started_tiny_model;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using glow::testing::tiny_images;

constexpr std::int64_t kImages = 10;

torch::Tensor all_bytes() { return tiny_images(kImages)->bytes(index_range(0, kImages)); }
torch::Tensor all_labels() { return tiny_images(kImages)->labels(index_range(0, kImages)); }

/// The results of every function, as tensors.
std::vector<torch::Tensor> results(const Model& model) {
  const auto labels = model.options().num_classes > 0 ? all_labels() : torch::Tensor();
  const auto latents = model.encode(all_bytes(), labels);
  std::vector<torch::Tensor> all{model.score(all_bytes(), labels),
                                 model.score(all_bytes(), {}, {.seed = 1, .draws = 2}), model.decode(latents, labels),
                                 model.sample(5, {.temperature = 0.7, .seed = 2})};
  all.insert(all.end(), latents.eps.begin(), latents.eps.end());
  return all;
}

bool equal(const std::vector<torch::Tensor>& one, const std::vector<torch::Tensor>& other) {
  bool all = one.size() == other.size();
  for (std::size_t i = 0; all && i < one.size(); ++i) all = one[i].equal(other[i]);
  return all;
}

class ModelOfClasses : public ::testing::TestWithParam<std::int64_t> {
 protected:
  const nn::Glow module = started_tiny_model(GetParam());
  const torch::Tensor labels = GetParam() > 0 ? all_labels() : torch::Tensor();
  const Model model{module, {.batch = 4}};
};

TEST_P(ModelOfClasses, ScoreEqualsThatOfASource) {
  const auto expected = evaluate::score(module, *tiny_images(kImages), {.draws = 3, .seed = 5});
  const auto bits = model.score(all_bytes(), labels, {.seed = 5, .draws = 3});
  EXPECT_EQ(bits.scalar_type(), torch::kDouble);
  EXPECT_TRUE(close(bits, expected.bits_per_dim, 1e-5));
}

TEST_P(ModelOfClasses, ScoreWithoutLabelsIsMarginal) {
  const auto expected =
      evaluate::score(module, *tiny_images(kImages), {.classes = evaluate::ClassDensity::kMarginal}).bits_per_dim;
  EXPECT_TRUE(close(model.score(all_bytes()), expected, 1e-5));
  const auto last = model.score(all_bytes().slice(0, 2), {}, {.first_index = 2});
  EXPECT_TRUE(close(last, expected.slice(0, 2), 1e-5));
}

TEST_P(ModelOfClasses, OtherScoresOfTensorsAreThoseOfASource) {
  const auto bytes = all_bytes();
  // These two lines are in docs/cpp.md.
  const auto images = glow::data::tensor_images(bytes, labels);
  const auto scores = glow::evaluate::score(model.glow(), images, {.importance = 16, .compress = true});
  const auto expected = evaluate::score(module, *tiny_images(kImages), {.importance = 16, .compress = true});
  EXPECT_TRUE(close(scores.importance_bits_per_dim, expected.importance_bits_per_dim, 1e-5));
  EXPECT_EQ(scores.png_bits_per_dim.numel(), kImages);
}

TEST_P(ModelOfClasses, DecodeIsTheInverseOfEncode) {
  EXPECT_TRUE(model.decode(model.encode(all_bytes(), labels), labels).equal(all_bytes()));
}

TEST_P(ModelOfClasses, ResultsDoNotDependOnTheCallersModeAndHaveNoGraph) {
  const auto expected = results(model);
  for (const auto& tensor : expected) EXPECT_FALSE(tensor.requires_grad());
  {
    const torch::NoGradGuard no_grad;
    EXPECT_TRUE(equal(results(model), expected));
  }
  {
    const c10::InferenceMode inference;
    EXPECT_TRUE(equal(results(model), expected));
  }
  // Made in one mode and used in another.
  const auto under_inference = [&] {
    const c10::InferenceMode inference;
    return model.encode(all_bytes(), labels);
  }();
  EXPECT_TRUE(model.decode(under_inference, labels).equal(all_bytes()));
}

TEST_P(ModelOfClasses, ThreadsGetTheBytesOfOneThread) {
  const auto expected = results(model);
  std::atomic<int> different = 0;
  for (int round = 0; round < 5; ++round) {
    const Model shared(module, {.batch = 4});  // its cache of weights is empty
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, copy = shared] {
        if (!equal(results(copy), expected)) ++different;
      });
    }
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(different, 0);
}

INSTANTIATE_TEST_SUITE_P(Classes, ModelOfClasses, ::testing::Values(0, 3));

TEST(Model, DoesNotFollowTheModuleItWasMadeFrom) {
  auto module = started_tiny_model();
  module->train();
  const Model model(module), copy = model;
  EXPECT_TRUE(module->is_training());
  const auto expected = results(model);
  const torch::NoGradGuard no_grad;
  module->flat_parameters().values().add_(0.1);
  EXPECT_TRUE(equal(results(model), expected));
  EXPECT_TRUE(equal(results(copy), expected));
  EXPECT_EQ(&*copy.glow(), &*model.glow());
}

TEST(Model, LoadsAFileWithItsClassNames) {
  const TemporaryDirectory directory;
  auto module = started_tiny_model(3);
  module->set_class_names({"a", "b", "c"});
  nn::save_model(module, directory / "model.safetensors");
  const auto model = Model::load(directory / "model.safetensors", {.dtype = torch::kDouble, .batch = 3});
  EXPECT_EQ(model.class_names(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(model.glow()->dtype(), torch::kDouble);
  EXPECT_TRUE(close(model.score(all_bytes()), Model(module).score(all_bytes()), 1e-5));
}

TEST(Model, NamesInvalidOptions) {
  const auto file = fixture("grey_lu_affine.model.safetensors");
  EXPECT_TRUE(throws<ConfigError>([&] { Model::load(file, {.batch = 0}); }, {"batch", "at least 1"}));
  EXPECT_TRUE(throws<ConfigError>([&] { Model::load(file, {.dtype = torch::kHalf}); }, {"dtype", "Half"}));
  EXPECT_TRUE(throws<ConfigError>([&] { Model::load(file, {.device = {torch::kCUDA, 99}}); }, {"device: cuda:99"}));
  EXPECT_TRUE(throws<ConfigError>(
      [&] { Model::load(file, {.dtype = torch::kDouble, .hidden_precision = nn::HiddenPrecision::kBf16}); },
      {"precision", "float32"}));
  EXPECT_TRUE(throws<ConfigError>([] { const Model model(glow::testing::tiny_model()); }, {"not initialised"}));
  EXPECT_TRUE(throws<IoError>([] { Model::load("/missing/file"); }, {"/missing/file"}));
}

TEST(Model, RefusesTensorsThatAreNoImages) {
  const Model model(started_tiny_model(3));
  const auto bytes = all_bytes();
  EXPECT_TRUE(throws<ShapeError>([&] { model.score(bytes.to(torch::kFloat)); }, {"uint8", "Float"}));
  EXPECT_TRUE(throws<ShapeError>([&] { model.encode(bytes.to(torch::kFloat), all_labels()); }, {"uint8", "Float"}));
  EXPECT_TRUE(throws<ShapeError>([&] { model.score(bytes[0]); }, {"images", "[N, C, H, W]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { model.encode(torch::Tensor()); }, {"images", "undefined"}));
  EXPECT_TRUE(throws<ShapeError>([&] { model.score(bytes.narrow(0, 0, 0)); }, {"at least one"}));
  EXPECT_TRUE(throws<ShapeError>([&] { model.score(bytes, all_labels().narrow(0, 0, 3)); }, {"labels", "[10]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { model.score(bytes.narrow(2, 0, 2)); }, {"images", "[N, 1, 4, 4]"}));
  EXPECT_TRUE(throws<ConfigError>([&] { model.encode(bytes); }, {"labels", "conditional"}));
  EXPECT_TRUE(throws<ConfigError>([&] { model.score(bytes, {}, {.draws = 0}); }, {"draws", "at least 1"}));
}

TEST(Model, RefusesToDecodeToValuesThatAreNotFinite) {
  const Model model(started_tiny_model(), {.batch = 4});
  auto latents = model.encode(all_bytes());
  latents.eps.front()[7].fill_(std::numeric_limits<float>::infinity());
  EXPECT_TRUE(throws<NumericalError>([&] { model.decode(latents); }, {"1 of 10 images", "image 7"}));
}

}  // namespace
}  // namespace glow::model_test
