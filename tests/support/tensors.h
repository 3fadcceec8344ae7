#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <glow/nn/options.h>

#include "nn/weight_source.h"

namespace glow::testing {

/// Whether the shapes are equal and |actual - expected| <= tolerance * (1 + |expected|) for every element.
/// EXPECT_TRUE(close(log_prob, expected, 1e-9));
inline ::testing::AssertionResult close(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure() << "shape " << actual.sizes() << " instead of " << expected.sizes();
  }
  const auto wanted = expected.detach().to(torch::kDouble);
  const auto error = (actual.detach().to(torch::kDouble) - wanted).abs() / (wanted.abs() + 1);
  if (error.le(tolerance).all().item<bool>()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "off by " << error.max().item<double>() << ", allowed are " << tolerance;
}

/// Standard normal float64 values, a pure function of the seed.
inline torch::Tensor random_normal(torch::IntArrayRef shape, std::uint64_t seed) {
  return nn::WeightSource(seed).normal(shape);
}

/// Float64 images [count, C, H, W] with values in (-0.49, 0.49).
inline torch::Tensor random_images(const nn::GlowOptions& options, std::int64_t count, std::uint64_t seed) {
  return (random_normal({count, options.channels, options.height, options.width}, seed) * 0.6).tanh() * 0.49;
}

/// |actual - expected| / |expected|, Euclidean norms.
inline double relative_error(const torch::Tensor& actual, const torch::Tensor& expected) {
  return ((actual - expected).norm() / expected.norm()).item<double>();
}

}  // namespace glow::testing
