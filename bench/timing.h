#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include <torch/cuda.h>
#include <torch/types.h>

#include <glow/train/trainer.h>

namespace glow::bench {

using Work = std::function<void()>;

/// The time until the device has finished the work.
inline double seconds_of(const Work& work, torch::Device device) {
  const auto start = std::chrono::steady_clock::now();
  work();
  if (device.is_cuda()) torch::cuda::synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// How often to call a work before it counts: until a training step is a CUDA graph and has been replayed.
inline int warm_calls(torch::Device device) { return device.is_cuda() ? train::kStepsBeforeGraph + 2 : 1; }

/// The seconds that each work takes: the median of `rounds` rounds. A round times all works one after the other, so
/// that a period in which the machine is slow affects all of them.
inline std::vector<double> median_seconds(const std::vector<Work>& works, int rounds, torch::Device device) {
  std::vector<std::vector<double>> seconds(works.size());
  for (int warm = 0; warm < warm_calls(device); ++warm) {
    for (const auto& work : works) seconds_of(work, device);
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) seconds[i].push_back(seconds_of(works[i], device));
  }
  std::vector<double> medians;
  for (auto& of_work : seconds) {
    const auto middle = of_work.begin() + static_cast<std::ptrdiff_t>(of_work.size() / 2);
    std::nth_element(of_work.begin(), middle, of_work.end());
    medians.push_back(*middle);
  }
  return medians;
}

}  // namespace glow::bench
