#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

namespace glow::data {

// Letters of 5x7 pixels at a distance of 6; some extend 2 pixels below the baseline.

constexpr std::int64_t kTextHeight = 9;

/// The width of a line of text in pixels.
std::int64_t text_width(const std::string& text);

/// Sets the pixels of the text in `ink`, bool [H, W], with the top left corner of its first letter at (top, left). The
/// text must fit.
void draw_text(const at::Tensor& ink, std::int64_t top, std::int64_t left, const std::string& text);

}  // namespace glow::data
