#pragma once

#include <cstdint>
#include <string>

#include "tools/common/compute.h"
#include "tools/common/processes.h"
#include "tools/train/train_settings.h"

namespace glow::tools {

/// Steps of training that were measured.
struct Trial {
  /// How many; 0: none.
  std::int64_t steps = 0;
  /// Mean time of a step, with the images of its batch.
  double seconds = 0;
  /// The part of its threads' time during which this process had cores; 1 on a GPU.
  double cpu_part = 1;
  /// The largest memory that this process has used; 0 on a GPU.
  double peak_bytes = 0;
  /// The reason, if there is one: "not measured: ..."
  std::string not_measured = {};
};

/// Does a step to warm up and settings.run.dry_run_steps more, in all processes together, on images of the set and
/// from the weights that the run would begin with, and forgets them. A first step of more than a minute is the only
/// one. Nothing is measured when the machine has less free memory than `memory_bytes`, which a process needs.
/// Collective. Throws Interrupted.
Trial try_steps(const TrainSettings& settings, const ImageSplits& images, const Compute& compute,
                const Processes& processes, double memory_bytes);

}  // namespace glow::tools
