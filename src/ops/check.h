#pragma once

#include <sstream>
#include <string>

#include <torch/types.h>

#include <glow/error.h>

namespace glow::ops {

/// "[2, 3, 8, 8]"
inline std::string shape_text(torch::IntArrayRef sizes) {
  std::ostringstream text;
  text << sizes;
  return text.str();
}

/// Throws ShapeError("`expectation`, got [..]") unless `holds`.
inline void check_shape(bool holds, const char* expectation, const torch::Tensor& seen) {
  if (!holds) throw ShapeError(std::string(expectation) + ", got " + shape_text(seen.sizes()));
}

}  // namespace glow::ops
