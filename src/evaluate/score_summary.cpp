#include <cmath>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/evaluate/running_moments.h>
#include <glow/evaluate/score.h>

namespace glow::evaluate {

torch::Tensor complexity_corrected(const Scores& scores) {
  if (!scores.png_bits_per_dim.defined()) throw ConfigError("compress", "the images were not compressed");
  return scores.bits_per_dim - scores.png_bits_per_dim;
}

torch::Tensor finite(const Scores& scores) {
  const auto plain = scores.bits_per_dim.isfinite();
  const auto& weighted = scores.importance_bits_per_dim;
  return weighted.defined() ? plain.logical_and(weighted.isfinite()) : plain;
}

Estimate estimate(const torch::Tensor& numbers) {
  Estimate result;
  RunningMoments moments;
  moments.add(numbers.flatten());
  if (moments.count() > 0) result.mean = moments.mean().item<double>();
  if (moments.count() > 1) result.standard_error = moments.standard_error().item<double>();
  return result;
}

ScoreSummary summarise(const Scores& scores) {
  const auto mask = finite(scores);
  const auto of_finite = [&](const torch::Tensor& numbers) { return numbers.masked_select(mask); };
  const auto estimate_of = [&](const torch::Tensor& numbers) { return estimate(of_finite(numbers)); };
  const auto count = mask.sum().item<std::int64_t>();
  ScoreSummary summary{.images = mask.numel(), .non_finite = mask.numel() - count};
  summary.bits_per_dim = estimate_of(scores.bits_per_dim);
  if (scores.spread.defined()) {
    const auto variance = of_finite(scores.spread).square().sum().item<double>() / static_cast<double>(scores.draws);
    summary.noise_standard_error = std::sqrt(variance) / static_cast<double>(count);
  }
  if (scores.importance_bits_per_dim.defined()) {
    summary.importance_bits_per_dim = estimate_of(scores.importance_bits_per_dim);
  }
  if (scores.png_bits_per_dim.defined()) {
    summary.png_bits_per_dim = estimate_of(scores.png_bits_per_dim);
    summary.complexity_corrected = estimate_of(complexity_corrected(scores));
  }
  if (scores.predicted.defined()) {
    const auto is_labelled = scores.labels.ge(0);
    summary.labelled = is_labelled.sum().item<std::int64_t>();
    summary.correct = scores.predicted.eq(scores.labels).logical_and(is_labelled).sum().item<std::int64_t>();
  }
  return summary;
}

}  // namespace glow::evaluate
