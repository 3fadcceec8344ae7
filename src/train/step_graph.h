#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <torch/types.h>

namespace glow::train {

/// Records what a function does on a device, and repeats it without the host's part of the work.
class Recorder {
 public:
  using Work = std::function<void()>;

  virtual ~Recorder() = default;
  /// Runs the work.
  virtual void run(const Work& work) = 0;
  /// Records the work without running it, in place of what was recorded before. Throws an exception that says why if
  /// that is not possible; the device is usable then, unless it has failed.
  virtual void record(const Work& work) = 0;
  /// Runs what was recorded.
  virtual void replay() = 0;
  /// Releases what was recorded.
  virtual void forget() = 0;
};

/// Records a CUDA graph. Throws Error in a build without CUDA.
std::shared_ptr<Recorder> cuda_recorder(torch::Device device);

/// Runs the same work repeatedly: a few times directly, so that libraries set up their state, then as replays of a
/// recording. The addresses of all tensors that the work reads and writes must not change, it must not wait for the
/// device, and it must have the same result when it is begun again after a part of it was done. If it cannot be
/// recorded it is always run directly.
class StepGraph {
 public:
  explicit StepGraph(std::shared_ptr<Recorder> recorder) : recorder_(std::move(recorder)) {}
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;
  ~StepGraph() { recorder_->forget(); }

  void run(const Recorder::Work& work);
  /// Why the work could not be recorded; empty when it could, and before that was tried.
  const std::string& failure() const { return failure_; }

 private:
  std::shared_ptr<Recorder> recorder_;
  int runs_ = 0;
  bool is_recorded_ = false;
  std::string failure_;
};

}  // namespace glow::train
