#include <glow/model.h>

#include <memory>
#include <utility>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/latent/codec.h>
#include <glow/nn/model_file.h>
#include <glow/shard.h>

#include "latent/image_checks.h"

namespace glow {
namespace {

nn::Glow copy_of(const nn::Glow& model) {
  model->require_initialized();
  return nn::Glow(std::dynamic_pointer_cast<nn::GlowImpl>(model->clone()));
}

void require_finite_images(const latent::Codec& codec, std::int64_t images) {
  const auto& places = codec.not_finite();
  if (places.empty()) return;
  throw NumericalError(std::to_string(places.size()) + " of " + std::to_string(images) +
                       " images have values that are not finite, the first is image " + std::to_string(places.front()));
}

/// log p of one batch, under the labels or, without them, under all classes.
torch::Tensor log_density(const nn::Glow& model, const torch::Tensor& x, const torch::Tensor& labels) {
  const bool is_marginal = model->options().num_classes > 0 && !labels.defined();
  return is_marginal ? model->log_prob_marginal(x) : model->log_prob(x, labels);
}

}  // namespace

Model::Model(nn::Glow model, const ModelOptions& options, Owned) : model_(std::move(model)), batch_(options.batch) {
  require_at_least("batch", options.batch, 1);
  model_->to(options.device, options.dtype);
  model_->set_hidden_precision(options.hidden_precision);
  model_->eval();
}

Model::Model(const nn::Glow& model, const ModelOptions& options) : Model(copy_of(model), options, Owned{}) {}

Model Model::load(const std::filesystem::path& path, const ModelOptions& options) {
  return {nn::load_model(path, options.device), options, Owned{}};
}

torch::Tensor Model::score(const torch::Tensor& bytes, const torch::Tensor& labels,
                           const ModelScoreOptions& options) const {
  require_at_least("draws", options.draws, 1);
  latent::require_images(bytes, labels);
  const torch::NoGradGuard no_grad;
  const auto& quantizer = model_->quantizer();
  std::vector<torch::Tensor> scores;
  latent::Codec(model_, batch_).in_batches(bytes.size(0), [&](std::int64_t first, std::int64_t count) {
    const auto own = bytes.narrow(0, first, count).to(model_->device());
    const auto own_labels = latent::narrow_labels(labels, first, count);
    std::vector<torch::Tensor> draws;
    for (std::int64_t draw = 0; draw < options.draws; ++draw) {
      const auto x = quantizer.dequantize(
          own, draw,
          {.seed = options.seed,
           .indices = index_range(options.first_index + first, options.first_index + first + count),
           .dtype = model_->dtype()});
      draws.push_back(log_density(model_, x, own_labels).to(torch::kCPU, torch::kDouble));
    }
    scores.push_back(quantizer.bits_per_dim(at::stack(draws)).mean({0}));
  });
  return at::cat(scores);
}

nn::Latents Model::encode(const torch::Tensor& bytes, const torch::Tensor& labels) const {
  return latent::Codec(model_, batch_).encode(bytes, labels);
}

torch::Tensor Model::decode(const nn::Latents& latents, const torch::Tensor& labels) const {
  latent::Codec codec(model_, batch_);
  auto images = codec.decode(latents, labels);
  require_finite_images(codec, images.size(0));
  return images;
}

torch::Tensor Model::sample(std::int64_t count, const nn::SampleOptions& options) const {
  latent::Codec codec(model_, batch_);
  auto images = codec.sample(count, options);
  require_finite_images(codec, count);
  return images;
}

}  // namespace glow
