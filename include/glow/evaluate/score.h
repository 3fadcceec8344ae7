#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/distributed/communicator.h>
#include <glow/enum_names.h>
#include <glow/nn/glow.h>
#include <glow/shard.h>

namespace glow::evaluate {

/// What a conditional model takes for the density of an image.
enum class ClassDensity {
  /// p(x | y) under the image's own label y.
  kLabel,
  /// (1/Y) sum_y p(x | y).
  kMarginal,
};

/// "label", "marginal"
constexpr EnumNames<ClassDensity, 2> enum_names(ClassDensity) {
  return {"classes", {{{"label", ClassDensity::kLabel}, {"marginal", ClassDensity::kMarginal}}}};
}

struct ScoreOptions {
  /// Images at once.
  std::int64_t batch = 64;
  /// Draws of the dequantisation noise that the plain bound is averaged over. 0: one density, at the centres of the
  /// bins; it has no noise and bounds nothing.
  std::int64_t draws = 1;
  /// Draws of the importance-weighted bound, the same ones; 0: without that bound.
  std::int64_t importance = 0;
  /// Seed and stream of the noise: draw k of image i is Quantizer::dequantize's (seed, stream, k, i), whatever the
  /// batch. Scores of two sets are independent, as AUROC's error takes them to be, with two streams.
  std::uint64_t seed = 0;
  ops::Stream stream = ops::Stream::kDequantisation;
  /// Of a conditional model; another has one density only.
  ClassDensity classes = ClassDensity::kLabel;
  /// Whether a conditional model classifies the images too, which costs next to nothing.
  bool classify = false;
  /// Whether the images are compressed too, for their complexity (evaluate/ood.h).
  bool compress = false;
  /// The part of the images to score, of as many parts as there are processes: whole batches, so that each image's
  /// numbers are what they are without sharing. `gathered` puts the parts together.
  Shard shard = {};
  /// Called with densities computed and densities in all, of the shard: images times draws.
  std::function<void(std::int64_t, std::int64_t)> progress = nullptr;

  /// Throws ConfigError of the field: batch, draws or importance.
  void validate() const;
};

/// Numbers of each image, in the order of the images: float64 or int64 [N] on the CPU.
struct Scores {
  /// Mean over the draws of -(log2 p(x) - D*bits)/D, bits/dim: on the average over the noise an upper bound of
  /// -log2 P(image) per dimension.
  torch::Tensor bits_per_dim = {};
  /// Standard deviation of the above over the draws; undefined with less than two.
  torch::Tensor spread = {};
  /// -(log2((1/M) sum_m p(x_m)) - D*bits)/D over M draws, bits/dim: a bound that is tighter on the average, the more so
  /// the larger M (Burda et al. 2016, arXiv 1509.00519). Undefined without.
  torch::Tensor importance_bits_per_dim = {};
  /// png_bits_per_dim of the images; undefined without.
  torch::Tensor png_bits_per_dim = {};
  /// The class y with the largest p(x | y), by the plain bound; -1 where one of them is NaN or infinite.
  /// Undefined without.
  torch::Tensor predicted = {};
  /// The images' own classes, -1 for none.
  torch::Tensor labels = {};
  /// ScoreOptions::draws
  std::int64_t draws = 0;
};

/// Scores every image; keeps nothing of them but these numbers. No gradient is recorded.
/// Throws ConfigError (ScoreOptions::validate; no images; a label that the model does not have), and what
/// reading the images throws.
Scores score(const nn::Glow& model, const data::Images& images, const ScoreOptions& options = {});

/// The scores of all `images` images, the same in every process, gathered from the shards, which are made of batches of
/// `batch`. Every process calls it. Throws ProcessError.
Scores gathered(const Scores& shard, std::int64_t images, std::int64_t batch, distributed::Communicator& processes);

/// bits_per_dim less png_bits_per_dim, [N]: the score S of Serra et al. 2020 ("Input complexity and out-of-distribution
/// detection with likelihood-based generative models", arXiv 1909.11480), larger for images unlike those learned from.
/// Throws ConfigError when the images were not compressed.
torch::Tensor complexity_corrected(const Scores& scores);

/// A mean over images, NaN of none, and its standard error, NaN of less than two.
struct Estimate {
  double mean = std::numeric_limits<double>::quiet_NaN();
  double standard_error = std::numeric_limits<double>::quiet_NaN();
};

/// The mean of [N] finite numbers.
Estimate estimate(const torch::Tensor& numbers);

struct ScoreSummary {
  std::int64_t images = 0;
  /// Images of which a bound is not finite: in none of the means.
  std::int64_t non_finite = 0;
  /// The standard error is over images and draws: of another set of images and other noise.
  Estimate bits_per_dim = {};
  /// What part of it is the noise's: the standard error for these very images. Nullopt with less than two draws.
  std::optional<double> noise_standard_error = std::nullopt;
  std::optional<Estimate> importance_bits_per_dim = {}, png_bits_per_dim = {}, complexity_corrected = {};
  /// When classified: images with a label, whether their densities are finite or not, and how many of them were
  /// predicted to have it.
  std::int64_t labelled = 0, correct = 0;
};

ScoreSummary summarise(const Scores& scores);

/// Which images have finite bounds, bool [N].
torch::Tensor finite(const Scores& scores);

}  // namespace glow::evaluate
