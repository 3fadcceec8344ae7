#include <glow/train/options.h>

#include <limits>
#include <sstream>

#include <glow/error.h>

namespace glow::train {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Throws unless `value` lies in [low, high); a NaN lies nowhere.
template <class Number>
void require(const char* field, Number value, double low, double high = kInfinity) {
  const auto number = static_cast<double>(value);
  if (number >= low && number < high) return;
  std::ostringstream message;
  message << "expected at least " << low;
  if (high < kInfinity) message << " and below " << high;
  message << ", got " << value;
  throw ConfigError(field, message.str());
}

}  // namespace

void TrainOptions::validate() const {
  require("batch", batch, 1);
  require("accumulate", accumulate, 1);
  require("steps", steps, 0);
  require("epochs", epochs, 0, 1e9);
  if (steps == 0 && epochs == 0) throw ConfigError("epochs", "expected more than 0 where steps is 0, got 0");
  require("lr", learning_rate, 0);
  require("warmup_epochs", warmup_epochs, 0);
  require("beta2", beta2, 0, 1);
  if (!(ema_decay < 0)) require("ema_decay", ema_decay, 0, 1);
  require("init_images", init_images, 0);
  require("clip_norm", clip_norm, 0);
  require("skip_limit", skip_limit, 1);
  require("weight_y", weight_y, 0);
  if (cuda_graph && memory == nn::MemoryPolicy::kReversible) {
    throw ConfigError("cuda_graph", "goes with memory store or recompute, not with reversible");
  }
  require("log_every", log_every, 1);
  require("eval_every", eval_every, 0);
  require("sample_every", sample_every, 0);
  require("checkpoint_every", checkpoint_every, 0);
  require("keep", keep, 1);
}

}  // namespace glow::train
