#include "images/array_shape.h"

#include <string_view>

#include "io/errors.h"

namespace glow::images {
namespace {

constexpr std::int64_t kFewestPixels = 8;

bool is_channel_count(std::int64_t length) { return length == 1 || length == 3 || length == 4; }

/// The side of square images of `channels` planes with this many values, 0 if there is none.
std::int64_t square_side(std::int64_t values, std::int64_t channels) {
  std::int64_t side = 0;
  while (side < 1 << 15 && channels * (side + 1) * (side + 1) <= values) ++side;
  return channels * side * side == values ? side : 0;
}

/// The expression of NumPy that gives the array the axes; "arr" if it has them or it is not known how.
std::string with_axes(ArrayAxes axes, const std::vector<std::int64_t>& shape) {
  const bool has_alpha = shape.size() >= 3 && shape.back() == 4;
  if (axes == ArrayAxes::kImage) return shape.size() == 3 && has_alpha ? "arr[..., :3]" : "arr";
  if (has_channels_first(shape)) {
    return shape[1] == 4 ? "arr.transpose(0, 2, 3, 1)[..., :3]" : "arr.transpose(0, 2, 3, 1)";
  }
  if (shape.size() == 4 && has_alpha) return "arr[..., :3]";
  if (shape.size() == 3 && axes == ArrayAxes::kImagesWithChannels) return "arr[..., None]";
  if (shape.size() != 2) return "arr";
  for (const std::int64_t channels : {3, 1}) {
    const std::int64_t side = square_side(shape[1], channels);
    if (side < kFewestPixels) continue;
    const std::string sides = std::to_string(side) + ", " + std::to_string(side);
    return channels == 1 ? "arr.reshape(-1, " + sides + ", 1)"
                         : "arr.reshape(-1, 3, " + sides + ").transpose(0, 2, 3, 1)";
  }
  return "arr";
}

}  // namespace

bool has_channels_first(const std::vector<std::int64_t>& shape) {
  return shape.size() == 4 && is_channel_count(shape[1]) && shape[2] >= kFewestPixels && shape[3] >= kFewestPixels;
}

FormatError other_array(const std::filesystem::path& path, const std::string& expected, ArrayAxes axes,
                        const std::string& dtype, const std::vector<std::int64_t>& shape) {
  const bool is_real = dtype.size() > 1 && dtype[1] == 'f';
  std::string expression = with_axes(axes, shape);
  if (is_real) {
    expression = "(255 * " + expression + ").round().astype(np.uint8)";
  } else if (dtype == "|b1") {
    expression = "255 * " + expression + ".astype(np.uint8)";
  } else if (dtype != "|u1") {
    expression += ".astype(np.uint8)";
  }
  std::string text = "expected " + expected + ", is " + io::in_quotes(dtype) + " " + io::to_text(shape);
  if (axes != ArrayAxes::kImage && has_channels_first(shape)) text += " (channels first)";
  if (expression != "arr") text += ": save " + expression;
  if (is_real) text += " if its values are from 0 to 1";
  return FormatError(path, text);
}

}  // namespace glow::images
