#include <glow/train/options.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <glow/checks.h>
#include <glow/error.h>

namespace glow::train {

void TrainOptions::validate() const {
  require_at_least("batch", batch, 1);
  require_at_least("accumulate", accumulate, 1);
  require_at_least("steps", steps, 0);
  require_below("epochs", epochs, 0, 1e9);
  if (steps == 0 && epochs == 0) throw ConfigError("epochs", "expected more than 0 when steps is 0, got 0");
  require_at_least("lr", learning_rate, 0);
  if (!(warmup_epochs < 0)) require_at_least("warmup_epochs", warmup_epochs, 0);
  require_below("beta2", beta2, 0, 1);
  if (!(ema_decay < 0)) require_below("ema_decay", ema_decay, 0, 1);
  require_at_least("init_images", init_images, 0);
  require_at_least("clip_norm", clip_norm, 0);
  require_at_least("skip_limit", skip_limit, 1);
  require_at_least("weight_y", weight_y, 0);
  require_at_least("log_every", log_every, 1);
  require_at_least("keep", keep, 1);
}

namespace {

constexpr double kEpochImages = 50'000;
constexpr double kReferencePixels = 32 * 32;
constexpr double kPublishedWarmup = 10;
/// Automatic warm-ups and intervals are at most the run's steps divided by this.
constexpr std::int64_t kPartsOfRun = 10;
/// Rounding errors of a decimal number of epochs and of a product and a quotient must not add a step.
constexpr double kRoundings = 4 * std::numeric_limits<double>::epsilon();

std::int64_t rounded_up(double steps) { return static_cast<std::int64_t>(std::ceil(steps * (1 - kRoundings))); }

double chosen_warmup(const TrainOptions& options, double counted_batch) {
  if (options.warmup_epochs >= 0) return options.warmup_epochs;
  if (options.steps == 0) return kPublishedWarmup;
  return std::min(kPublishedWarmup, static_cast<double>(options.steps / kPartsOfRun) * counted_batch / kEpochImages);
}

}  // namespace

Schedule::Schedule(const TrainOptions& options, std::int64_t height, std::int64_t width)
    : counted_batch_(static_cast<double>(options.batch * height * width) / kReferencePixels),
      learning_rate_(options.learning_rate),
      warmup_epochs_(chosen_warmup(options, counted_batch_)),
      warmup_images_(warmup_epochs_ * kEpochImages) {
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

std::int64_t Schedule::warmup_steps() const { return rounded_up(warmup_images_ / counted_batch_); }

std::int64_t total_steps(const TrainOptions& options, std::int64_t train_images) {
  if (options.steps > 0) return options.steps;
  const double steps = options.epochs * static_cast<double>(train_images) / static_cast<double>(options.batch);
  return std::max<std::int64_t>(1, rounded_up(steps));
}

std::int64_t automatic_interval(std::int64_t steps, std::int64_t batch, std::int64_t valid_images) {
  constexpr std::int64_t kFewest = 10, kMost = 2000;
  const auto steps_of_an_evaluation = (valid_images + batch - 1) / batch;
  return std::clamp<std::int64_t>(std::max(steps / kPartsOfRun, steps_of_an_evaluation), kFewest, kMost);
}

TrainOptions with_lengths(TrainOptions options, std::int64_t train_images, std::int64_t valid_images,
                          std::int64_t height, std::int64_t width) {
  auto of_known_length = options;
  of_known_length.steps = total_steps(options, train_images);
  options.warmup_epochs = Schedule(of_known_length, height, width).warmup_epochs();
  const auto interval = automatic_interval(of_known_length.steps, options.batch, valid_images);
  for (auto* every : {&options.eval_every, &options.sample_every, &options.checkpoint_every}) {
    if (*every < 0) *every = interval;
  }
  return options;
}

std::int64_t init_images(std::int64_t requested, std::int64_t available, std::int64_t height, std::int64_t width) {
  const std::int64_t automatic = std::max<std::int64_t>(32, 256 * 32 * 32 / (height * width));
  return std::min(requested > 0 ? requested : automatic, available);
}

}  // namespace glow::train
