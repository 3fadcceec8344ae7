#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#pragma GCC visibility push(default)

namespace glow::ops {

/// The purpose of a random number. It is part of the number's key, so that each purpose has numbers of its own.
enum class Stream : std::uint8_t {
  /// The order of training images in an epoch.
  kShuffle = 1,
  /// Random crops, flips and shifts.
  kAugmentation = 2,
  /// The choice of held-out validation images.
  kValidationSplit = 3,
  /// Dequantisation noise.
  kDequantisation = 4,
  /// Latents of samples.
  kSample = 5,
  /// Classes of samples.
  kSampleLabel = 6,
  /// The weights of a new model.
  kInitialWeights = 7,
  /// The images of uniform noise that train::monitor measures.
  kMonitorImages = 8,
  /// Noise of latent::vary and latent::resample_finest.
  kVariation = 9,
  // Sets of images that are compared with each other need independent noise, and so a stream each.
  /// Dequantisation noise of training steps.
  kTrainingNoise = 10,
  /// Dequantisation noise of the images that initialise a model.
  kInitialisationNoise = 11,
  /// Dequantisation noise of validation images.
  kValidationNoise = 12,
  /// Dequantisation noise of test images.
  kTestNoise = 13,
  /// Dequantisation noise of training images that are scored.
  kTrainScoreNoise = 14,
  /// Dequantisation noise of out-of-distribution images.
  kOtherNoise = 15,
};

/// The key of a sequence of rows of random numbers. A number is a pure function of (key, index of its row, position in
/// the row), computed by Philox4x32-10 (Salmon et al. 2011), and does not depend on the batch size, the number of
/// processes or numbers drawn before.
struct RandomKey {
  /// Chosen by the user; any value.
  std::uint64_t seed = 0;
  /// The purpose of the numbers.
  Stream stream = Stream::kSample;
  /// Epoch, training step or evaluation draw: 0 or more, below 2^40.
  std::int64_t step = 0;
};

/// The first `count` numbers of row `index`: uniform integers below 2^64.
/// Throws ConfigError when count is above 2^25, index not in 0..2^56-1 or step not in 0..2^40-1.
std::vector<std::uint64_t> random_integers(const RandomKey& key, std::int64_t index, std::int64_t count);

/// A uniformly random permutation of 0..size-1 (Fisher-Yates over the key's rows 0, 1, ...).
std::vector<std::int64_t> random_permutation(const RandomKey& key, std::int64_t size);

/// Uniform on [0, 1), [N, count] with N = indices.size(): row i depends on (key, indices[i]) alone. Multiples of 2^-32,
/// rounded down to float32 (so that they are below 1) or exact in float64, on the device of `options`.
/// Throws ConfigError when the dtype is another, count is above 2^26, an index not in 0..2^56-1 or step not in
/// 0..2^40-1.
torch::Tensor uniform(const RandomKey& key, const std::vector<std::int64_t>& indices, std::int64_t count,
                      const torch::TensorOptions& options);

/// Rows indices[i] of a key as Philox seeds and counters: int64 [N, 3] on the CPU. They are a tensor so that a CUDA
/// graph can read those of other rows at every replay. Throws ConfigError as uniform does.
torch::Tensor random_rows(const RandomKey& key, const std::vector<std::int64_t>& indices);
/// The same as uniform(key, indices, ...) for rows = random_rows(key, indices), which are on the CPU or on the device
/// of `options`. Throws ShapeError for rows of another shape or dtype, ConfigError for rows on another device.
torch::Tensor uniform(const torch::Tensor& rows, std::int64_t count, const torch::TensorOptions& options);

/// Standard normal (Box-Muller in float64), otherwise as uniform.
torch::Tensor normal(const RandomKey& key, const std::vector<std::int64_t>& indices, std::int64_t count,
                     const torch::TensorOptions& options);

}  // namespace glow::ops

#pragma GCC visibility pop
