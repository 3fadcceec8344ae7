#include <glow/latent/codec.h>

#include <algorithm>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/latent/arrange.h>

#include "latent/image_checks.h"
#include "ops/check.h"

namespace glow::latent {
namespace {

/// Throws ShapeError for no images, and for labels of another number of images.
void check_images(std::int64_t images, const torch::Tensor& labels) {
  if (images == 0) throw ShapeError("images: expected at least one, got none");
  if (!labels.defined()) return;
  const auto expected = "labels: expected [N] = [" + std::to_string(images) + "]";
  ops::check_shape(labels.dim() == 1 && labels.size(0) == images, expected.c_str(), labels);
}

}  // namespace

void require_images(const torch::Tensor& bytes, const torch::Tensor& labels) {
  if (!bytes.defined()) throw ShapeError("images: expected [N, C, H, W], got an undefined tensor");
  ops::check_shape(bytes.dim() == 4, "images: expected [N, C, H, W]", bytes);
  check_images(bytes.size(0), labels);
}

Codec::Codec(nn::Glow model, std::int64_t batch, Progress progress)
    : model_(std::move(model)), batch_(batch), progress_(std::move(progress)) {
  require_at_least("batch", batch, 1);
}

nn::Latents Codec::encode(const torch::Tensor& bytes, const torch::Tensor& labels) const {
  require_images(bytes, labels);
  std::vector<nn::Latents> batches;
  in_batches(bytes.size(0), [&](std::int64_t first, std::int64_t count) {
    batches.push_back(encode_batch(bytes.narrow(0, first, count), narrow_labels(labels, first, count)));
  });
  return concatenate(batches);
}

torch::Tensor Codec::decode(const nn::Latents& latents, const torch::Tensor& labels) {
  check_images(latent::count(latents), labels);
  std::vector<torch::Tensor> batches;
  in_batches(latent::count(latents), [&](std::int64_t first, std::int64_t count) {
    batches.push_back(decode_batch(narrow(latents, first, count), narrow_labels(labels, first, count)));
  });
  return at::cat(batches);
}

torch::Tensor Codec::sample(std::int64_t count, const nn::SampleOptions& options) {
  require_at_least("count", count, 1);
  check_images(count, options.labels);
  std::vector<torch::Tensor> batches;
  in_batches(count, [&](std::int64_t first, std::int64_t size) {
    auto own = options;
    own.first_index += first;
    own.labels = narrow_labels(options.labels, first, size);
    batches.push_back(sample_batch(size, own));
  });
  return at::cat(batches);
}

void Codec::in_batches(std::int64_t total, const std::function<void(std::int64_t, std::int64_t)>& work) const {
  for (std::int64_t first = 0; first < total; first += batch_) {
    const auto count = std::min(batch_, total - first);
    work(first, count);
    if (progress_) progress_(first + count, total);
  }
}

nn::Latents Codec::encode_batch(const torch::Tensor& bytes, const torch::Tensor& labels) const {
  const torch::NoGradGuard no_grad;
  return model_->encode(model_->quantizer().center(bytes.to(model_->device()), model_->dtype()), labels);
}

torch::Tensor Codec::decode_batch(const nn::Latents& latents, const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  return to_bytes(model_->decode(latents, labels));
}

torch::Tensor Codec::sample_batch(std::int64_t count, const nn::SampleOptions& options) {
  const torch::NoGradGuard no_grad;
  return to_bytes(model_->sample(count, options));
}

torch::Tensor Codec::to_bytes(const torch::Tensor& images) {
  const auto places = images.isfinite().flatten(1).all(1).logical_not().nonzero().flatten().cpu();
  for (std::int64_t i = 0; i < places.numel(); ++i) not_finite_.push_back(made_ + places[i].item<std::int64_t>());
  made_ += images.size(0);
  return model_->quantizer().to_bytes(images).cpu();
}

torch::Tensor narrow_labels(const torch::Tensor& labels, std::int64_t first, std::int64_t count) {
  return labels.defined() ? labels.narrow(0, first, count) : labels;
}

}  // namespace glow::latent
