#include <glow/nn/latents.h>

#include <string>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>

#include "ops/check.h"

namespace glow::nn {

Latents Latents::to(const torch::TensorOptions& options) const {
  Latents converted;
  for (const auto& level : eps) converted.eps.push_back(level.to(options));
  return converted;
}

torch::Tensor flatten(const Latents& latents) {
  std::vector<torch::Tensor> rows;
  for (const auto& eps : latents.eps) rows.push_back(eps.flatten(1));
  return at::cat(rows, 1);
}

Latents unflatten(const torch::Tensor& rows, const GlowOptions& options) {
  ops::check_shape(rows.dim() == 2 && rows.size(1) == options.dimensions(),
                   ("latents: expected [N, " + std::to_string(options.dimensions()) + "]").c_str(), rows);
  Latents latents;
  std::int64_t offset = 0;
  for (std::int64_t l = 0; l < options.levels; ++l) {
    const auto shape = latent_shape(options, l);
    const auto count = shape.channels * shape.height * shape.width;
    latents.eps.push_back(
        rows.narrow(1, offset, count).reshape({rows.size(0), shape.channels, shape.height, shape.width}));
    offset += count;
  }
  return latents;
}

double Temperature::at(std::int64_t level, std::int64_t levels) const {
  const auto given = static_cast<std::int64_t>(values_.size());
  if (given != 1 && given != levels) {
    throw ConfigError("temperature", "expected one number or one for each of " + std::to_string(levels) +
                                         " levels, got " + std::to_string(given));
  }
  const double value = values_[static_cast<std::size_t>(given == 1 ? 0 : level)];
  require_at_least("temperature", value, 0);
  return value;
}

}  // namespace glow::nn
