#include "tools/train/trial.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <glow/data/order.h>
#include <glow/shard.h>
#include <glow/train/trainer.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

/// Makes the batches of a run's first steps, or this process's shards of them, and does these steps.
class TrialRun {
 public:
  TrialRun(const TrainSettings& settings, const ImageSplits& images, const Compute& compute, const Processes& processes)
      : settings_(settings),
        images_(*images.train),
        shard_(processes.communicator()->shard()),
        order_(images_.size(), settings.training.batch, settings.training.seed),
        model_(started(make_model(settings, images, compute))),
        trainer_(model_, settings.training, processes.communicator()) {}

  /// Does the next step and returns the seconds that it took.
  double step() {
    const auto& training = settings_.training;
    const auto began = std::chrono::steady_clock::now();
    const auto all = order_.batch(trainer_.steps_done());
    const std::vector entries(all.begin() + shard_.begin(training.batch), all.begin() + shard_.end(training.batch));
    const auto bytes = images_.augmented_bytes(entries, training.seed);
    std::vector<std::int64_t> indices;
    for (const auto& entry : entries) indices.push_back(entry.index);
    const auto labels = settings_.model.num_classes > 0 ? images_.labels(indices) : torch::Tensor();
    const std::chrono::duration<double> reading = std::chrono::steady_clock::now() - began;
    trainer_.step(bytes, labels, training.batch);
    const std::chrono::duration<double> both = std::chrono::steady_clock::now() - began;
    // A run reads the next images during a step. On a CPU both share the cores, on a GPU the slower one decides.
    return model_->device().is_cuda() ? std::max(reading, both - reading).count() : both.count();
  }

 private:
  static nn::Glow started(nn::Glow model) {
    // The time of a step does not depend on the values of weights.
    if (!model->initialized()) model->mark_initialized();
    return model;
  }

  const TrainSettings& settings_;
  const data::Images& images_;
  Shard shard_;
  data::BatchOrder order_;
  nn::Glow model_;
  train::Trainer trainer_;
};

/// The page cache of the container in bytes, which memory.current counts although it is freed when memory is needed.
double reclaimable_memory() {
  std::ifstream statistics("/sys/fs/cgroup/memory.stat");
  std::string name;
  double bytes = 0, sum = 0;
  while (statistics >> name >> bytes) {
    if (name == "active_file" || name == "inactive_file") sum += bytes;
  }
  return sum;
}

/// Memory that can be allocated without swapping, in bytes: that of the machine, and of the container in which the
/// process may be (cgroup v2).
double free_memory() {
  double free = std::numeric_limits<double>::infinity();
  std::ifstream machine("/proc/meminfo");
  for (std::string name, unit; machine >> name;) {
    double kilobytes = 0;
    if (name == "MemAvailable:" && machine >> kilobytes) free = 1024 * kilobytes;
    std::getline(machine, unit);
  }
  double most = 0, used = 0;
  const bool is_limited = std::ifstream("/sys/fs/cgroup/memory.max") >> most &&  // "max" is no number
                          std::ifstream("/sys/fs/cgroup/memory.current") >> used;
  return is_limited ? std::min(free, std::max(0.0, most - used + reclaimable_memory())) : free;
}

rusage own_usage() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double cpu_seconds() {
  const auto usage = own_usage();
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Trial try_steps(const TrainSettings& settings, const ImageSplits& images, const Compute& compute,
                const Processes& processes, double memory_bytes) {
  if (settings.run.dry_run_steps == 0) return {};
  const auto free = compute.device.is_cpu() ? free_memory() : std::numeric_limits<double>::infinity();
  const auto needed = memory_bytes * static_cast<double>(processes.launch().local_size);
  if (processes.largest(needed > free ? 1 : 0) > 0) {
    return {.not_measured = "not measured: only " + bytes(free) + " of memory are free"};
  }
  TrialRun run(settings, images, compute, processes);
  constexpr double kLongStep = 60;
  const auto step = [&] {
    const auto seconds = run.step();
    processes.throw_if_one_was_interrupted();
    return seconds;
  };
  auto cpu = cpu_seconds();
  Trial trial{.steps = 1, .seconds = step()};
  const bool captures =
      train::why_no_cuda_graph(settings.model, settings.training, compute.device, processes.launch().size).empty();
  for (int i = 0; captures && i < train::kStepsBeforeGraph; ++i) trial.seconds = step();
  // All processes must take the same number of steps.
  if (processes.largest(trial.seconds > kLongStep ? 1 : 0) == 0) {
    trial = {.steps = settings.run.dry_run_steps};
    cpu = cpu_seconds();
    for (std::int64_t i = 0; i < trial.steps; ++i) trial.seconds += step() / static_cast<double>(trial.steps);
  }
  if (compute.device.is_cpu()) {
    const auto threads = static_cast<double>(at::get_num_threads());
    trial.cpu_part = (cpu_seconds() - cpu) / (trial.seconds * static_cast<double>(trial.steps) * threads);
    trial.peak_bytes = 1024 * static_cast<double>(own_usage().ru_maxrss);
  }
  return trial;
}

}  // namespace glow::tools
