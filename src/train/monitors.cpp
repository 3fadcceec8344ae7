#include <glow/train/monitors.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/ops/random.h>
#include <glow/shard.h>

#include "nn/actnorm.h"
#include "nn/permutation.h"

namespace glow::train {
namespace {

constexpr std::int64_t kMostImages = 16;
constexpr std::int64_t kNoiseImages = 4;

double error_of(const nn::Glow& model, const torch::Tensor& bytes, const torch::Tensor& labels) {
  const auto x = model->quantizer().center(bytes.to(model->device()), model->dtype());
  constexpr double kNoInverse = std::numeric_limits<double>::infinity();
  try {
    const auto error = (model->decode(model->encode(x, labels), labels) - x).abs().max().item<double>();
    return std::isnan(error) ? kNoInverse : error;
  } catch (const NumericalError&) {
    return kNoInverse;
  }
}

/// Black, grey and white.
torch::Tensor constant_images(const nn::GlowOptions& shape) {
  return torch::tensor({0, 128, 255}, torch::kUInt8)
      .view({3, 1, 1, 1})
      .expand({3, shape.channels, shape.height, shape.width});
}

torch::Tensor noise_images(const nn::GlowOptions& shape, std::uint64_t seed) {
  return ops::uniform({seed, ops::Stream::kMonitorImages, 0}, index_range(0, kNoiseImages), shape.dimensions(),
                      torch::kDouble)
      .mul(256)
      .to(torch::kUInt8)
      .view({kNoiseImages, shape.channels, shape.height, shape.width});
}

/// The smallest singular value of a learned map; nullopt for a fixed one.
std::optional<double> smallest_singular_value(const nn::PermutationImpl& permutation) {
  switch (permutation.kind()) {
    case nn::PermutationKind::kConv1x1:
      // svdvals throws for a matrix that is not finite. One matrix at a time: LibTorch 2.11 has given wrong results for
      // stacks of matrices.
      if (!permutation.weight.isfinite().all().item<bool>()) return std::numeric_limits<double>::quiet_NaN();
      return at::linalg_svdvals(permutation.weight.to(torch::kCPU, torch::kDouble)).min().item<double>();
    case nn::PermutationKind::kLU:
      return std::exp(permutation.log_diagonal.min().item<double>());
    case nn::PermutationKind::kShuffle:
    case nn::PermutationKind::kReverse:
      break;
  }
  return std::nullopt;
}

std::vector<std::vector<double>> smallest_singular_values(const nn::Glow& model) {
  std::vector<std::vector<double>> levels;
  const auto depth = static_cast<std::size_t>(model->options().depth);
  for (const auto& module : model->modules(/*include_self=*/false)) {
    const auto* permutation = module->as<nn::PermutationImpl>();
    const auto value = permutation != nullptr ? smallest_singular_value(*permutation) : std::nullopt;
    if (!value) continue;
    if (levels.empty() || levels.back().size() == depth) levels.emplace_back();
    levels.back().push_back(*value);
  }
  return levels;
}

/// The largest factor by which a layer multiplies because of this parameter; nullopt for a parameter that is not a
/// scale.
std::optional<double> largest_factor(const std::string& name, const torch::Tensor& parameter) {
  if (name.ends_with("log_scale")) return nn::scale_of(parameter).max().item<double>();
  if (name.ends_with("network.bound")) return parameter.abs().max().exp().item<double>();
  if (name.ends_with("running_variance")) return parameter.min().rsqrt().item<double>();
  return std::nullopt;
}

void find_largest_scale(const nn::Glow& model, Monitors& monitors) {
  for (const auto& parameter : model->named_parameters()) {
    const auto factor = largest_factor(parameter.key(), parameter.value());
    if (!factor || *factor <= monitors.largest_scale) continue;
    const auto scale = *factor;
    monitors.largest_scale = scale;
    monitors.largest_scale_name = parameter.key();
    if (std::isnan(scale)) return;
  }
}

}  // namespace

Monitors monitor(const nn::Glow& model, const data::Images& images, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const auto& shape = model->options();
  const bool has_classes = shape.num_classes > 0;
  const auto first_class = [&](std::int64_t count) {
    return has_classes ? torch::zeros(count, torch::kLong) : torch::Tensor();
  };
  const auto some = index_range(0, std::min(images.size(), kMostImages));
  Monitors monitors{.half_bin = 0.5 / static_cast<double>(model->quantizer().bins()),
                    .smallest_singular_values = smallest_singular_values(model)};
  monitors.reconstruction_error =
      error_of(model, images.bytes(some), has_classes ? images.labels(some) : torch::Tensor());
  monitors.reconstruction_error_constant = error_of(model, constant_images(shape), first_class(3));
  monitors.reconstruction_error_noise = error_of(model, noise_images(shape, seed), first_class(kNoiseImages));
  find_largest_scale(model, monitors);
  return monitors;
}

}  // namespace glow::train
