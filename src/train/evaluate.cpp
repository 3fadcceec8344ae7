#include <glow/train/evaluate.h>

#include <algorithm>

namespace glow::train {

std::int64_t evaluation_batch(std::int64_t training_batch) {
  // The same for all numbers of processes, so that their figures are too.
  constexpr std::int64_t kMost = 64;
  return std::min(training_batch, kMost);
}

Evaluation evaluate(const nn::Glow& model, const data::Images& images, const EvaluateOptions& options) {
  return evaluation_of(evaluate::score(
      model, images,
      {.batch = options.batch, .seed = options.seed, .stream = options.stream, .progress = options.progress}));
}

Evaluation evaluation_of(const evaluate::Scores& scores) {
  const auto summary = evaluate::summarise(scores);
  const auto [mean, standard_error] = summary.bits_per_dim;
  return {.bits_per_dim = mean,
          .standard_error = standard_error,
          .images = summary.images,
          .non_finite = summary.non_finite};
}

}  // namespace glow::train
