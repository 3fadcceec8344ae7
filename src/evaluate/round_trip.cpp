#include <glow/evaluate/round_trip.h>

#include <algorithm>
#include <limits>
#include <string>

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

/// decode(encode(x)); infinite when the model is not invertible.
torch::Tensor decode_encoded(const nn::Glow& model, const torch::Tensor& x, const torch::Tensor& labels) {
  try {
    return model->decode(model->encode(x, labels), labels);
  } catch (const NumericalError&) {
    return at::full_like(x, kInfinity);
  }
}

}  // namespace

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
    const auto used = std::min<std::int64_t>(batch.bytes.size(0), count - result.images);
    const auto labels = labels_for(model, batch, options.classes);
    const auto x = model->quantizer().center(batch.bytes.to(model->device()), model->dtype());
    const auto back = decode_encoded(model, x, labels).narrow(0, 0, used);
    const auto error = (back - x.narrow(0, 0, used)).abs().to(torch::kDouble).nan_to_num(kInfinity, kInfinity);
    result.max_error = std::max(result.max_error, error.max().item<double>());
    sum += error.sum().item<double>();
    const auto other_bin = model->quantizer().to_bytes(back).ne(model->quantizer().to_bytes(x.narrow(0, 0, used)));
    // to_bytes maps NaN to black, so values that are not finite need a check of their own.
    result.changed += other_bin.logical_or(back.isfinite().logical_not()).flatten(1).any(1).sum().item<std::int64_t>();
    result.images += used;
    if (options.progress) options.progress(result.images, count);
  }
  if (count > 0) result.mean_error = sum / static_cast<double>(count * model->options().dimensions());
  return result;
}

}  // namespace glow::evaluate
