#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <torch/types.h>

#include <glow/error.h>

namespace glow::nn {

/// Throws ConfigError for `field` unless all labels, int64 [N] with N > 0, are in 0..num_classes-1.
inline void require_labels(std::string_view field, const torch::Tensor& labels, std::int64_t num_classes) {
  const auto lowest = labels.min().item<std::int64_t>(), highest = labels.max().item<std::int64_t>();
  if (lowest >= 0 && highest < num_classes) return;
  const auto wrong = lowest < 0 ? lowest : highest;
  throw ConfigError(field, "the model needs 0 to " + std::to_string(num_classes - 1) + ", an image has " +
                               (wrong == -1 ? "none" : std::to_string(wrong)));
}

}  // namespace glow::nn
