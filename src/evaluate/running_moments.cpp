#include <glow/evaluate/running_moments.h>

#include <string>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "ops/check.h"

namespace glow::evaluate {

void RunningMoments::add(const torch::Tensor& batch) {
  ops::check_shape(batch.dim() >= 1, "running moments: expected [N, ...]", batch);
  if (batch.size(0) == 0) return;
  const auto rows = batch.detach().to(mean_.defined() ? mean_.device() : batch.device(), torch::kDouble);
  const auto mean = rows.mean(0);
  combine(rows.size(0), mean, (rows - mean).square().sum(0));
}

void RunningMoments::merge(const RunningMoments& other) {
  if (other.count_ > 0) combine(other.count_, other.mean_, other.squares_);
}

void RunningMoments::combine(std::int64_t count, const torch::Tensor& mean, const torch::Tensor& squares) {
  if (count_ == 0) {
    count_ = count;
    mean_ = mean;
    squares_ = squares;
    return;
  }
  const auto expected = "running moments: expected [N, ...] with ... = " + ops::shape_text(mean_.sizes());
  ops::check_shape(mean.sizes() == mean_.sizes(), expected.c_str(), mean);
  const auto sum = static_cast<double>(count_ + count);
  const auto shift = mean.to(mean_.device()) - mean_;
  mean_ = mean_ + shift * (static_cast<double>(count) / sum);
  squares_ = squares_ + squares.to(mean_.device()) +
             shift.square() * (static_cast<double>(count_) * static_cast<double>(count) / sum);
  count_ += count;
}

void RunningMoments::require(std::int64_t rows) const {
  if (count_ < rows) {
    throw ConfigError("running moments: expected at least " + std::to_string(rows) + " rows, there were " +
                      std::to_string(count_));
  }
}

torch::Tensor RunningMoments::mean() const {
  require(1);
  return mean_;
}

torch::Tensor RunningMoments::variance() const {
  require(2);
  return squares_ / static_cast<double>(count_ - 1);
}

torch::Tensor RunningMoments::standard_error() const { return (variance() / static_cast<double>(count_)).sqrt(); }

}  // namespace glow::evaluate
