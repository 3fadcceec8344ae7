#include <glow/train/evaluate.h>

#include <cmath>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "train/batches.h"

namespace glow::train {
namespace {

/// `bits`: float64 [N] on the CPU, one number an image.
Evaluation summarise(const torch::Tensor& bits) {
  const auto finite = bits.masked_select(bits.isfinite());
  const auto count = finite.numel();
  Evaluation result{.images = bits.numel(), .non_finite = bits.numel() - count};
  result.bits_per_dim = finite.mean().item<double>();
  if (count > 1) result.standard_error = finite.std().item<double>() / std::sqrt(static_cast<double>(count));
  return result;
}

}  // namespace

Evaluation evaluate(const nn::Glow& model, const data::Images& images, const EvaluateOptions& options) {
  if (images.size() == 0) throw ConfigError("evaluate: there are no images");
  if (options.batch < 1) throw ConfigError("batch: expected at least 1, got " + std::to_string(options.batch));
  const torch::NoGradGuard no_grad;
  auto batches = all_batches(images, options.batch, model->options().num_classes > 0);
  std::vector<torch::Tensor> bits;
  for (std::int64_t done = 0; done < images.size();) {
    const auto batch = batches.next();
    const auto x = model->quantizer().dequantize(
        batch.bytes.to(model->device()), {.seed = options.seed, .indices = batch.indices, .dtype = model->dtype()});
    const auto log_prob = model->log_prob(x, batch.labels).to(torch::kCPU, torch::kDouble);
    bits.push_back(model->quantizer().bits_per_dim(log_prob));
    done += batch.bytes.size(0);
    if (options.progress) options.progress(done, images.size());
  }
  return summarise(at::cat(bits));
}

}  // namespace glow::train
