#pragma once

#include <cstdint>
#include <functional>

#include <glow/data/images.h>
#include <glow/evaluate/score.h>
#include <glow/nn/glow.h>

namespace glow::evaluate {

struct RoundTripOptions {
  /// Images in a batch.
  std::int64_t batch = 64;
  /// The number of images, from the first on; 0: all.
  std::int64_t count = 0;
  /// The class under which a conditional model encodes and decodes: the label of the image, or with kMarginal class 0.
  ClassDensity classes = ClassDensity::kLabel;
  /// Called with the number of images done and of all images.
  std::function<void(std::int64_t, std::int64_t)> progress = nullptr;
};

/// The accuracy of decode(encode(x)).
struct RoundTrip {
  std::int64_t images = 0;
  /// max and mean |decode(encode(x)) - x| over all values of all images, where x are the centres of bins of width
  /// 2^-bits. Infinite when a value is not finite.
  double max_error = 0, mean_error = 0;
  /// Images with a value in another bin, or not finite.
  std::int64_t changed = 0;
};

/// Encodes and decodes images and compares. No gradient is recorded. Throws ConfigError (batch, count, labels that the
/// model does not have), and the errors of reading the images.
RoundTrip round_trip(const nn::Glow& model, const data::Images& images, const RoundTripOptions& options = {});

}  // namespace glow::evaluate
