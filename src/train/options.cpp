#include <glow/train/options.h>

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
  require_at_least("warmup_epochs", warmup_epochs, 0);
  require_below("beta2", beta2, 0, 1);
  if (!(ema_decay < 0)) require_below("ema_decay", ema_decay, 0, 1);
  require_at_least("init_images", init_images, 0);
  require_at_least("clip_norm", clip_norm, 0);
  require_at_least("skip_limit", skip_limit, 1);
  require_at_least("weight_y", weight_y, 0);
  if (cuda_graph && memory == nn::MemoryPolicy::kReversible) {
    throw ConfigError("cuda_graph", "works with memory store or recompute, not with reversible");
  }
  require_at_least("log_every", log_every, 1);
  require_at_least("eval_every", eval_every, 0);
  require_at_least("sample_every", sample_every, 0);
  require_at_least("checkpoint_every", checkpoint_every, 0);
  require_at_least("keep", keep, 1);
}

}  // namespace glow::train
