#pragma once

#include <cstdint>

#include <glow/train/options.h>

namespace glow::train {

/// The learning rate and the decays. They count images as Glow's published code does: an "epoch" is 50,000 images for
/// every data set, and an image of H x W counts as H*W/32^2 images. A pure function of the step, so that a resumed run
/// continues exactly.
class Schedule {
 public:
  /// The lower bound of beta2 and ema_decay when they are computed from the batch.
  static constexpr double kSmallestDecay = 0.9;

  Schedule(const TrainOptions& options, std::int64_t height, std::int64_t width);

  /// Learning rate of step `step` (from 0): the first is 0 while there is a warm-up.
  double learning_rate(std::int64_t step) const;
  /// options.beta2, or max(kSmallestDecay, 1 - 1/ceil(50,000 / counted batch)). The published code has no
  /// lower bound.
  double beta2() const { return beta2_; }
  /// Whether kSmallestDecay replaces a smaller value: the batch counts as 5,556 images or more.
  bool is_floored() const;
  /// options.ema_decay, or the default of beta2; 0: no average.
  double ema_decay() const { return ema_decay_; }

 private:
  double counted_batch_;
  double learning_rate_;
  double warmup_images_;
  double beta2_;
  double ema_decay_;
};

/// Steps of a whole run: options.steps, or options.epochs * train_images / options.batch rounded up; at least 1.
std::int64_t total_steps(const TrainOptions& options, std::int64_t train_images);

/// Images that initialise the actnorms: `requested`, or max(32, 256 * 32^2 / (H*W)); at most `available`.
std::int64_t init_images(std::int64_t requested, std::int64_t available, std::int64_t height, std::int64_t width);

}  // namespace glow::train
