#include <glow/train/schedule.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace glow::train {
namespace {

constexpr double kEpochImages = 50'000;
constexpr double kReferencePixels = 32 * 32;

}  // namespace

Schedule::Schedule(const TrainOptions& options, std::int64_t height, std::int64_t width)
    : counted_batch_(static_cast<double>(options.batch * height * width) / kReferencePixels),
      learning_rate_(options.learning_rate),
      warmup_images_(options.warmup_epochs * kEpochImages) {
  // A smaller decay would average over very few steps, and beta2 would be below beta1 = 0.9. All published settings are
  // above it (CelebA-HQ with 40 images of 256x256: 0.95).
  const double batch_decay = std::max(kSmallestDecay, 1 - 1 / std::ceil(kEpochImages / counted_batch_));
  beta2_ = options.beta2 > 0 ? options.beta2 : batch_decay;
  ema_decay_ = options.ema_decay < 0 ? batch_decay : options.ema_decay;
}

bool Schedule::is_floored() const { return 1 - 1 / std::ceil(kEpochImages / counted_batch_) < kSmallestDecay; }

double Schedule::learning_rate(std::int64_t step) const {
  const double images = static_cast<double>(step) * counted_batch_;
  return images < warmup_images_ ? learning_rate_ * (images / warmup_images_) : learning_rate_;
}

std::int64_t total_steps(const TrainOptions& options, std::int64_t train_images) {
  if (options.steps > 0) return options.steps;
  const double steps = options.epochs * static_cast<double>(train_images) / static_cast<double>(options.batch);
  // Rounding errors of the decimal number of epochs, the product and the quotient must not add a step.
  constexpr double kRoundings = 4 * std::numeric_limits<double>::epsilon();
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(steps * (1 - kRoundings))));
}

std::int64_t init_images(std::int64_t requested, std::int64_t available, std::int64_t height, std::int64_t width) {
  const std::int64_t automatic = std::max<std::int64_t>(32, 256 * 32 * 32 / (height * width));
  return std::min(requested > 0 ? requested : automatic, available);
}

}  // namespace glow::train
