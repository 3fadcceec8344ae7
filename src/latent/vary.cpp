#include <glow/latent/vary.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/latent/arrange.h>
#include <glow/ops/random.h>
#include <glow/shard.h>

#include "latent/rows.h"

namespace glow::latent {
namespace {

double amount_at(const VaryOptions& options, std::size_t level) {
  return options.amount[options.amount.size() == 1 ? 0 : level];
}

nn::Latents noise_like(const nn::Latents& latents, const VaryOptions& options) {
  const auto indices = options.indices.empty() ? index_range(0, count(latents)) : options.indices;
  if (static_cast<std::int64_t>(indices.size()) != count(latents)) {
    throw ShapeError("vary: " + std::to_string(indices.size()) + " indices for " + std::to_string(count(latents)) +
                     " images");
  }
  const ops::RandomKey key{.seed = options.seed, .stream = ops::Stream::kVariation, .step = options.draw};
  return from_rows(ops::normal(key, indices, dimensions(latents), latents.eps.front().options()), latents);
}

}  // namespace

void VaryOptions::validate(std::int64_t levels) const {
  const auto given = static_cast<std::int64_t>(amount.size());
  if (given != 1 && given != levels) {
    throw ConfigError("amount", "expected one number or one for each of " + std::to_string(levels) + " levels, got " +
                                    std::to_string(given));
  }
  for (const double each : amount) require_range("amount", each, 0, 1);
  for (std::int64_t l = 0; l < levels; ++l) static_cast<void>(temperature.at(l, levels));
}

nn::Latents vary(const nn::Latents& latents, const VaryOptions& options) {
  const auto levels = static_cast<std::int64_t>(latents.eps.size());
  options.validate(levels);
  auto varied = noise_like(latents, options);
  for (std::size_t l = 0; l < varied.eps.size(); ++l) {
    const double amount = amount_at(options, l);
    const double temperature = options.temperature.at(static_cast<std::int64_t>(l), levels);
    auto& eps = varied.eps[l];
    eps = amount == 0 ? latents.eps[l] : eps * (amount * temperature);
    if (amount > 0 && amount < 1) eps = eps + latents.eps[l] * std::sqrt(1 - amount * amount);
  }
  return varied;
}

nn::Latents resample_finest(const nn::Latents& latents, std::int64_t resampled, VaryOptions options) {
  const auto levels = static_cast<std::int64_t>(latents.eps.size());
  require_range("resampled", resampled, 0, levels);
  options.amount.assign(latents.eps.size(), 0);
  std::fill_n(options.amount.begin(), resampled, 1.0);
  return vary(latents, options);
}

}  // namespace glow::latent
