#pragma once

#include <cstdint>
#include <string>

#include <glow/enum_names.h>
#include <glow/nn/latents.h>

#pragma GCC visibility push(default)

namespace glow::latent {

/// The path from the eps of one image to that of another, all levels as one vector.
enum class InterpolationKind {
  /// The direction turns at constant speed (slerp, Shoemake 1985) and the norm is interpolated linearly. So the norm in
  /// between is typical of images, unlike that on a straight line (White 2016, arXiv 1609.04468).
  kSpherical,
  /// The straight line (Glow, section 6).
  kLinear,
};

/// "spherical", "linear"
constexpr EnumNames<InterpolationKind, 2> enum_names(InterpolationKind) {
  return {"kind", {{{"spherical", InterpolationKind::kSpherical}, {"linear", InterpolationKind::kLinear}}}};
}

/// For each image the point at `position`: 0 is `from` and 1 is `to`, bit for bit. Computed in float64, returned on
/// their device and in their dtype. Opposite directions turn through an arbitrary plane, always the same; when one of
/// the two is zero, both kinds are the straight line. Throws ShapeError when the shapes differ, ConfigError for a
/// position outside 0..1.
nn::Latents interpolate(const nn::Latents& from, const nn::Latents& to, double position,
                        InterpolationKind kind = InterpolationKind::kSpherical);

/// The points of a LatentPath.
struct PathOptions {
  /// The path from an image to the next.
  InterpolationKind kind = InterpolationKind::kSpherical;
  /// Points from an image to the next, including both; at least 2.
  std::int64_t points = 8;
  /// The factor T of eps half-way between two images: at position t it is 1 + (T - 1) sin^2(pi t).
  nn::Temperature middle_temperature = 1.0;
  /// Whether a last leg returns to the first image.
  bool closed = false;

  /// Throws ConfigError that names the field.
  void validate(std::int64_t levels) const;
};

/// A path through the latents of two or more images, computed point by point.
class LatentPath {
 public:
  /// Throws ConfigError for fewer than two images and as PathOptions::validate; ShapeError.
  LatentPath(nn::Latents images, PathOptions options);

  /// The number of points on all legs. A leg goes from one image to the next; adjacent legs share a point.
  std::int64_t size() const { return legs_ * (options_.points - 1) + 1; }
  /// Points first ... first + count - 1 of size(); images are reproduced bit for bit. Throws ShapeError when there are
  /// fewer points.
  nn::Latents points(std::int64_t first, std::int64_t count) const;

 private:
  nn::Latents point(std::int64_t index) const;

  nn::Latents images_;
  PathOptions options_;
  std::int64_t legs_;
};

}  // namespace glow::latent

#pragma GCC visibility pop
