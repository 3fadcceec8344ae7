#include <glow/evaluate/score.h>

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/evaluate/ood.h>
#include <glow/evaluate/round_trip.h>
#include <glow/nn/model_file.h>
#include <glow/shard.h>

#include "images/array.h"
#include "support/random_weights.h"
#include "support/reference.h"
#include "support/tensors.h"
#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::evaluate::score_test {
namespace {

using glow::testing::close;
using glow::testing::expected_tensors;
using glow::testing::fixture;
using glow::testing::random_normal;
using glow::testing::read_tensors;
using glow::testing::started_tiny_model;
using glow::testing::throws;
using glow::testing::tiny_images;

/// Images of `bytes`, uint8 [N, C, H, W], with `labels`, int64 [N], or without when undefined, as a source of files
/// gives them.
data::Images images_of(const torch::Tensor& bytes, const torch::Tensor& labels = {}) {
  const auto last = bytes.permute({0, 2, 3, 1}).contiguous();
  const io::ImageShape shape{static_cast<int>(last.size(1)), static_cast<int>(last.size(2)),
                             static_cast<int>(last.size(3))};
  const auto* first = reinterpret_cast<const char*>(last.data_ptr<std::uint8_t>());
  std::vector<std::uint8_t> classes;
  for (std::int64_t i = 0; labels.defined() && i < labels.numel(); ++i) {
    classes.push_back(static_cast<std::uint8_t>(labels[i].item<std::int64_t>()));
  }
  return data::Images(
      images::make_array_source(shape, {first, static_cast<std::size_t>(last.numel())}, classes, "an array"),
      {.height = shape.height, .width = shape.width});
}

/// log p of every image under `draw` of the noise, computed all at once: float64 [N].
torch::Tensor log_prob_of_draw(nn::Glow& model, const data::Images& images, std::uint64_t seed, std::int64_t draw) {
  const torch::NoGradGuard no_grad;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(images.size()));
  std::iota(indices.begin(), indices.end(), 0);
  const auto x = model->quantizer().dequantize(images.bytes(indices), draw, {.seed = seed, .dtype = model->dtype()});
  const auto labels = model->options().num_classes > 0 ? images.labels(indices) : torch::Tensor();
  return model->log_prob(x, labels).to(at::kDouble);
}

/// 4x4 images of one bit, with bins so wide that the density varies much within a bin.
nn::Glow wide_bin_model() {
  return glow::testing::random_model(
      {.channels = 1, .height = 4, .width = 4, .bits = 1, .levels = 2, .depth = 2, .hidden_width = 6});
}

/// A conditional model whose prior of class 1 (images 1, 4, 7 ...) has its mean far away.
nn::Glow model_with_distant_class(float distance) {
  auto model = started_tiny_model(3);
  const torch::NoGradGuard no_grad;
  for (auto& item : model->named_parameters()) {
    if (item.key() != "top.class_embedding.weight") continue;
    item.value().select(1, 1).narrow(0, 0, item.value().size(0) / 2).fill_(distance);
  }
  return model;
}

class ScoreBatch : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(ScoreBatch, BoundsEqualTheFormulasForAnyBatchSize) {
  constexpr std::uint64_t kSeed = 5;
  const auto images = tiny_images(10);
  for (const std::int64_t classes : {0, 3}) {
    auto model = started_tiny_model(classes);
    model->to(at::kDouble);
    std::vector<torch::Tensor> draws;
    for (int draw = 0; draw < 4; ++draw) draws.push_back(log_prob_of_draw(model, *images, kSeed, draw));
    const auto scores = score(model, *images, {.batch = GetParam(), .draws = 3, .importance = 4, .seed = kSeed});

    const auto bits = model->quantizer().bits_per_dim(at::stack(draws).narrow(0, 0, 3));
    const auto mean = (bits[0] + bits[1] + bits[2]) / 3;
    EXPECT_TRUE(close(scores.bits_per_dim, mean, 1e-12));
    const auto variance = ((bits[0] - mean).square() + (bits[1] - mean).square() + (bits[2] - mean).square()) / (3 - 1);
    EXPECT_TRUE(close(scores.spread, variance.sqrt(), 1e-12));
    // Relative to draw 0, to avoid underflow and overflow.
    auto ratio = at::ones_like(draws[0]);
    for (int draw = 1; draw < 4; ++draw) ratio = ratio + (draws[draw] - draws[0]).exp();
    const auto weighted = model->quantizer().bits_per_dim(draws[0] + (ratio / 4).log());
    EXPECT_TRUE(close(scores.importance_bits_per_dim, weighted, 1e-12));
  }
}

INSTANTIATE_TEST_SUITE_P(Batches, ScoreBatch, ::testing::Values(1, 3, 10, 64));

TEST(Score, DensitiesAreBitwiseEqualWithClassification) {
  const auto images = tiny_images(10);
  for (const auto& model : {started_tiny_model(), started_tiny_model(3), model_with_distant_class(1e30F)}) {
    const auto expected = summarise(score(model, *images, {.batch = 4, .seed = 7}));
    const auto summary = summarise(score(model, *images, {.batch = 4, .seed = 7, .classify = true}));
    EXPECT_EQ(summary.bits_per_dim.mean, expected.bits_per_dim.mean);
    EXPECT_EQ(summary.bits_per_dim.standard_error, expected.bits_per_dim.standard_error);
    EXPECT_EQ(summary.images, expected.images);
    EXPECT_EQ(summary.non_finite, expected.non_finite);
  }
}

TEST(Score, ImportanceBoundIsBelowThePlainBoundOfTheSameDraws) {
  const auto images = tiny_images(40);
  const auto model = wide_bin_model();
  const auto scores = score(model, *images, {.draws = 8, .importance = 8});
  EXPECT_TRUE(scores.importance_bits_per_dim.lt(scores.bits_per_dim).all().item<bool>());
  const auto one = score(model, *images, {.draws = 1, .importance = 1});
  EXPECT_TRUE(one.importance_bits_per_dim.equal(one.bits_per_dim));
}

TEST(Score, ImportanceBoundDecreasesWithTheNumberOfDraws) {
  const auto images = tiny_images(2000);
  const auto model = wide_bin_model();
  double before = HUGE_VAL;
  for (const std::int64_t draws : {1, 4, 16}) {
    const auto bound =
        summarise(score(model, *images, {.batch = 500, .importance = draws})).importance_bits_per_dim->mean;
    EXPECT_LT(bound, before - 1e-4) << draws;
    before = bound;
  }
}

/// A known density, N(0, sd^2) independently for each pixel: a flow whose networks are zero.
nn::Glow normal_pixels(double sd) {
  nn::Glow model(nn::GlowOptions{.channels = 1,
                                 .height = 2,
                                 .width = 2,
                                 .bits = 1,
                                 .levels = 1,
                                 .depth = 1,
                                 .hidden_width = 1,
                                 .permutation = nn::PermutationKind::kReverse,
                                 .coupling = nn::CouplingKind::kAdditive,
                                 .edge_bias = false});
  model->to(at::kDouble);
  const torch::NoGradGuard no_grad;
  // The second half of the prior is log sd.
  model->named_parameters()["top.prior.bias"].narrow(0, 4, 4).fill_(std::log(sd));
  model->mark_initialized();
  return model;
}

TEST(Score, ImportanceBoundConvergesToTheExactProbability) {
  constexpr double kSd = 0.25;
  const auto model = normal_pixels(kSd);
  // A pixel of one bit is on either side of 0, and both sides have the same probability, that of [0, 1/2).
  const double exact = -std::log2(0.5 * std::erf(0.5 / (kSd * std::sqrt(2.0))));
  constexpr std::int64_t kImages = 2000;
  const auto pixels = torch::arange(4 * kImages).remainder(2).mul(255).to(torch::kUInt8).view({kImages, 1, 2, 2});
  const auto images = images_of(pixels);
  const auto bound = [&](std::int64_t draws) {
    return estimate(score(model, images, {.batch = kImages, .importance = draws}).importance_bits_per_dim);
  };
  // The first draws are the same: the bounds are nested, and their mean cannot rise.
  double before = HUGE_VAL;
  for (const std::int64_t draws : {1, 4, 16, 64}) {
    const auto found = bound(draws);
    EXPECT_LT(found.mean, before) << draws;
    EXPECT_GT(found.mean, exact - 3 * found.standard_error) << draws;
    before = found.mean;
  }
  EXPECT_GT(before, exact + 1e-3);  // with few draws the bound is not tight
  const auto tight = bound(1024);
  EXPECT_NEAR(tight.mean, exact, 3 * tight.standard_error);
  EXPECT_LT(tight.standard_error, 1e-3);
}

TEST(Score, WithoutDrawsScoresTheCentresOfBins) {
  const torch::NoGradGuard no_grad;
  const auto images = tiny_images(5);
  const auto model = wide_bin_model();
  const auto x = model->quantizer().center(images->bytes({0, 1, 2, 3, 4}), at::kDouble);
  const auto scores = score(model, *images, {.batch = 2, .draws = 0, .importance = 2});
  EXPECT_TRUE(close(scores.bits_per_dim, model->quantizer().bits_per_dim(model->log_prob(x)), 1e-12));
  EXPECT_FALSE(scores.spread.defined());
  const auto noisy = score(model, *images, {.batch = 2, .importance = 2});
  EXPECT_TRUE(scores.importance_bits_per_dim.equal(noisy.importance_bits_per_dim));
}

TEST(Score, OfTensorsEqualsThatOfASource) {
  const auto set = tiny_images(7);
  const auto indices = index_range(0, 7);
  const auto bytes = set->bytes(indices), labels = set->labels(indices);
  for (const std::int64_t classes : {0, 3}) {
    const auto model = started_tiny_model(classes);
    const auto of_source = score(model, *set, {.batch = 3, .draws = 2, .compress = true});
    for (const auto& layout : {bytes, bytes.contiguous(), bytes.contiguous(at::MemoryFormat::ChannelsLast)}) {
      const auto of_tensor =
          score(model, data::tensor_images(layout, labels), {.batch = 3, .draws = 2, .compress = true});
      EXPECT_TRUE(of_tensor.bits_per_dim.equal(of_source.bits_per_dim));
      EXPECT_TRUE(of_tensor.png_bits_per_dim.equal(of_source.png_bits_per_dim));
      EXPECT_TRUE(of_tensor.labels.equal(of_source.labels));
    }
    const auto from_tensor = round_trip(model, data::tensor_images(bytes, labels)), expected = round_trip(model, *set);
    EXPECT_EQ(from_tensor.images, 7);
    EXPECT_EQ(from_tensor.mean_error, expected.mean_error);
  }
}

class ScoreReference : public ::testing::TestWithParam<const char*> {};

TEST_P(ScoreReference, BoundsAndClassesEqualThePythonReference) {
  const std::string name = GetParam();
  auto expected = read_tensors(fixture(name + ".scores.safetensors"));
  const auto seed = std::stoull(io::SafetensorsReader(fixture(name + ".scores.safetensors")).metadata_value("seed"));
  auto model = nn::load_model(fixture(name + ".model.safetensors"));
  model->to(at::kDouble);
  const bool conditional = expected.contains("labels");
  const auto images = images_of(expected["bytes"], conditional ? expected["labels"] : torch::Tensor());
  const auto expect_bounds = [&](const std::string& prefix, ClassDensity classes) {
    const ScoreOptions options{
        .batch = 3, .draws = 4, .importance = 4, .seed = seed, .classes = classes, .classify = true};
    const auto scores = score(model, images, options);
    EXPECT_TRUE(close(scores.bits_per_dim, expected[prefix + "bits_per_dim"].mean({0}), 1e-9));
    EXPECT_TRUE(close(scores.importance_bits_per_dim, expected[prefix + "importance_bits_per_dim"], 1e-9));
    EXPECT_EQ(scores.predicted.defined(), conditional);
    EXPECT_TRUE(!conditional || scores.predicted.equal(expected["predicted"]));
    const auto centres = score(model, images, {.draws = 0, .classes = classes});
    EXPECT_TRUE(close(centres.bits_per_dim, expected[prefix + "center_bits_per_dim"], 1e-9));
  };
  expect_bounds("", ClassDensity::kLabel);
  if (conditional) expect_bounds("marginal_", ClassDensity::kMarginal);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, ScoreReference,
                         ::testing::Values("grey_lu_affine", "colour_conv1x1_additive", "conditional_conv1x1_affine"));

TEST(Estimate, IsTheMeanAndItsStandardError) {
  const auto numbers = random_normal({23}, 1) * 3 + 5;
  const auto [mean, standard_error] = estimate(numbers);
  EXPECT_NEAR(mean, numbers.mean().item<double>(), 1e-13);
  EXPECT_NEAR(standard_error, numbers.std(/*unbiased=*/true).item<double>() / std::sqrt(23.0), 1e-12);
}

TEST(Estimate, StandardErrorIsAccurateForALargeMean) {
  // Computed from the sum of squares it would have no digits: in float64, (1e9)^2 + 1 is (1e9)^2.
  const auto numbers = random_normal({1000}, 3);
  EXPECT_NEAR(estimate(numbers + 1e9).standard_error, estimate(numbers).standard_error, 1e-8);
}

TEST(Estimate, IsComputedInFloat64) {
  const auto numbers = random_normal({1000}, 4).to(torch::kFloat) + 100;
  EXPECT_EQ(estimate(numbers).mean, estimate(numbers.to(torch::kDouble)).mean);
}

TEST(Estimate, IsNaNForTooFewNumbers) {
  EXPECT_TRUE(std::isnan(estimate(torch::zeros({0}, torch::kDouble)).mean));
  const auto one = estimate(torch::full({1}, 2.0, torch::kDouble));
  EXPECT_EQ(one.mean, 2);
  EXPECT_TRUE(std::isnan(one.standard_error));
}

TEST(ScoreSummary, CountsAndExcludesImagesWithNonFiniteDensity) {
  const auto scores = score(model_with_distant_class(1e30F), *tiny_images(9), {.draws = 2, .importance = 2});
  const auto summary = summarise(scores);
  EXPECT_EQ(summary.images, 9);
  EXPECT_EQ(summary.non_finite, 3);
  const auto others = at::tensor({0, 2, 3, 5, 6, 8}, at::kLong);
  const auto rest = estimate(scores.bits_per_dim.index_select(0, others));
  EXPECT_EQ(summary.bits_per_dim.mean, rest.mean);
  EXPECT_TRUE(std::isfinite(rest.mean));
  EXPECT_EQ(summary.importance_bits_per_dim->mean,
            estimate(scores.importance_bits_per_dim.index_select(0, others)).mean);
  EXPECT_TRUE(std::isfinite(*summary.noise_standard_error));
}

TEST(ScoreSummary, ExcludesAnImageWithANonFiniteBoundFromEveryMean) {
  Scores scores{.bits_per_dim = at::tensor({1.0, 2.0, 4.0}, at::kDouble),
                .importance_bits_per_dim = at::tensor({1.0, HUGE_VAL, 3.0}, at::kDouble),
                .labels = at::full({3}, -1, at::kLong),
                .draws = 1};
  const auto summary = summarise(scores);
  EXPECT_EQ(summary.non_finite, 1);
  EXPECT_EQ(summary.bits_per_dim.mean, 2.5);
  EXPECT_EQ(summary.importance_bits_per_dim->mean, 2.0);
}

TEST(ScoreSummary, ReportsTheStandardErrorOfTheNoise) {
  const Scores scores{.bits_per_dim = at::tensor({1.0, 3.0}, at::kDouble),
                      .spread = at::tensor({0.3, 0.4}, at::kDouble),
                      .labels = at::full({2}, -1, at::kLong),
                      .draws = 4};
  const auto summary = summarise(scores);
  EXPECT_DOUBLE_EQ(summary.bits_per_dim.standard_error, 1);  // deviation sqrt(2) over sqrt(2)
  EXPECT_DOUBLE_EQ(*summary.noise_standard_error, 0.125);    // sqrt((0.3^2 + 0.4^2) / 4) / 2
  EXPECT_TRUE(std::isnan(estimate(at::tensor({1.0}, at::kDouble)).standard_error));
}

TEST(ScoreClasses, PredictsTheClassOfTheLargestDensity) {
  const auto scores = score(model_with_distant_class(100), *tiny_images(9), {.classify = true});
  EXPECT_TRUE(scores.predicted.ne(1).all().item<bool>());  // the density of class 1 is far smaller
  EXPECT_TRUE(scores.labels.equal(at::tensor({0, 1, 2, 0, 1, 2, 0, 1, 2}, at::kLong)));
  const auto summary = summarise(scores);
  EXPECT_EQ(summary.labelled, 9);
  EXPECT_EQ(summary.correct, scores.predicted.eq(scores.labels).sum().item<std::int64_t>());
  EXPECT_LE(summary.correct, 6);
}

TEST(ScoreClasses, LabelDensityIsBitwiseEqualWithClassification) {
  const auto images = tiny_images(60);
  const auto model = glow::testing::random_model(
      {.channels = 1, .height = 4, .width = 4, .levels = 2, .depth = 2, .hidden_width = 6, .num_classes = 3}, 1,
      at::kFloat);
  const auto alone = score(model, *images), beside = score(model, *images, {.classify = true});
  EXPECT_TRUE(alone.bits_per_dim.equal(beside.bits_per_dim));
}

TEST(ScoreClasses, PredictsNoClassForANaNDensity) {
  const auto scores = score(model_with_distant_class(std::nanf("")), *tiny_images(6), {.classify = true});
  EXPECT_TRUE(scores.predicted.eq(-1).all().item<bool>());
  const auto summary = summarise(scores);
  EXPECT_EQ(summary.labelled, 6);
  EXPECT_EQ(summary.correct, 0);
}

TEST(Score, ComplexityCorrectionSubtractsPngBitsPerDim) {
  const auto images = tiny_images(5);
  const auto scores = score(wide_bin_model(), *images, {.batch = 2, .compress = true});
  const auto png = png_bits_per_dim(images->bytes({0, 1, 2, 3, 4}), 1);
  EXPECT_TRUE(scores.png_bits_per_dim.equal(png));
  EXPECT_TRUE(complexity_corrected(scores).equal(scores.bits_per_dim - png));
  EXPECT_TRUE(throws<ConfigError>([&] { complexity_corrected(score(wide_bin_model(), *images)); }, {"compress"}));
}

TEST(Score, ProgressCountsDensities) {
  std::vector<std::pair<std::int64_t, std::int64_t>> seen;
  score(started_tiny_model(), *tiny_images(5),
        {.batch = 4, .draws = 2, .progress = [&](std::int64_t done, std::int64_t total) {
           seen.emplace_back(done, total);
         }});
  EXPECT_EQ(seen, (std::vector<std::pair<std::int64_t, std::int64_t>>{{4, 10}, {8, 10}, {9, 10}, {10, 10}}));
}

TEST(Score, RefusesInvalidOptions) {
  const auto model = started_tiny_model();
  const auto images = tiny_images(2);
  EXPECT_TRUE(throws<ConfigError>([&] { score(model, *images, {.batch = 0}); }, {"batch: ", "got 0"}));
  EXPECT_TRUE(throws<ConfigError>([&] { score(model, *images, {.draws = -1}); }, {"draws: ", "got -1"}));
  EXPECT_TRUE(throws<ConfigError>([&] { score(model, *images, {.importance = -2}); }, {"importance: ", "got -2"}));
  EXPECT_TRUE(throws<ConfigError>([&] { from_string("both", *std::make_unique<ClassDensity>()); },
                                  {"classes: ", "'both'", "label, marginal"}));
}

TEST(Score, RequiresValidLabelsUnlessTheDensityIsMarginal) {
  const auto model = started_tiny_model(3);
  const auto unlabelled = images_of(tiny_images(4)->bytes({0, 1, 2, 3}));
  EXPECT_TRUE(throws<ConfigError>([&] { score(model, unlabelled); }, {"labels: ", "0 to 2", "an image has none"}));
  const auto others = images_of(tiny_images(2)->bytes({0, 1}), at::tensor({0, 3}, at::kLong));
  for (const bool classify : {false, true}) {
    EXPECT_TRUE(throws<ConfigError>([&] { score(model, others, {.classify = classify}); }, {"an image has 3"}));
  }
  const auto scores = score(model, unlabelled, {.classes = ClassDensity::kMarginal, .classify = true});
  EXPECT_TRUE(scores.bits_per_dim.isfinite().all().item<bool>());
  EXPECT_EQ(summarise(scores).labelled, 0);
}

}  // namespace
}  // namespace glow::evaluate::score_test
