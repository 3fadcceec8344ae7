#pragma once

#include <cstdint>
#include <functional>

#include <glow/data/images.h>
#include <glow/evaluate/score.h>
#include <glow/nn/glow.h>

namespace glow::train {

/// Images that a run's evaluations score at once.
std::int64_t evaluation_batch(std::int64_t training_batch);

struct EvaluateOptions {
  /// Images at once.
  std::int64_t batch = 64;
  /// Seed of the dequantisation noise, the same for every evaluation of a run, so that they compare.
  std::uint64_t seed = 0;
  /// A run takes kValidationNoise and kTestNoise.
  ops::Stream stream = ops::Stream::kDequantisation;
  /// Called with images done and images in all.
  std::function<void(std::int64_t, std::int64_t)> progress = nullptr;
};

struct Evaluation {
  /// Mean over the images with a finite density; one dequantisation draw each.
  double bits_per_dim = 0;
  /// Standard error of that mean over images; NaN of less than two.
  double standard_error = 0;
  std::int64_t images = 0;
  /// Images whose density is not finite: not in the mean.
  std::int64_t non_finite = 0;
};

/// What scores with one draw each come to.
Evaluation evaluation_of(const evaluate::Scores& scores);

/// Scores every image once. A conditional model scores them under their own labels. No gradient is recorded.
Evaluation evaluate(const nn::Glow& model, const data::Images& images, const EvaluateOptions& options = {});

}  // namespace glow::train
