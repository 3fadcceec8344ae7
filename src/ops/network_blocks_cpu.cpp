#include <algorithm>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "compat/block_product.h"
#include "ops/network_blocks.h"
#include "ops/padded_images.h"
#include "ops/patches.h"
#include "ops/pixel_blocks.h"
#include "ops/pixel_rows.h"
#include "ops/vectorized.h"
#include "ops/views.h"

namespace glow::ops {
namespace {

using compat::block_product;
using cpu::Block;
using cpu::constant;
using cpu::empty_images;
using cpu::for_each_block;
using cpu::KeptRows;
using cpu::PaddedImages;
using cpu::PixelRows;
using cpu::pixels_of;
using cpu::pixels_of_block;
using cpu::scratch;

/// Columns of one product: its result, 16 KB, is still in the first cache when bias and ReLU follow.
constexpr std::int64_t kColumns = 64;

template <class H>
GLOW_INLINE void add_bias_and_relu_of(Block<const float> from, const float* bias, std::int64_t rows,
                                      std::int64_t columns, Block<H> to) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < columns; i += kLanes) {
      float values[kLanes];
      for (std::int64_t j = 0; j < kLanes; ++j) values[j] = from.data[row * from.stride + i + j] + bias[i + j];
      for (std::int64_t j = 0; j < kLanes; ++j) {
        to.data[row * to.stride + i + j] = static_cast<H>(values[j] > 0 ? values[j] : 0);
      }
    }
  }
}
GLOW_VECTORIZED void add_bias_and_relu(Block<const float> from, const float* bias, std::int64_t rows,
                                       std::int64_t columns, Block<float> to) {
  add_bias_and_relu_of(from, bias, rows, columns, to);
}
GLOW_VECTORIZED void add_bias_and_relu(Block<const float> from, const float* bias, std::int64_t rows,
                                       std::int64_t columns, Block<c10::BFloat16> to) {
  add_bias_and_relu_of(from, bias, rows, columns, to);
}

/// The gradient where y is not 0, else 0, and its sum over the rows.
template <class H>
GLOW_INLINE void mask_and_sum_of(Block<const float> from, Block<const H> y, std::int64_t rows, std::int64_t columns,
                                 Block<H> to, float* sum) {
  for (std::int64_t i = 0; i < columns; i += kLanes) {
    float sums[kLanes] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      float values[kLanes];
      for (std::int64_t j = 0; j < kLanes; ++j) {
        const float value = from.data[row * from.stride + i + j];
        values[j] = static_cast<float>(y.data[row * y.stride + i + j]) > 0 ? value : 0;
      }
      for (std::int64_t j = 0; j < kLanes; ++j) sums[j] += values[j];
      for (std::int64_t j = 0; j < kLanes; ++j) to.data[row * to.stride + i + j] = static_cast<H>(values[j]);
    }
    for (std::int64_t j = 0; j < kLanes; ++j) sum[i + j] = sums[j];
  }
}
GLOW_VECTORIZED void mask_and_sum(Block<const float> from, Block<const float> y, std::int64_t rows,
                                  std::int64_t columns, Block<float> to, float* sum) {
  mask_and_sum_of(from, y, rows, columns, to, sum);
}
GLOW_VECTORIZED void mask_and_sum(Block<const float> from, Block<const c10::BFloat16> y, std::int64_t rows,
                                  std::int64_t columns, Block<c10::BFloat16> to, float* sum) {
  mask_and_sum_of(from, y, rows, columns, to, sum);
}

/// The position of column `column` of a right factor in its memory.
template <class H>
const H* column_of(const H* factor, std::int64_t column) {
  return factor + column * (std::is_same_v<H, float> ? 1 : 2);
}

/// Calls finish(column, columns, result) for the columns of a [rows, depth] * b [depth, width], part by part. `to`:
/// where the result may be computed if H is float; else in the thread's memory.
template <class H, class Finish>
void product_by_columns(Block<const H> a, const H* b, std::int64_t rows, std::int64_t depth, std::int64_t width,
                        Block<H> to, Finish&& finish) {
  for (std::int64_t column = 0; column < width; column += kColumns) {
    const auto columns = std::min(kColumns, width - column);
    Block<float> result{nullptr, kColumns};
    if constexpr (std::is_same_v<H, float>) {
      result = {to.data + column, to.stride};
    } else {
      result.data = scratch<float>(0, rows * kColumns);
    }
    block_product(rows, columns, depth, a.data, a.stride, column_of(b, column), width, result.data, result.stride);
    finish(column, columns, Block<const float>{result.data, result.stride});
  }
}

/// to = relu(a * b + bias), [rows, width]
template <class H>
void hidden_layer(Block<const H> a, const H* b, const float* bias, std::int64_t rows, std::int64_t depth,
                  std::int64_t width, Block<H> to) {
  product_by_columns(a, b, rows, depth, width, to,
                     [&](std::int64_t column, std::int64_t columns, Block<const float> result) {
                       add_bias_and_relu(result, bias + column, rows, columns, Block<H>{to.data + column, to.stride});
                     });
}

/// to = (a * b) where y is not 0, [rows, width], and its sum over the rows.
template <class H>
void hidden_layer_backward(Block<const H> a, const H* b, Block<const H> y, std::int64_t rows, std::int64_t depth,
                           std::int64_t width, Block<H> to, float* sum) {
  product_by_columns(a, b, rows, depth, width, to,
                     [&](std::int64_t column, std::int64_t columns, Block<const float> result) {
                       mask_and_sum(result, Block<const H>{y.data + column, y.stride}, rows, columns,
                                    Block<H>{to.data + column, to.stride}, sum + column);
                     });
}

/// to [rows, width] = a [rows, depth] * b [depth, width]
template <class H>
void plain_layer(Block<const H> a, const H* b, std::int64_t rows, std::int64_t depth, std::int64_t width, float* to) {
  for (std::int64_t column = 0; column < width; column += kColumns) {
    block_product(rows, std::min(kColumns, width - column), depth, a.data, a.stride, column_of(b, column), width,
                  to + column, width);
  }
}

template <class H>
NetworkActivations run(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z, bool keep) {
  const auto pixels = pixels_of(z), width = shape.width;
  const PaddedImages<H> images(z, shape.channels, shape.edge);
  NetworkActivations result;
  H *hidden1 = nullptr, *hidden2 = nullptr;
  if (keep) {
    result.hidden1 = empty_images(z, width, net.weight1.scalar_type());
    result.hidden2 = empty_images(z, width, net.weight1.scalar_type());
    hidden1 = result.hidden1.template data_ptr<H>();
    hidden2 = result.hidden2.template data_ptr<H>();
  }
  const auto parts = empty_images(z, shape.summed(), torch::kFloat);
  float* sums = parts.data_ptr<float>();
  const H *weight1 = net.weight1.data_ptr<H>(), *weight2 = net.weight2.data_ptr<H>(),
          *weight3 = net.weight3.data_ptr<H>();
  const float *bias1 = net.exact_bias1.data_ptr<float>(), *bias2 = net.exact_bias2.data_ptr<float>();
  for_each_block<H>(pixels, [&](std::int64_t, std::int64_t first, std::int64_t count) {
    H* patches = scratch<H>(0, count * shape.gathered());
    images.gather(first, count, shape.gathered(), patches);
    H* first_hidden = keep ? hidden1 + first * width : scratch<H>(1, count * width);
    H* second_hidden = keep ? hidden2 + first * width : scratch<H>(2, count * width);
    hidden_layer<H>({patches, shape.gathered()}, weight1, bias1, count, shape.gathered(), width, {first_hidden, width});
    hidden_layer<H>({first_hidden, width}, weight2, bias2, count, width, width, {second_hidden, width});
    plain_layer<H>({second_hidden, width}, weight3, count, width, shape.summed(), sums + first * shape.summed());
  });
  result.h = sum_patches(parts, net.bias3, net.outside);
  return result;
}

/// The sums of of_h over all pixels, and over the pixels where a tap is outside the image.
std::pair<torch::Tensor, torch::Tensor> bias_gradients(const torch::Tensor& of_h) {
  const auto images = of_h.size(0), outputs = of_h.size(1), height = of_h.size(2), width = of_h.size(3);
  const auto bias = empty_on_cpu({outputs}, torch::kFloat), outside = empty_on_cpu({9, outputs}, torch::kFloat);
  float *of_bias = bias.data_ptr<float>(), *of_outside = outside.data_ptr<float>();
  std::fill_n(of_bias, outputs, 0.0F);
  std::fill_n(of_outside, 9 * outputs, 0.0F);
  const float* pixel = of_h.data_ptr<float>();
  const auto add_to = [&](float* sum) {
    for (std::int64_t i = 0; i < outputs; ++i) sum[i] += pixel[i];
  };
  for (std::int64_t row = 0; row < images * height; ++row) {
    const auto y = row % height;
    for (std::int64_t x = 0; x < width; ++x, pixel += outputs) {
      add_to(of_bias);
      if (y > 0 && y + 1 < height && x > 0 && x + 1 < width) continue;
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const auto y_in = y - tap / 3 + 1, x_in = x - tap % 3 + 1;
        if (y_in < 0 || y_in >= height || x_in < 0 || x_in >= width) add_to(of_outside + tap * outputs);
      }
    }
  }
  return {bias, outside};
}

/// What the backward pass of a block writes for its pixels.
template <class H>
struct BackwardRows {
  PixelRows<H> of_parts, of_hidden2, of_hidden1, patches;
  KeptRows<H> hidden1, hidden2;
};

/// The backward pass of a block of `count` pixels from `first` on. `sum1`, `sum2` [width]: the block's gradients of b1
/// and b2; `of_patches` [count, gathered].
template <class H>
void run_block_backward(const NetworkShape& shape, const FoldedNet& net, const PaddedImages<H>& z,
                        const PaddedImages<H>& of_h, const BackwardRows<H>& rows, std::int64_t first,
                        std::int64_t count, float* sum1, float* sum2, float* of_patches) {
  const auto width = shape.width, summed = shape.summed(), gathered = shape.gathered();
  const auto part = rows.of_parts.workspace(0, first, count);
  of_h.gather(first, count, summed, part.data);
  rows.of_parts.store(constant(part), first, count);

  const auto of_hidden2 = rows.of_hidden2.workspace(1, first, count);
  hidden_layer_backward<H>(constant(part), net.weight3.data_ptr<H>(), rows.hidden2.block(first), count, summed, width,
                           of_hidden2, sum2);
  rows.of_hidden2.store(constant(of_hidden2), first, count);
  rows.hidden2.store(first, count);

  const auto of_hidden1 = rows.of_hidden1.workspace(2, first, count);
  hidden_layer_backward<H>(constant(of_hidden2), net.weight2.data_ptr<H>(), rows.hidden1.block(first), count, width,
                           width, of_hidden1, sum1);
  rows.of_hidden1.store(constant(of_hidden1), first, count);
  rows.hidden1.store(first, count);

  plain_layer<H>(constant(of_hidden1), net.weight1.data_ptr<H>(), count, width, gathered, of_patches);
  const auto patch = rows.patches.workspace(0, first, count);
  z.gather(first, count, gathered, patch.data);
  rows.patches.store(constant(patch), first, count);
}

template <class H>
FoldedNetGradient run_backward(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z,
                               const NetworkActivations& activations, const torch::Tensor& of_h,
                               const torch::Tensor& of_z1) {
  const auto pixels = pixels_of(z), width = shape.width, gathered = shape.gathered();
  const auto blocks = (pixels + pixels_of_block(pixels) - 1) / pixels_of_block(pixels);
  const auto hidden = net.weight1.scalar_type();
  const PaddedImages<H> images(z, shape.channels, shape.edge), of_images(of_h, shape.outputs, /*edge=*/false);
  const BackwardRows<H> rows{PixelRows<H>(pixels, shape.summed(), hidden),
                             PixelRows<H>(pixels, width, hidden),
                             PixelRows<H>(pixels, width, hidden),
                             PixelRows<H>(pixels, gathered, hidden),
                             KeptRows<H>(activations.hidden1),
                             KeptRows<H>(activations.hidden2)};
  const torch::Tensor of_patches = empty_images(z, gathered, torch::kFloat);
  const torch::Tensor sums1 = empty_on_cpu({blocks, width}, torch::kFloat),
                      sums2 = empty_on_cpu({blocks, width}, torch::kFloat);
  float *sum1 = sums1.data_ptr<float>(), *sum2 = sums2.data_ptr<float>(), *to = of_patches.data_ptr<float>();
  for_each_block<H>(pixels, [&](std::int64_t block, std::int64_t first, std::int64_t count) {
    run_block_backward(shape, net, images, of_images, rows, first, count, sum1 + block * width, sum2 + block * width,
                       to + first * gathered);
  });
  add_patches_(of_z1, of_patches);
  FoldedNetGradient gradient;
  gradient.weight1 = product_over_pixels(rows.of_hidden1, rows.patches);
  gradient.weight2 = product_over_pixels(rows.of_hidden2, rows.hidden1.rows());
  gradient.weight3 = product_over_pixels(rows.of_parts, rows.hidden2.rows());
  gradient.bias1 = cpu::sum_of_rows(sums1, 0, {width});
  gradient.bias2 = cpu::sum_of_rows(sums2, 0, {width});
  std::tie(gradient.bias3, gradient.outside) = bias_gradients(of_h);
  return gradient;
}

}  // namespace

bool has_network_blocks(const NetworkShape& shape, const torch::Tensor& z, torch::Dtype hidden) {
  if (!z.is_cpu() || z.scalar_type() != torch::kFloat || shape.width % kLanes != 0) return false;
  if (hidden == torch::kFloat) return compat::has_block_product<float>();
  return hidden == torch::kBFloat16 && compat::has_block_product<c10::BFloat16>();
}

NetworkActivations run_network_blocks(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z,
                                      bool keep) {
  const auto images = z.contiguous(at::MemoryFormat::ChannelsLast);
  return net.weight1.scalar_type() == torch::kFloat ? run<float>(shape, net, images, keep)
                                                    : run<c10::BFloat16>(shape, net, images, keep);
}

FoldedNetGradient network_blocks_backward(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z,
                                          const NetworkActivations& activations, const torch::Tensor& of_h,
                                          torch::Tensor of_z1) {
  const auto images = z.contiguous(at::MemoryFormat::ChannelsLast);
  const auto gradient = of_h.contiguous(at::MemoryFormat::ChannelsLast);
  return net.weight1.scalar_type() == torch::kFloat
             ? run_backward<float>(shape, net, images, activations, gradient, of_z1)
             : run_backward<c10::BFloat16>(shape, net, images, activations, gradient, of_z1);
}

}  // namespace glow::ops
