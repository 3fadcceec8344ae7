#pragma once

#include <functional>
#include <memory>

#include <torch/types.h>

namespace glow::train {

/// Work on a CUDA device that is the same every time: done as it is at first, then captured as a CUDA graph, of which
/// every later time is a replay. Everything that it reads and writes must stay where it is, and it must not wait for
/// the device.
class StepGraph {
 public:
  explicit StepGraph(torch::Device device);
  ~StepGraph();

  /// Does the work. Throws Error when it cannot be captured.
  void run(const std::function<void()>& work);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace glow::train
