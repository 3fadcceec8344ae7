#pragma once

#include <cstdint>
#include <functional>

#include <glow/data/images.h>
#include <glow/evaluate/score.h>
#include <glow/nn/glow.h>

namespace glow::evaluate {

struct RoundTripOptions {
  /// Images at once.
  std::int64_t batch = 64;
  /// As many of the first images; 0: all.
  std::int64_t count = 0;
  /// Under which class a conditional model encodes and decodes: the image's own, or for kMarginal class 0 for all.
  ClassDensity classes = ClassDensity::kLabel;
  /// Called with images done and images in all.
  std::function<void(std::int64_t, std::int64_t)> progress = nullptr;
};

/// How exactly images come back from their latents.
struct RoundTrip {
  std::int64_t images = 0;
  /// max and mean |decode(encode(x)) - x| over all values of all images, x the centres of the bins, of which one is
  /// 2^-bits wide. Infinite where nothing finite came back.
  double max_error = 0, mean_error = 0;
  /// Images of which a value came back in another bin, or not finite.
  std::int64_t changed = 0;
};

/// No gradient is recorded. Throws ConfigError (batch, count, labels that the model does not have), and what reading
/// the images throws.
RoundTrip round_trip(const nn::Glow& model, const data::Images& images, const RoundTripOptions& options = {});

}  // namespace glow::evaluate
