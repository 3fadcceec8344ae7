#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "bench/settings.h"

namespace glow::bench {

/// The convolutions of a model's coupling networks and nothing else, by at::conv2d, the thin ones as products (3x3
/// C->width as 9C->width at every pixel, width->C as width->9C). A yardstick, not a bound: where LibTorch has a faster
/// product than its convolution, the model uses that. In the dtype of the hidden tensors; but in float32 on a CPU that
/// does not multiply bfloat16, where LibTorch's convolutions of it would make any model look fast.
class Convolutions {
 public:
  explicit Convolutions(const Settings& settings);

  /// Those of one pass through the model.
  void forward() const;
  /// Those of a training step: forward, and the gradients of inputs and weights.
  void train() const;

 private:
  struct Layer {
    torch::Tensor x, weight, y;
    std::int64_t repeats;
  };
  std::vector<Layer> layers_;
};

}  // namespace glow::bench
