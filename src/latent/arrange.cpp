#include <glow/latent/arrange.h>

#include <string>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "latent/rows.h"
#include "ops/check.h"

namespace glow::latent {
namespace {

template <class Change>
nn::Latents by_level(const nn::Latents& latents, Change&& change) {
  nn::Latents changed;
  for (std::size_t l = 0; l < latents.eps.size(); ++l) changed.eps.push_back(change(latents.eps[l], l));
  return changed;
}

}  // namespace

std::int64_t count(const nn::Latents& latents) {
  if (latents.eps.empty()) throw ShapeError("latents: expected at least one level, got none");
  const auto images = latents.eps.front().dim() == 4 ? latents.eps.front().size(0) : -1;
  for (const auto& eps : latents.eps) {
    ops::check_shape(eps.dim() == 4 && eps.size(0) == images, "latents: expected [N, C, H, W] with one N", eps);
  }
  return images;
}

std::int64_t dimensions(const nn::Latents& latents) {
  std::int64_t sum = 0;
  for (const auto& eps : latents.eps) sum += eps.size(1) * eps.size(2) * eps.size(3);
  return sum;
}

nn::Latents from_rows(const torch::Tensor& rows, const nn::Latents& like) {
  const auto expected = "latents: expected [N, " + std::to_string(dimensions(like)) + "]";
  ops::check_shape(rows.dim() == 2 && rows.size(1) == dimensions(like), expected.c_str(), rows);
  std::int64_t offset = 0;
  return by_level(like, [&](const torch::Tensor& eps, std::size_t) {
    const auto numbers = eps.size(1) * eps.size(2) * eps.size(3);
    offset += numbers;
    return rows.narrow(1, offset - numbers, numbers).reshape({rows.size(0), eps.size(1), eps.size(2), eps.size(3)});
  });
}

nn::Latents narrow(const nn::Latents& latents, std::int64_t first, std::int64_t count) {
  const auto images = latent::count(latents);
  if (first < 0 || count < 0 || first > images - count) {
    throw ShapeError("latents: images " + std::to_string(first) + " to " + std::to_string(first + count - 1) + " of " +
                     std::to_string(images));
  }
  return by_level(latents, [&](const torch::Tensor& eps, std::size_t) { return eps.narrow(0, first, count); });
}

nn::Latents concatenate(const std::vector<nn::Latents>& parts) {
  if (parts.empty()) throw ShapeError("latents: expected at least one part, got none");
  return by_level(parts.front(), [&](const torch::Tensor& first, std::size_t l) {
    std::vector<torch::Tensor> level;
    for (const auto& part : parts) {
      const bool fits = part.eps.size() == parts.front().eps.size() && part.eps[l].dim() == first.dim() &&
                        part.eps[l].sizes().slice(1) == first.sizes().slice(1);
      if (!fits) throw ShapeError("latents: parts of different shapes");
      level.push_back(part.eps[l]);
    }
    return at::cat(level);
  });
}

nn::Latents scale(const nn::Latents& latents, const nn::Temperature& temperature) {
  const auto levels = static_cast<std::int64_t>(latents.eps.size());
  return by_level(latents, [&](const torch::Tensor& eps, std::size_t l) {
    return eps * temperature.at(static_cast<std::int64_t>(l), levels);
  });
}

}  // namespace glow::latent
