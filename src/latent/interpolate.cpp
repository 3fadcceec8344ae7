#include <glow/latent/interpolate.h>

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/latent/arrange.h>

#include "latent/rows.h"

namespace glow::latent {
namespace {

torch::Tensor norm_of(const torch::Tensor& rows) { return rows.norm(2, {1}, /*keepdim=*/true); }

/// Rows of norm 1; zero rows stay zero.
torch::Tensor unit(const torch::Tensor& rows) { return rows / norm_of(rows).clamp_min(1e-300); }

torch::Tensor without_component(const torch::Tensor& rows, const torch::Tensor& direction) {
  return rows - (rows * direction).sum(1, /*keepdim=*/true) * direction;
}

/// For each row of norm 1, a perpendicular row of norm 1: the perpendicular part of the axis along which the row is
/// smallest.
torch::Tensor some_perpendicular(const torch::Tensor& rows) {
  const auto axis = at::zeros_like(rows).scatter_(1, rows.abs().argmin(1, /*keepdim=*/true), 1.0);
  return unit(without_component(axis, rows));
}

/// Rows [N, D] float64. With unit vectors u and v of both rows, w the unit vector of v - (u v) u and a the angle
/// between u and v: (cos(t a) u + sin(t a) w) times the interpolated norm. A rotation in the plane of both, which is
/// accurate near the angles 0 and pi, where the usual quotient of sines loses its digits.
torch::Tensor turn(const torch::Tensor& from, const torch::Tensor& to, double position) {
  const auto from_norm = norm_of(from), to_norm = norm_of(to);
  const auto start = unit(from), end = unit(to);
  const auto rest = without_component(end, start);
  const auto angle = at::atan2(norm_of(rest), (start * end).sum(1, /*keepdim=*/true));
  // Below this the rest is a rounding error: without effect for equal directions, arbitrary for opposite ones.
  constexpr double kRounding = 1e-12;
  const auto across = at::where(norm_of(rest) > kRounding, unit(rest), some_perpendicular(start));
  const auto direction = (angle * position).cos() * start + (angle * position).sin() * across;
  const auto norm = from_norm * (1 - position) + to_norm * position;
  const auto has_directions = (from_norm > 0).logical_and(to_norm > 0);
  return at::where(has_directions, direction * norm, at::lerp(from, to, position));
}

void check_alike(const nn::Latents& from, const nn::Latents& to) {
  const bool same_levels = from.eps.size() == to.eps.size() && count(from) == count(to);
  for (std::size_t l = 0; same_levels && l < from.eps.size(); ++l) {
    if (from.eps[l].sizes() != to.eps[l].sizes()) throw ShapeError("interpolate: latents of different shapes");
  }
  if (!same_levels) throw ShapeError("interpolate: latents of different shapes");
}

}  // namespace

nn::Latents interpolate(const nn::Latents& from, const nn::Latents& to, double position, InterpolationKind kind) {
  check_alike(from, to);
  require_range("position", position, 0, 1);
  if (position == 0) return from;
  if (position == 1) return to;
  const auto start = nn::flatten(from).to(torch::kDouble), end = nn::flatten(to).to(torch::kDouble);
  const auto rows = kind == InterpolationKind::kLinear ? at::lerp(start, end, position) : turn(start, end, position);
  return from_rows(rows.to(from.eps.front().scalar_type()), from);
}

void PathOptions::validate(std::int64_t levels) const {
  constexpr std::int64_t kMostPoints = 1 << 20;
  require_range("points", points, 2, kMostPoints);
  for (std::int64_t l = 0; l < levels; ++l) {
    try {
      static_cast<void>(middle_temperature.at(l, levels));
    } catch (const ConfigError& error) {
      throw ConfigError("middle_" + std::string(error.field()), error.text());
    }
  }
}

LatentPath::LatentPath(nn::Latents images, PathOptions options)
    : images_(std::move(images)), options_(std::move(options)), legs_(count(images_) - (options_.closed ? 0 : 1)) {
  options_.validate(static_cast<std::int64_t>(images_.eps.size()));
  if (count(images_) < 2) {
    throw ConfigError("images", "expected at least 2 to interpolate between, got " + std::to_string(count(images_)));
  }
}

nn::Latents LatentPath::points(std::int64_t first, std::int64_t count) const {
  if (first < 0 || count < 1 || first > size() - count) {
    throw ShapeError("path: points " + std::to_string(first) + " to " + std::to_string(first + count - 1) + " of " +
                     std::to_string(size()));
  }
  std::vector<nn::Latents> points;
  for (std::int64_t i = first; i < first + count; ++i) points.push_back(point(i));
  return concatenate(points);
}

nn::Latents LatentPath::point(std::int64_t index) const {
  const auto steps = options_.points - 1;
  const auto image = [&](std::int64_t number) { return narrow(images_, number % count(images_), 1); };
  if (index % steps == 0) return image(index / steps);
  const double position = static_cast<double>(index % steps) / static_cast<double>(steps);
  auto point = interpolate(image(index / steps), image(index / steps + 1), position, options_.kind);
  const double weight = std::pow(std::sin(std::numbers::pi * position), 2);
  const auto levels = static_cast<std::int64_t>(point.eps.size());
  for (std::int64_t l = 0; l < levels; ++l) {
    const double middle = options_.middle_temperature.at(l, levels);
    auto& eps = point.eps[static_cast<std::size_t>(l)];
    eps = eps * (1 + (middle - 1) * weight);
  }
  return point;
}

}  // namespace glow::latent
