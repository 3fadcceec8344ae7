#include <glow/train/evaluate.h>

#include <cmath>

namespace glow::train {

Evaluation evaluate(const nn::Glow& model, const data::Images& images, const EvaluateOptions& options) {
  return evaluation_of(
      latent::score(model, images, {.batch = options.batch, .seed = options.seed, .progress = options.progress}));
}

Evaluation evaluation_of(const latent::Scores& scores) {
  const auto summary = latent::summarise(scores);
  const auto [mean, standard_error] = summary.bits_per_dim;
  return {.bits_per_dim = mean,
          .standard_error = std::isnan(standard_error) ? 0 : standard_error,
          .images = summary.images,
          .non_finite = summary.non_finite};
}

}  // namespace glow::train
