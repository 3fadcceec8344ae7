#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/data/images.h>
#include <glow/nn/glow.h>
#include <glow/train/options.h>

#include "images/array.h"

namespace glow::testing {

constexpr int kTinySize = 4;

/// Grey 4x4 images that are easy to learn: a brightness ramp whose offset depends on the image. The labels repeat 0, 1,
/// 2.
inline std::shared_ptr<const data::Images> tiny_images(std::int64_t count, std::int64_t first = 0) {
  std::string bytes;
  std::vector<std::uint8_t> labels;
  for (std::int64_t i = first; i < first + count; ++i) {
    for (int pixel = 0; pixel < kTinySize * kTinySize; ++pixel) {
      bytes += static_cast<char>(i * 37 % 64 + 5 * (pixel % kTinySize) + 3 * (pixel / kTinySize));
    }
    labels.push_back(static_cast<std::uint8_t>(i % 3));
  }
  return std::make_shared<const data::Images>(
      images::make_array_source({kTinySize, kTinySize, 1}, bytes, labels, "tiny images"),
      data::Geometry{.height = kTinySize, .width = kTinySize, .flip = true});
}

/// A model of tiny images, not initialised.
inline nn::Glow tiny_model(std::int64_t num_classes = 0, std::uint64_t seed = 0) {
  return nn::Glow(nn::GlowOptions{.channels = 1,
                                  .height = kTinySize,
                                  .width = kTinySize,
                                  .levels = 2,
                                  .depth = 1,
                                  .hidden_width = 4,
                                  .permutation = nn::PermutationKind::kLU,
                                  .num_classes = num_classes},
                  seed);
}

/// tiny_model, initialised from 32 tiny images.
inline nn::Glow started_tiny_model(std::int64_t num_classes = 0) {
  auto model = tiny_model(num_classes);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < 32; ++i) indices.push_back(i);
  model->initialize(model->quantizer().dequantize(tiny_images(32)->bytes(indices), 0));
  return model;
}

/// Batches of 4, 12 steps, no warm-up, and decays for a run of this length.
inline train::TrainOptions tiny_options() {
  return {.batch = 4,
          .steps = 12,
          .warmup_epochs = 0,
          .beta2 = 0.99,
          .ema_decay = 0.8,
          .log_every = 2,
          .eval_every = 4,
          .sample_every = 6,
          .checkpoint_every = 3};
}

}  // namespace glow::testing
