#include <glow/data/image_grid.h>

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>

#include "data/bitmap_font.h"
#include "ops/check.h"

namespace glow::data {
namespace {

constexpr std::int64_t kSpace = 2;
/// Between a label and its row or column, and around a labelled grid.
constexpr std::int64_t kMargin = 4;
constexpr std::int64_t kMostScale = 64;
/// libpng's limit for a side, and this library's limit for the whole grid.
constexpr std::int64_t kLongestSide = 1'000'000;
constexpr std::int64_t kMostPixels = std::int64_t{1} << 28;

/// Positions and sizes, in pixels.
struct Layout {
  std::int64_t rows, columns;
  /// Size of a scaled image.
  std::int64_t height, width;
  /// Distance from one image to the next.
  std::int64_t row_pitch, column_pitch;
  /// Position of the first image's cell.
  std::int64_t top, left;
  /// Around the grid, 0 without labels.
  std::int64_t margin;

  std::int64_t full_height() const { return top + rows * row_pitch - kSpace + margin; }
  std::int64_t full_width() const { return left + columns * column_pitch - kSpace + margin; }
  // Labels can make cells wider or higher than their images.
  std::int64_t image_top(std::int64_t row) const { return top + row * row_pitch + (row_pitch - kSpace - height) / 2; }
  std::int64_t image_left(std::int64_t column) const {
    return left + column * column_pitch + (column_pitch - kSpace - width) / 2;
  }
};

std::int64_t widest(const std::vector<std::string>& labels) {
  std::int64_t width = 0;
  for (const auto& label : labels) width = std::max(width, text_width(label));
  return width;
}

void check_labels(const char* field, const std::vector<std::string>& labels, std::int64_t places) {
  if (labels.empty() || static_cast<std::int64_t>(labels.size()) == places) return;
  throw ConfigError("labels." + std::string(field),
                    "expected none or " + std::to_string(places) + ", got " + std::to_string(labels.size()));
}

Layout make_layout(const torch::Tensor& bytes, const LabelledGridOptions& options) {
  const auto count = bytes.size(0);
  const auto square = static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  Layout layout{};
  layout.columns = std::min(options.columns == 0 ? square : options.columns, count);
  layout.rows = (count + layout.columns - 1) / layout.columns;
  const auto& [rows, columns] = options.labels;
  check_labels("rows", rows, layout.rows);
  check_labels("columns", columns, layout.columns);
  layout.height = bytes.size(2) * options.scale;
  layout.width = bytes.size(3) * options.scale;
  layout.row_pitch = std::max(layout.height, rows.empty() ? 0 : kTextHeight) + kSpace;
  // The space between labels is twice that between images.
  layout.column_pitch = std::max(layout.width, columns.empty() ? 0 : widest(columns) + kSpace) + kSpace;
  layout.margin = rows.empty() && columns.empty() ? 0 : kMargin;
  layout.top = layout.margin + (columns.empty() ? 0 : kTextHeight + kSpace);
  layout.left = layout.margin + (rows.empty() ? 0 : widest(rows) + kMargin);
  return layout;
}

/// Refuses a grid that is too large, for example because of very long labels, before it is allocated.
void check_size(const Layout& layout) {
  const auto height = layout.full_height(), width = layout.full_width();
  if (height <= kLongestSide && width <= kLongestSide && height * width <= kMostPixels) return;
  throw ConfigError("image grid: expected at most " + std::to_string(kMostPixels) + " pixels and sides of at most " +
                    std::to_string(kLongestSide) + ", images, scale and labels make it " + std::to_string(height) +
                    " high and " + std::to_string(width) + " wide");
}

void draw_labels(const Layout& layout, const GridLabels& labels, const torch::Tensor& ink) {
  for (std::size_t i = 0; i < labels.rows.size(); ++i) {
    const auto top = layout.image_top(static_cast<std::int64_t>(i)) + (layout.height - kTextHeight) / 2 + 1;
    draw_text(ink, std::max<std::int64_t>(top, 0), layout.left - kMargin - text_width(labels.rows[i]), labels.rows[i]);
  }
  for (std::size_t i = 0; i < labels.columns.size(); ++i) {
    const auto left =
        layout.image_left(static_cast<std::int64_t>(i)) + (layout.width - text_width(labels.columns[i])) / 2;
    draw_text(ink, layout.margin, left, labels.columns[i]);
  }
}

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
  return labelled_grid(bytes, {.columns = columns});
}

io::Image labelled_grid(const torch::Tensor& bytes, const LabelledGridOptions& options) {
  ops::check_shape(bytes.dim() == 4 && bytes.size(0) > 0 && (bytes.size(1) == 1 || bytes.size(1) == 3) &&
                       bytes.scalar_type() == torch::kByte,
                   "image grid: expected uint8 [N, C, H, W] with 1 or 3 channels", bytes);
  require_at_least("columns", options.columns, 0);
  require_range("scale", options.scale, 1, kMostScale);
  const auto layout = make_layout(bytes, options);
  check_size(layout);
  const auto scaled = bytes.cpu().repeat_interleave(options.scale, 2).repeat_interleave(options.scale, 3);
  const auto grid = at::full({bytes.size(1), layout.full_height(), layout.full_width()}, 255, scaled.options());
  const auto ink = at::zeros({layout.full_height(), layout.full_width()}, at::kBool);
  draw_labels(layout, options.labels, ink);
  grid.masked_fill_(ink, 0);
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    grid.narrow(1, layout.image_top(i / layout.columns), layout.height)
        .narrow(2, layout.image_left(i % layout.columns), layout.width)
        .copy_(scaled[i]);
  }
  return to_image(grid);
}

}  // namespace glow::data
