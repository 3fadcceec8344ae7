#include <algorithm>
#include <cstring>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "compat/block_product.h"
#include "ops/network_blocks.h"
#include "ops/padded_images.h"
#include "ops/panels.h"
#include "ops/patches.h"
#include "ops/pixel_blocks.h"
#include "ops/pixel_factors.h"
#include "ops/pixels.h"
#include "ops/vectorized.h"
#include "ops/views.h"

namespace glow::ops {
namespace {

using compat::block_product;
using cpu::Block;
using cpu::constant;
using cpu::empty_images;
using cpu::for_each_block;
using cpu::for_each_panel;
using cpu::kPanelColumns;
using cpu::LeftPixelFactor;
using cpu::PaddedImages;
using cpu::panel_offset;
using cpu::pixels_of;
using cpu::pixels_of_block;
using cpu::RightPixelFactor;
using cpu::scratch;

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

/// The gradient where y is not 0, else 0, and its sum over the rows. y: a panel of a factor of a product over pixels;
/// no number of it is negative.
GLOW_VECTORIZED void mask_and_sum(Block<const float> from, Block<const float> y, std::int64_t rows,
                                  std::int64_t columns, Block<float> to, float* sum) {
  for (std::int64_t i = 0; i < columns; i += kLanes) {
    float sums[kLanes] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      float values[kLanes];
      for (std::int64_t j = 0; j < kLanes; ++j) {
        const float value = from.data[row * from.stride + i + j];
        values[j] = y.data[row * y.stride + i + j] > 0 ? value : 0;
      }
      for (std::int64_t j = 0; j < kLanes; ++j) sums[j] += values[j];
      for (std::int64_t j = 0; j < kLanes; ++j) to.data[row * to.stride + i + j] = values[j];
    }
    for (std::int64_t j = 0; j < kLanes; ++j) sum[i + j] = sums[j];
  }
}
GLOW_VECTORIZED void mask_and_sum(Block<const float> from, Block<const c10::BFloat16> y, std::int64_t rows,
                                  std::int64_t columns, Block<c10::BFloat16> to, float* sum) {
  for (std::int64_t i = 0; i < columns; i += kLanes) {
    float sums[kLanes] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      // The numbers of an even row are the lower halves of pairs.
      const std::uint32_t half = row % 2 == 0 ? 0xFFFF : 0xFFFF0000;
      std::uint32_t pairs[kLanes];
      std::memcpy(pairs, y.data + row / 2 * 2 * y.stride + 2 * i, sizeof pairs);
      float values[kLanes];
      for (std::int64_t j = 0; j < kLanes; ++j) {
        const float value = from.data[row * from.stride + i + j];
        values[j] = (pairs[j] & half) != 0 ? value : 0;
      }
      for (std::int64_t j = 0; j < kLanes; ++j) sums[j] += values[j];
      for (std::int64_t j = 0; j < kLanes; ++j) {
        to.data[row * to.stride + i + j] = static_cast<c10::BFloat16>(values[j]);
      }
    }
    for (std::int64_t j = 0; j < kLanes; ++j) sum[i + j] = sums[j];
  }
}

/// Calls finish(column, columns, result) for the panels of a [rows, depth] * b [depth, width]. `to`: where the result
/// may be computed if H is float; else in the thread's memory.
template <class H, class Finish>
void product_by_panels(Block<const H> a, const H* b, std::int64_t rows, std::int64_t depth, std::int64_t width,
                       Block<H> to, Finish&& finish) {
  for_each_panel<H>(width, [&](std::int64_t column, std::int64_t columns) {
    Block<float> result{nullptr, kPanelColumns<H>};
    if constexpr (std::is_same_v<H, float>) {
      result = {to.data + column, to.stride};
    } else {
      result.data = scratch<float>(0, rows * kPanelColumns<H>);
    }
    block_product(rows, columns, depth, a.data, a.stride, b + panel_offset(depth, column), columns, result.data,
                  result.stride);
    finish(column, columns, Block<const float>{result.data, result.stride});
  });
}

/// The pixels of a block.
struct PixelRange {
  std::int64_t first, count;
};

/// to = relu(a * b + bias), [pixels, width]; also stored in `kept`, if there is one.
template <class H>
void hidden_layer(Block<const H> a, const H* b, const float* bias, PixelRange pixels, std::int64_t depth, Block<H> to,
                  const RightPixelFactor<H>* kept) {
  product_by_panels(a, b, pixels.count, depth, to.stride, to,
                    [&](std::int64_t column, std::int64_t columns, Block<const float> result) {
                      const Block<H> part{to.data + column, to.stride};
                      add_bias_and_relu(result, bias + column, pixels.count, columns, part);
                      if (kept != nullptr) kept->store_panel(column, constant(part), pixels.first, pixels.count);
                    });
}

/// to = (a * b) where y is not 0, [pixels, width], and its sum over the pixels.
template <class H>
void hidden_layer_backward(Block<const H> a, const H* b, const RightPixelFactor<H>& y, PixelRange pixels,
                           std::int64_t depth, Block<H> to, float* sum) {
  product_by_panels(a, b, pixels.count, depth, to.stride, to,
                    [&](std::int64_t column, std::int64_t columns, Block<const float> result) {
                      mask_and_sum(result, constant(y.panel(pixels.first, column)), pixels.count, columns,
                                   Block<H>{to.data + column, to.stride}, sum + column);
                    });
}

/// to [rows, width] = a [rows, depth] * b [depth, width]
template <class H>
void plain_layer(Block<const H> a, const H* b, std::int64_t rows, std::int64_t depth, std::int64_t width, float* to) {
  for_each_panel<H>(width, [&](std::int64_t column, std::int64_t columns) {
    block_product(rows, columns, depth, a.data, a.stride, b + panel_offset(depth, column), columns, to + column, width);
  });
}

template <class H>
NetworkActivations run(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z, bool keep) {
  const auto all_pixels = pixels_of(z), width = shape.width, gathered = shape.gathered(), summed = shape.summed();
  const PaddedImages<H> images(z, shape.channels, shape.edge);
  std::optional<RightPixelFactor<H>> kept1, kept2;
  if (keep) {
    kept1.emplace(all_pixels, width);
    kept2.emplace(all_pixels, width);
  }
  const auto *const to_keep1 = kept1 ? &*kept1 : nullptr, *const to_keep2 = kept2 ? &*kept2 : nullptr;
  const auto parts = empty_images(z, summed, torch::kFloat);
  float* sums = parts.data_ptr<float>();
  const H *weight1 = net.weight1.data_ptr<H>(), *weight2 = net.weight2.data_ptr<H>(),
          *weight3 = net.weight3.data_ptr<H>();
  const float *bias1 = net.exact_bias1.data_ptr<float>(), *bias2 = net.exact_bias2.data_ptr<float>();
  for_each_block<H>(all_pixels, [&](std::int64_t, std::int64_t first, std::int64_t count) {
    const PixelRange pixels{first, count};
    const Block<H> patches{scratch<H>(0, count * gathered), gathered};
    images.gather(first, count, gathered, patches.data);
    const Block<H> hidden1{scratch<H>(1, count * width), width}, hidden2{scratch<H>(2, count * width), width};
    hidden_layer(constant(patches), weight1, bias1, pixels, gathered, hidden1, to_keep1);
    hidden_layer(constant(hidden1), weight2, bias2, pixels, width, hidden2, to_keep2);
    plain_layer(constant(hidden2), weight3, count, width, summed, sums + first * summed);
  });
  NetworkActivations result;
  if (keep) {
    result.hidden1 = kept1->memory();
    result.hidden2 = kept2->memory();
  }
  result.h = sum_patches(parts, net.bias3, net.outside);
  return result;
}

/// The sums of of_h over all pixels, and over the pixels where a tap is outside the image.
std::pair<torch::Tensor, torch::Tensor> bias_gradients(const torch::Tensor& of_h) {
  const auto outputs = of_h.size(1), height = of_h.size(2), width = of_h.size(3), rows = of_h.size(0) * height;
  // Of every row of pixels: the gradient of the bias, then that of `outside`.
  const auto numbers = 10 * outputs;
  const torch::Tensor sums = empty_on_cpu({rows, numbers}, torch::kFloat);
  for_each_row(of_h, width * outputs, [&](std::int64_t image, std::int64_t y) {
    const auto row = image * height + y;
    const float* pixel = of_h.data_ptr<float>() + row * width * outputs;
    float* of_bias = sums.data_ptr<float>() + row * numbers;
    float* of_outside = of_bias + outputs;
    std::fill_n(of_bias, numbers, 0.0F);
    const auto add_to = [&](float* sum) {
      for (std::int64_t i = 0; i < outputs; ++i) sum[i] += pixel[i];
    };
    for (std::int64_t x = 0; x < width; ++x, pixel += outputs) {
      add_to(of_bias);
      if (y > 0 && y + 1 < height && x > 0 && x + 1 < width) continue;
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const auto y_in = y - tap / 3 + 1, x_in = x - tap % 3 + 1;
        if (y_in < 0 || y_in >= height || x_in < 0 || x_in >= width) add_to(of_outside + tap * outputs);
      }
    }
  });
  return {cpu::sum_of_rows(sums, 0, {outputs}), cpu::sum_of_rows(sums, outputs, {9, outputs})};
}

/// The factors of the weights' gradients, which the backward pass of a block reads and writes for its pixels.
template <class H>
struct BackwardFactors {
  RightPixelFactor<H> hidden1, hidden2, patches;
  LeftPixelFactor<H> of_hidden1, of_hidden2, of_parts;
};

/// The backward pass of a block. `sum1`, `sum2` [width]: the block's gradients of b1 and b2; `of_patches` [count,
/// gathered].
template <class H>
void run_block_backward(const NetworkShape& shape, const FoldedNet& net, const PaddedImages<H>& z,
                        const PaddedImages<H>& of_h, const BackwardFactors<H>& factors, PixelRange pixels, float* sum1,
                        float* sum2, float* of_patches) {
  const auto [first, count] = pixels;
  const auto width = shape.width, summed = shape.summed(), gathered = shape.gathered();
  const Block<H> of_parts{scratch<H>(0, count * summed), summed};
  of_h.gather(first, count, summed, of_parts.data);
  factors.of_parts.store(constant(of_parts), first, count, 3);

  const Block<H> of_hidden2{scratch<H>(1, count * width), width}, of_hidden1{scratch<H>(2, count * width), width};
  hidden_layer_backward(constant(of_parts), net.weight3.data_ptr<H>(), factors.hidden2, pixels, summed, of_hidden2,
                        sum2);
  factors.of_hidden2.store(constant(of_hidden2), first, count, 3);
  hidden_layer_backward(constant(of_hidden2), net.weight2.data_ptr<H>(), factors.hidden1, pixels, width, of_hidden1,
                        sum1);
  factors.of_hidden1.store(constant(of_hidden1), first, count, 3);

  plain_layer(constant(of_hidden1), net.weight1.data_ptr<H>(), count, width, gathered, of_patches);
  const Block<H> patches{scratch<H>(0, count * gathered), gathered};
  z.gather(first, count, gathered, patches.data);
  factors.patches.store(constant(patches), first, count);
}

template <class H>
FoldedNetGradient run_backward(const NetworkShape& shape, const FoldedNet& net, const torch::Tensor& z,
                               const NetworkActivations& activations, const torch::Tensor& of_h,
                               const torch::Tensor& of_z1) {
  const auto pixels = pixels_of(z), width = shape.width, gathered = shape.gathered();
  const auto blocks = (pixels + pixels_of_block(pixels) - 1) / pixels_of_block(pixels);
  const PaddedImages<H> images(z, shape.channels, shape.edge), of_images(of_h, shape.outputs, /*edge=*/false);
  const BackwardFactors<H> factors{RightPixelFactor<H>(pixels, activations.hidden1),
                                   RightPixelFactor<H>(pixels, activations.hidden2),
                                   RightPixelFactor<H>(pixels, gathered),
                                   LeftPixelFactor<H>(pixels, width),
                                   LeftPixelFactor<H>(pixels, width),
                                   LeftPixelFactor<H>(pixels, shape.summed())};
  const torch::Tensor of_patches = empty_images(z, gathered, torch::kFloat);
  const torch::Tensor sums1 = empty_on_cpu({blocks, width}, torch::kFloat),
                      sums2 = empty_on_cpu({blocks, width}, torch::kFloat);
  float *sum1 = sums1.data_ptr<float>(), *sum2 = sums2.data_ptr<float>(), *to = of_patches.data_ptr<float>();
  for_each_block<H>(pixels, [&](std::int64_t block, std::int64_t first, std::int64_t count) {
    run_block_backward(shape, net, images, of_images, factors, {first, count}, sum1 + block * width,
                       sum2 + block * width, to + first * gathered);
  });
  add_patches_(of_z1, of_patches);
  FoldedNetGradient gradient;
  gradient.weight1 = product_over_pixels(factors.of_hidden1, factors.patches);
  gradient.weight2 = product_over_pixels(factors.of_hidden2, factors.hidden1);
  gradient.weight3 = product_over_pixels(factors.of_parts, factors.hidden2);
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
