#include <glow/data/image_grid.h>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>

#include "ops/check.h"

namespace glow::data {
namespace {

constexpr std::int64_t kGap = 2;
constexpr std::uint8_t kWhite = 255;

}  // namespace

io::Image to_image(const torch::Tensor& bytes) {
  ops::check_shape(bytes.dim() == 3 && bytes.size(0) >= 1 && bytes.size(0) <= 4 && bytes.scalar_type() == torch::kByte,
                   "image: expected uint8 [C, H, W] with 1 to 4 channels", bytes);
  const auto rows = bytes.permute({1, 2, 0}).to(torch::kCPU).contiguous();
  const auto* first = rows.data_ptr<std::uint8_t>();
  return {{static_cast<int>(rows.size(0)), static_cast<int>(rows.size(1)), static_cast<int>(rows.size(2))},
          {first, first + rows.numel()}};
}

io::Image image_grid(const torch::Tensor& bytes, std::int64_t columns) {
  ops::check_shape(bytes.dim() == 4 && bytes.size(0) > 0 && (bytes.size(1) == 1 || bytes.size(1) == 3) &&
                       bytes.scalar_type() == torch::kByte,
                   "image grid: expected uint8 [N, C, H, W] with 1 or 3 channels", bytes);
  require_at_least("columns", columns, 0);
  const auto count = bytes.size(0), height = bytes.size(2), width = bytes.size(3);
  if (columns == 0) columns = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  columns = std::min(columns, count);
  const auto rows = (count + columns - 1) / columns;
  const auto grid = at::full({bytes.size(1), rows * (height + kGap) - kGap, columns * (width + kGap) - kGap}, kWhite,
                             bytes.options());
  for (std::int64_t i = 0; i < count; ++i) {
    grid.narrow(1, i / columns * (height + kGap), height)
        .narrow(2, i % columns * (width + kGap), width)
        .copy_(bytes[i]);
  }
  return to_image(grid);
}

}  // namespace glow::data
