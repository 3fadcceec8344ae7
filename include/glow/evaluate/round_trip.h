#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/evaluate/score.h>
#include <glow/nn/glow.h>
#include <glow/nn/latents.h>

#pragma GCC visibility push(default)

namespace glow::evaluate {

/// The images that round_trip compares, and how.
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

/// N images after encoding and decoding, compared with what was encoded. Tensors on the CPU, but for `decoded` [N].
struct Returned {
  /// bool: whether the image does not come back, because a decoded value is in another bin or is not finite.
  torch::Tensor changed;
  /// bool: whether all decoded values are finite.
  torch::Tensor finite;
  /// int64: the largest difference of a byte from that which the model can represent (with 5 bits the lower 3 bits are
  /// cleared), in grey levels 0 to 255.
  torch::Tensor grey_levels;
  /// float64: max |decoded - x| over the values of the image, where x are the centres of bins of width
  /// 2^-bits. Infinite when a value is not finite.
  torch::Tensor max_error;
  /// float64: the mean of |decoded - x| over the values of the image, as max_error.
  torch::Tensor mean_error;
  /// uint8 [N, C, H, W]: the decoded images.
  torch::Tensor decoded;
};

/// Decodes the latents of the images `bytes`, uint8 [N, C, H, W], and compares. `labels`: int64 [N], the classes under
/// which a conditional model encoded them, otherwise undefined. Latents that the model cannot decode do not come back.
/// No gradient is recorded. Throws ShapeError.
Returned returned(const nn::Glow& model, const torch::Tensor& bytes, const nn::Latents& latents,
                  const torch::Tensor& labels);

/// The accuracy of decode(encode(x)).
struct RoundTrip {
  /// Number of images compared.
  std::int64_t images = 0;
  /// The largest Returned::max_error of all images.
  double max_error = 0;
  /// The mean of Returned::mean_error over all images.
  double mean_error = 0;
  /// The images that do not come back, by their indices.
  std::vector<std::int64_t> changed;
};

/// Encodes and decodes images and compares. No gradient is recorded. Throws ConfigError (batch, count, labels that the
/// model does not have), and the errors of reading the images.
RoundTrip round_trip(const nn::Glow& model, const data::Images& images, const RoundTripOptions& options = {});

}  // namespace glow::evaluate

#pragma GCC visibility pop
