#include "ops/pixel_product.h"

#include <algorithm>
#include <mutex>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <torch/version.h>

#include "compat/linear_pointwise.h"
#include "ops/pixels.h"
#include "ops/views.h"

namespace glow::ops {
namespace {

/// [N*H*W, C], a view of a channels_last tensor.
torch::Tensor rows_of(const torch::Tensor& x) {
  if (!torch::GradMode::is_enabled() && x.is_contiguous(at::MemoryFormat::ChannelsLast)) return rows_view(x);
  return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)});
}

/// The inverse of rows_of, with the batch, height and width of `like`.
torch::Tensor images_of(const torch::Tensor& rows, const torch::Tensor& like) {
  if (!torch::GradMode::is_enabled() && rows.is_contiguous()) return images_view(rows, like);
  return rows.view({like.size(0), like.size(2), like.size(3), rows.size(1)}).permute({0, 3, 1, 2});
}

/// The same pixels as a batch of sixteen images of one row, where that is possible and faster: with one thread LibTorch
/// does not use oneDNN for 1x1 convolutions of smaller batches, which takes twice the time.
torch::Tensor as_batch(const torch::Tensor& x) {
  constexpr std::int64_t kBatch = 16;
  const auto pixels = x.size(0) * x.size(2) * x.size(3);
  const bool helps = x.is_cpu() && x.scalar_type() == torch::kFloat && x.size(0) < kBatch && pixels % kBatch == 0;
  return helps ? rows_of(x).view({kBatch, 1, pixels / kBatch, x.size(1)}).permute({0, 3, 1, 2}) : x;
}

torch::Tensor convolve(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const auto y = at::conv2d(as_batch(x), weight.unsqueeze(-1).unsqueeze(-1), bias);
  return images_of(rows_of(y.contiguous(at::MemoryFormat::ChannelsLast)), x);
}

torch::Tensor to_float(const torch::Tensor& x) { return x.defined() ? x.to(torch::kFloat) : x; }

/// The dtype of sums of the values of x.
torch::Dtype dtype_of_sums(const torch::Tensor& x) {
  return x.scalar_type() == torch::kBFloat16 ? torch::kFloat : x.scalar_type();
}

/// a * b in dtype_of_sums. On CUDA cuBLAS may round the parts of a bfloat16 result before it adds them, unless the
/// result is to be float32, which LibTorch offers from 2.8 on.
torch::Tensor product_of_sums(const torch::Tensor& a, const torch::Tensor& b) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 8)
  if (a.is_cuda() && a.scalar_type() == torch::kBFloat16) return at::mm(a, b, torch::kFloat);
#endif
  return a.mm(b).to(dtype_of_sums(a));
}

/// Whether to multiply bfloat16 values in float32: not less exact, and faster on a processor without bfloat16 products.
bool wants_float(const torch::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kBFloat16 && !cpu_multiplies_bfloat16();
}

bool has_graph(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return records_graph(x) || records_graph(weight) || (bias.defined() && records_graph(bias));
}

c10::optional<torch::Tensor> given(const torch::Tensor& bias) {
  return bias.defined() ? c10::optional<torch::Tensor>(bias) : c10::nullopt;
}

}  // namespace

torch::Tensor pixel_product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  if (wants_float(x)) return pixel_product(to_float(x), to_float(weight), to_float(bias)).to(x.scalar_type());
  if (x.is_cuda()) return images_of(at::linear(rows_of(x), weight, given(bias)), x);
  if (has_graph(x, weight, bias) || !compat::has_linear_pointwise(x)) return convolve(x, weight, bias);
  return images_of(compat::linear_pointwise(rows_of(x), weight, bias, compat::Activation::kNone), x);
}

torch::Tensor pixel_product_relu(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  if (!has_graph(x, weight, bias) && !wants_float(x)) {
    if (x.is_cuda()) return images_of(at::_addmm_activation(bias, rows_of(x), weight.t()), x);
    if (compat::has_linear_pointwise(x)) {
      return images_of(compat::linear_pointwise(rows_of(x), weight, bias, compat::Activation::kRelu), x);
    }
  }
  // In place, because these are the largest tensors of a model, and the gradient of a product does not use its result.
  return pixel_product(x, weight, bias).relu_();
}

torch::Tensor pixel_product_input_gradient(const torch::Tensor& gradient, const torch::Tensor& weight) {
  const bool is_bfloat16 = gradient.scalar_type() == torch::kBFloat16 && !wants_float(gradient);
  // oneDNN is slow for transposed bfloat16 weights: half as fast for 512 input and 63 output channels.
  if (is_bfloat16 && compat::has_linear_pointwise(gradient)) {
    return images_of(rows_of(gradient).mm(weight), gradient);
  }
  return pixel_product(gradient, weight.t());
}

torch::Tensor pixel_product_weight_gradient(const torch::Tensor& gradient, const torch::Tensor& x) {
  if (wants_float(x)) return pixel_product_weight_gradient(to_float(gradient), to_float(x));
  const bool is_bfloat16 = x.scalar_type() == torch::kBFloat16;
  if (!x.is_cpu() || x.scalar_type() == torch::kDouble || (is_bfloat16 && compat::has_linear_pointwise(x))) {
    return product_of_sums(rows_of(gradient).t(), rows_of(x));
  }
  const auto outputs = gradient.size(1), inputs = x.size(1);
  // A convolution, because it uses oneDNN, whose product is faster than that of a BLAS, above all for thin matrices.
  const auto weight = at::empty({1}, x.options()).expand({outputs, inputs, 1, 1});
  const auto product = std::get<1>(
      at::convolution_backward(as_batch(gradient), as_batch(x), weight, c10::nullopt, {1, 1}, {0, 0}, {1, 1},
                               /*transposed=*/false, {0, 0}, /*groups=*/1, {false, true, false}));
  return product.view({outputs, inputs}).to(dtype_of_sums(x));
}

ParameterGradients pixel_product_parameter_gradients(const torch::Tensor& gradient, const torch::Tensor& x) {
  const auto inputs = x.size(1);
  const bool is_narrow = std::max(inputs, gradient.size(1)) <= cuda::kNarrowMap;
  // A product of so few rows and columns uses little of a GPU, and the sum for the bias reads the gradient again.
  if (x.is_cuda() && is_narrow && x.scalar_type() != torch::kBFloat16 && x.numel() > 0) {
    const auto both = cuda::narrow_map_gradient(gradient.contiguous(at::MemoryFormat::ChannelsLast),
                                                x.contiguous(at::MemoryFormat::ChannelsLast));
    return {both.narrow(1, 0, inputs), both.select(1, inputs)};
  }
  return {pixel_product_weight_gradient(gradient, x), gradient.sum({0, 2, 3})};
}

bool cpu_multiplies_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

torch::Tensor relu_backward_(torch::Tensor gradient, const torch::Tensor& y) {
  const torch::NoGradGuard no_grad;
  const auto fits = [](const torch::Tensor& x) {
    return (x.is_cpu() || x.is_cuda()) && x.is_contiguous(at::MemoryFormat::ChannelsLast);
  };
  if (fits(gradient) && fits(y)) {
    return y.is_cuda() ? cuda::relu_backward(gradient, y) : cpu::relu_backward(gradient, y);
  }
  gradient.masked_fill_(y.le(0), 0);
  return gradient.sum({0, 2, 3}, /*keepdim=*/false, dtype_of_sums(gradient));
}

namespace {

std::mutex mutex;
/// The number of guards that allow TF32 and of those that do not, and the setting before the first of them.
int allowing = 0, refusing = 0;
bool allowed_before = false;

void count_guard(bool allow, int change) {
  const std::lock_guard lock(mutex);
  auto& context = at::globalContext();
  if (allowing + refusing == 0) allowed_before = context.allowTF32CuBLAS();
  (allow ? allowing : refusing) += change;
  const bool is_allowed = allowing > 0 || (refusing == 0 && allowed_before);
  if (is_allowed != context.allowTF32CuBLAS()) context.setAllowTF32CuBLAS(is_allowed);
}

}  // namespace

Tf32Guard::Tf32Guard(bool allow, torch::Device device) : is_active_(device.is_cuda()), allow_(allow) {
  if (is_active_) count_guard(allow_, 1);
}

Tf32Guard::~Tf32Guard() {
  if (!is_active_) return;
  try {
    count_guard(allow_, -1);
  } catch (const c10::Error&) {
    // LibTorch refuses to tell the setting when the application has changed a newer one in the meantime.
  }
}

}  // namespace glow::ops
