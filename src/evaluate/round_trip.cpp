#include <glow/evaluate/round_trip.h>

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>

#include "data/batches.h"
#include "nn/labels.h"

namespace glow::evaluate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The class under which each image is encoded; undefined for an unconditional model.
torch::Tensor labels_for(const nn::Glow& model, const data::Batch& batch, ClassDensity classes) {
  const auto num_classes = model->options().num_classes;
  if (num_classes == 0) return {};
  if (classes == ClassDensity::kMarginal) return at::zeros_like(batch.labels);
  nn::require_labels("labels", batch.labels, num_classes);
  return batch.labels;
}

/// Infinite values when the model is not invertible.
torch::Tensor decoded_if_possible(const nn::Glow& model, const nn::Latents& latents, const torch::Tensor& labels,
                                  const torch::Tensor& x) {
  try {
    return model->decode(latents, labels);
  } catch (const NumericalError&) {
    return at::full_like(x, kInfinity);
  }
}

torch::Tensor centred(const nn::Glow& model, const torch::Tensor& bytes) {
  return model->quantizer().center(bytes.to(model->device()), model->dtype());
}

/// `x`: the centred images whose latents these are.
Returned compare_decoded(const nn::Glow& model, const torch::Tensor& x, const nn::Latents& latents,
                         const torch::Tensor& labels) {
  const auto& quantizer = model->quantizer();
  const auto back = decoded_if_possible(model, latents, labels, x);
  const auto largest = [](const torch::Tensor& values) { return std::get<0>(values.flatten(1).max(1)).cpu(); };
  const auto error = (back - x).abs().to(torch::kDouble).nan_to_num(kInfinity, kInfinity);
  const auto decoded = quantizer.to_bytes(back);
  const auto levels = largest((decoded.to(torch::kLong) - quantizer.to_bytes(x)).abs());
  // to_bytes maps NaN to black, so values that are not finite need a check of their own.
  const auto is_finite = back.isfinite().flatten(1).all(1).cpu();
  return {.changed = levels.ne(0).logical_or(is_finite.logical_not()),
          .finite = is_finite,
          .grey_levels = levels,
          .max_error = largest(error),
          .mean_error = error.flatten(1).mean(1).cpu(),
          .decoded = decoded.cpu()};
}

}  // namespace

Returned returned(const nn::Glow& model, const torch::Tensor& bytes, const nn::Latents& latents,
                  const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  return compare_decoded(model, centred(model, bytes), latents, labels);
}

RoundTrip round_trip(const nn::Glow& model, const data::Images& images, const RoundTripOptions& options) {
  require_at_least("batch", options.batch, 1);
  require_at_least("count", options.count, 0);
  const torch::NoGradGuard no_grad;
  const auto count = options.count == 0 ? images.size() : std::min(options.count, images.size());
  auto batches = data::all_batches(images, std::min(options.batch, std::max<std::int64_t>(1, count)), true);
  RoundTrip result;
  double sum = 0;
  while (result.images < count) {
    const auto batch = batches.next();
    const auto labels = labels_for(model, batch, options.classes);
    const auto x = centred(model, batch.bytes);
    const auto back = compare_decoded(model, x, model->encode(x, labels), labels);
    const auto used = std::min<std::int64_t>(batch.bytes.size(0), count - result.images);
    for (std::int64_t i = 0; i < used; ++i) {
      result.max_error = std::max(result.max_error, back.max_error[i].item<double>());
      sum += back.mean_error[i].item<double>();
      if (back.changed[i].item<bool>()) result.changed.push_back(result.images + i);
    }
    result.images += used;
    if (options.progress) options.progress(result.images, count);
  }
  if (count > 0) result.mean_error = sum / static_cast<double>(count);
  return result;
}

}  // namespace glow::evaluate
