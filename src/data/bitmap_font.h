#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

namespace glow::data {

// Letters of 5x7 pixels, 6 apart; some reach 2 pixels below the line.

constexpr std::int64_t kTextHeight = 9;

/// Pixels that a line of text takes.
std::int64_t text_width(const std::string& text);

/// Sets the pixels of the text in `ink`, bool [H, W], the top left corner of its first letter at (top, left). All of it
/// must lie inside.
void draw_text(const at::Tensor& ink, std::int64_t top, std::int64_t left, const std::string& text);

}  // namespace glow::data
