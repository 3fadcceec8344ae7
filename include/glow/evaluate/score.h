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

#pragma GCC visibility push(default)

namespace glow::evaluate {

/// The density of an image under a conditional model.
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

/// What `score` computes of each image.
struct ScoreOptions {
  /// Images in a batch.
  std::int64_t batch = 64;
  /// Draws of the dequantisation noise over which the plain bound is averaged. 0: one density, at the centres of the
  /// bins, which has no noise and is not a bound.
  std::int64_t draws = 1;
  /// Draws of the importance-weighted bound, with the same noise; 0: without that bound.
  std::int64_t importance = 0;
  /// Seed and stream of the noise: draw k of image i is Quantizer::dequantize's (seed, stream, k, i), for any batch
  /// size. Different streams make the scores of two sets independent, as the standard error of an AUROC assumes.
  std::uint64_t seed = 0;
  /// Random stream of the noise; see `seed`.
  ops::Stream stream = ops::Stream::kDequantisation;
  /// The density of a conditional model; ignored for an unconditional one.
  ClassDensity classes = ClassDensity::kLabel;
  /// Whether a conditional model also classifies the images, at almost no cost.
  bool classify = false;
  /// Whether to compute png_bits_per_dim, too (evaluate/ood.h).
  bool compress = false;
  /// The shard of this process: whole batches, so that the scores of an image do not depend on the number of processes.
  /// `gathered` joins the shards.
  Shard shard = {};
  /// Called with the number of densities computed and of all densities of the shard (images times draws).
  std::function<void(std::int64_t, std::int64_t)> progress = nullptr;

  /// Throws ConfigError naming the field: batch, draws or importance.
  void validate() const;
};

/// The scores of each image, in the order of the images: float64 or int64 [N] on the CPU.
struct Scores {
  /// Mean over the draws of -(log2 p(x) - D*bits)/D, bits/dim: in expectation over the noise an upper bound of
  /// -log2 P(image)/D.
  torch::Tensor bits_per_dim = {};
  /// Standard deviation of the above over the draws; undefined with fewer than two.
  torch::Tensor spread = {};
  /// -(log2((1/M) sum_m p(x_m)) - D*bits)/D over M draws, bits/dim: in expectation a tighter bound, and the tighter the
  /// larger M (Burda et al. 2016, arXiv 1509.00519). Undefined without importance draws.
  torch::Tensor importance_bits_per_dim = {};
  /// png_bits_per_dim of the images; undefined without compression.
  torch::Tensor png_bits_per_dim = {};
  /// The class y with the largest p(x | y), by the plain bound; -1 where one of them is NaN or infinite. Undefined
  /// without classification.
  torch::Tensor predicted = {};
  /// The labels of the images, -1 for none.
  torch::Tensor labels = {};
  /// ScoreOptions::draws
  std::int64_t draws = 0;
};

/// Scores every image. No gradient is recorded. Throws ConfigError (ScoreOptions::validate; no images; a label that the
/// model does not have), and the errors of reading the images.
Scores score(const nn::Glow& model, const data::Images& images, const ScoreOptions& options = {});

/// The scores of all `images` images, the same in every process, joined from the shards of all processes (batches of
/// `batch`). A collective operation. Throws ProcessError.
Scores gathered(const Scores& shard, std::int64_t images, std::int64_t batch, distributed::Communicator& processes);

/// bits_per_dim minus png_bits_per_dim, [N]: the score S of Serra et al. 2020 ("Input complexity and
/// out-of-distribution detection with likelihood-based generative models", arXiv 1909.11480), larger for images that
/// differ from the training images. Throws ConfigError when the images were not compressed.
torch::Tensor complexity_corrected(const Scores& scores);

/// A mean over images, NaN without images, and its standard error, NaN for fewer than two.
struct Estimate {
  /// The mean.
  double mean = std::numeric_limits<double>::quiet_NaN();
  /// Its standard error.
  double standard_error = std::numeric_limits<double>::quiet_NaN();
};

/// The mean of [N] finite numbers and its standard error, sqrt(sum (x - mean)^2 / (N - 1) / N), in float64.
Estimate estimate(const torch::Tensor& numbers);

/// The scores of a set of images in a few numbers.
struct ScoreSummary {
  /// Number of images scored.
  std::int64_t images = 0;
  /// Images with a bound that is not finite. They are excluded from all means.
  std::int64_t non_finite = 0;
  /// The standard error covers both the choice of images and the noise.
  Estimate bits_per_dim = {};
  /// The part of the standard error that is due to the noise, for these images. Nullopt with fewer than two draws.
  std::optional<double> noise_standard_error = std::nullopt;
  /// Of the importance-weighted bound; nullopt without importance draws.
  std::optional<Estimate> importance_bits_per_dim = {};
  /// Of the sizes as PNG; nullopt without compression.
  std::optional<Estimate> png_bits_per_dim = {};
  /// Of evaluate::complexity_corrected; nullopt without compression.
  std::optional<Estimate> complexity_corrected = {};
  /// With classification: the number of images with a label, with finite densities or not.
  /// classified correctly.
  std::int64_t labelled = 0;
  /// With classification: how many of them were classified correctly.
  std::int64_t correct = 0;
};

/// Means and counts of the scores of a set of images.
ScoreSummary summarise(const Scores& scores);

/// Whether the bounds of each image are finite, bool [N].
torch::Tensor finite(const Scores& scores);

}  // namespace glow::evaluate

#pragma GCC visibility pop
