#pragma once

#include <string>

#include <torch/types.h>

#include <glow/error.h>

namespace glow::evaluate {

/// Throws ConfigError unless every one of the labels, int64 [N] with N > 0, is a class of the model.
inline void check_labels(const torch::Tensor& labels, std::int64_t num_classes) {
  const auto lowest = labels.min().item<std::int64_t>(), highest = labels.max().item<std::int64_t>();
  if (lowest >= 0 && highest < num_classes) return;
  throw ConfigError("labels", "the model needs 0.." + std::to_string(num_classes - 1) + ", " +
                                  (lowest < 0 ? "an image has none" : "an image has " + std::to_string(highest)));
}

}  // namespace glow::evaluate
