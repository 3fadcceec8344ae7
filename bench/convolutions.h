#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "bench/settings.h"

namespace glow::bench {

/// Computes only the convolutions of a model's coupling networks, with at::conv2d. The first and last convolution of a
/// network are 1x1 convolutions (3x3 C->width as 9C->width, 3x3 width->C as width->9C). The rates are a reference, not
/// an upper bound: where LibTorch's matrix product is faster than its convolution, the model uses the product. The
/// dtype is that of the hidden tensors, but float32 on a CPU without bfloat16 instructions, where LibTorch's bfloat16
/// convolutions are very slow.
class Convolutions {
 public:
  explicit Convolutions(const Settings& settings);

  /// The convolutions of one pass through the model.
  void forward() const;
  /// The convolutions of a training step: forward, and the gradients of inputs and weights.
  void train() const;

 private:
  struct Layer {
    torch::Tensor x, weight, y;
    std::int64_t repeats;
  };
  std::vector<Layer> layers_;
};

}  // namespace glow::bench
