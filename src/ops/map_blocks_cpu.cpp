#include <algorithm>

#include "compat/block_product.h"
#include "ops/map_blocks.h"
#include "ops/pixel_blocks.h"
#include "ops/transpose.h"

namespace glow::ops {

torch::Tensor map_pixels(const torch::Tensor& x, const torch::Tensor& matrix, const torch::Tensor& bias) {
  const auto outputs = matrix.size(0), inputs = matrix.size(1), pixels = cpu::pixels_of(x);
  const auto y = cpu::empty_images(x, outputs, torch::kFloat),
             transposed = empty_on_cpu({inputs, outputs}, torch::kFloat);
  cpu::transpose(matrix.data_ptr<float>(), inputs, outputs, inputs, transposed.data_ptr<float>(), outputs);
  const float *from = x.data_ptr<float>(), *factor = transposed.data_ptr<float>(), *first = bias.data_ptr<float>();
  float* to = y.data_ptr<float>();
  cpu::for_each_block<float>(pixels, [&](std::int64_t, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) std::copy_n(first, outputs, to + (begin + i) * outputs);
    compat::block_product(count, outputs, inputs, from + begin * inputs, inputs, factor, outputs, to + begin * outputs,
                          outputs,
                          /*add=*/true);
  });
  return y;
}

MapGradients map_pixels_backward(const torch::Tensor& x, const torch::Tensor& matrix, const torch::Tensor& gradient) {
  const auto outputs = matrix.size(0), inputs = matrix.size(1), pixels = cpu::pixels_of(x);
  const auto of_x = cpu::empty_images(x, inputs, torch::kFloat);
  const float *g = gradient.data_ptr<float>(), *from = x.data_ptr<float>(), *factor = matrix.data_ptr<float>();
  float* to = of_x.data_ptr<float>();
  // The sums of each block: of the matrix, then of the bias.
  const auto size = cpu::pixels_of_block(pixels), blocks = (pixels + size - 1) / size, numbers = (inputs + 1) * outputs;
  const auto sums = empty_on_cpu({blocks, numbers}, torch::kFloat);
  float* of_block = sums.data_ptr<float>();
  cpu::for_each_block<float>(pixels, [&](std::int64_t block, std::int64_t begin, std::int64_t count) {
    const float* rows = g + begin * outputs;
    compat::block_product(count, inputs, outputs, rows, outputs, factor, inputs, to + begin * inputs, inputs);
    float* transposed = cpu::scratch<float>(0, outputs * count);
    cpu::transpose(rows, outputs, count, outputs, transposed, count);
    float* sum = of_block + block * numbers;
    compat::block_product(outputs, inputs, count, transposed, count, from + begin * inputs, inputs, sum, inputs);
    float* of_bias = sum + inputs * outputs;
    std::copy_n(rows, outputs, of_bias);
    for (std::int64_t i = 1; i < count; ++i) {
      for (std::int64_t j = 0; j < outputs; ++j) of_bias[j] += rows[i * outputs + j];
    }
  });
  return {of_x, cpu::sum_of_rows(sums, 0, {outputs, inputs}), cpu::sum_of_rows(sums, inputs * outputs, {outputs})};
}

}  // namespace glow::ops
