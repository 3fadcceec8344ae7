#pragma once

#include <functional>
#include <memory>

#include <torch/types.h>

namespace glow::train {

/// Runs the same work on a CUDA device repeatedly: directly at first, then captured as a CUDA graph, later as replays
/// of the graph. The addresses of everything that the work reads and writes must not change, and it must not wait for
/// the device.
class StepGraph {
 public:
  explicit StepGraph(torch::Device device);
  ~StepGraph();

  /// Runs `work` or its replay. Throws Error when it cannot be captured.
  void run(const std::function<void()>& work);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace glow::train
