#pragma once

#include <cstdint>
#include <string>

#include <glow/enum_names.h>
#include <glow/nn/latents.h>
#include <glow/nn/sample_options.h>

namespace glow::latent {

/// The way from one image's eps to another's, all levels taken as one vector.
enum class InterpolationKind {
  /// The direction turns at an even pace (slerp, Shoemake 1985) while the norm changes evenly: eps in between is as
  /// long as that of images is, which a straight line's is not (White 2016, arXiv 1609.04468).
  kSpherical,
  /// The straight line (Glow, section 6).
  kLinear,
};

/// "spherical", "linear"
constexpr EnumNames<InterpolationKind, 2> enum_names(InterpolationKind) {
  return {"kind", {{{"spherical", InterpolationKind::kSpherical}, {"linear", InterpolationKind::kLinear}}}};
}

/// Image by image the point at `position`, from 0 at `from` to 1 at `to`, both bit for bit. Computed in float64, on
/// their device and in their dtype. Opposite directions turn through a plane of their own that is the same every
/// time; where one of the two is zero there is no direction, and both kinds are the straight line.
/// Throws ShapeError when the shapes differ, ConfigError for a position outside 0..1.
nn::Latents interpolate(const nn::Latents& from, const nn::Latents& to, double position,
                        InterpolationKind kind = InterpolationKind::kSpherical);

struct PathOptions {
  InterpolationKind kind = InterpolationKind::kSpherical;
  /// Points on the way from an image to the next, these two among them; at least 2.
  std::int64_t points = 8;
  /// What eps is multiplied by half-way between two images; at these it is 1, and 1 + (T - 1)·sin²(pi·t) between.
  nn::Temperature middle_temperature = 1.0;
  /// Whether a last leg leads back to the first image.
  bool closed = false;

  /// Throws ConfigError that names the field.
  void validate(std::int64_t levels) const;
};

/// A way through the latents of two or more images, made point by point.
class LatentPath {
 public:
  /// Throws ConfigError for less than two images or what PathOptions::validate refuses; ShapeError.
  LatentPath(nn::Latents images, PathOptions options);

  /// Ways from an image to the next.
  std::int64_t legs() const { return legs_; }
  /// Points of all of them; where two legs meet there is one.
  std::int64_t size() const { return legs_ * (options_.points - 1) + 1; }
  /// Points first ... first + count - 1 of size(); those that are images are so bit for bit. Throws ShapeError when
  /// they are not all there.
  nn::Latents points(std::int64_t first, std::int64_t count) const;

 private:
  nn::Latents point(std::int64_t index) const;

  nn::Latents images_;
  PathOptions options_;
  std::int64_t legs_;
};

}  // namespace glow::latent
