#pragma once

#include <torch/types.h>

namespace glow::ops {

// The product of a matrix W and the channels of every pixel, in other words a 1x1 convolution, and its gradients. dY is
// the gradient with respect to the result. Float32, float64, or bfloat16; a product of bfloat16 is summed in float32
// and then rounded.

/// y[n, :, h, w] = W x[n, :, h, w] + bias: x [N, I, H, W], weight [O, I], bias [O] or undefined -> [N, O, H, W],
/// channels_last. Differentiable.
torch::Tensor pixel_product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias = {});

/// max(0, W x + bias); a NaN stays NaN or becomes 0. Differentiable.
torch::Tensor pixel_product_relu(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

/// dX = W^T dY at every pixel: dY [N, O, H, W] -> [N, I, H, W]. No graph.
torch::Tensor pixel_product_input_gradient(const torch::Tensor& gradient, const torch::Tensor& weight);

/// dW = sum over pixels of dY x^T, [O, I]. For bfloat16 tensors it is float32, but already rounded to bfloat16 on a
/// processor that multiplies bfloat16. No graph.
torch::Tensor pixel_product_weight_gradient(const torch::Tensor& gradient, const torch::Tensor& x);

struct ParameterGradients {
  torch::Tensor weight, bias;
};

/// dW as above, and db = sum over pixels of dY, [O], in dY's dtype. No graph.
ParameterGradients pixel_product_parameter_gradients(const torch::Tensor& gradient, const torch::Tensor& x);

/// From y = pixel_product_relu(...) and dY, both channels_last: sets dY to 0, in place, where y is 0, and returns its
/// sum over all pixels, [O], which is the gradient with respect to the bias; float32 for bfloat16. No graph.
torch::Tensor relu_backward_(torch::Tensor gradient, const torch::Tensor& y);

/// Whether this processor multiplies bfloat16. Otherwise LibTorch's products of bfloat16 are many times slower than
/// those of float32.
bool cpu_multiplies_bfloat16();

// The loops and kernels of these functions, for tensors that are channels_last.

namespace cpu {
torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y);
}  // namespace cpu

namespace cuda {
torch::Tensor relu_backward(torch::Tensor& gradient, const torch::Tensor& y);
/// The most inputs and outputs of narrow_map_gradient.
inline constexpr std::int64_t kNarrowMap = 48;
/// [O, I + 1]: dW, then db, of float32 or float64 tensors that are channels_last.
torch::Tensor narrow_map_gradient(const torch::Tensor& gradient, const torch::Tensor& x);
}  // namespace cuda

/// During its lifetime float32 products on CUDA may round their factors to TF32 if `allow`, and else do not, whatever
/// the application has set; if there are several guards, they may if one of them allows it. The setting is global: it
/// holds for the products of other threads too. Does nothing unless `device` is a CUDA device.
class Tf32Guard {
 public:
  Tf32Guard(bool allow, torch::Device device);
  ~Tf32Guard();
  Tf32Guard(const Tf32Guard&) = delete;
  Tf32Guard& operator=(const Tf32Guard&) = delete;

 private:
  bool is_active_, allow_;
};

}  // namespace glow::ops
