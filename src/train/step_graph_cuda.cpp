#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <glow/error.h>

#include "train/step_graph.h"

namespace glow::train {

struct StepGraph::Impl {
  using Work = std::function<void()>;

  /// A capture needs a stream other than the default one. The runs before it use the same stream, so that libraries
  /// have set up their state for it.
  void on_side_stream(const Work& work) {
    const auto current = c10::cuda::getCurrentCUDAStream();
    wait(side, current);
    {
      const c10::cuda::CUDAStreamGuard guard(side);
      work();
    }
    wait(current, side);
  }

  void capture(const Work& work) {
    // The graph has a memory pool of its own: free the memory that the runs before it have cached.
    c10::cuda::CUDACachingAllocator::emptyCache();
    on_side_stream([&] {
      // Capture this thread's calls alone: another thread may be copying the next batch into page-locked memory.
      graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      try {
        work();
      } catch (...) {
        end_after_failure();
        throw;
      }
      graph.capture_end();
    });
  }

  void end_after_failure() {
    try {
      graph.capture_end();
    } catch (const c10::Error&) {
      // This error says only that the capture failed; the exception that caused it is more specific.
    }
  }

  static void wait(const c10::cuda::CUDAStream& waiting, const c10::cuda::CUDAStream& other) {
    at::cuda::CUDAEvent event;
    event.record(other);
    event.block(waiting);
  }

  explicit Impl(torch::Device device) : side(c10::cuda::getStreamFromPool(false, device.index())) {}

  static constexpr int kRunsBeforeCapture = 3;
  int times = 0;
  c10::cuda::CUDAStream side;
  at::cuda::CUDAGraph graph;
};

StepGraph::StepGraph(torch::Device device) : impl_(std::make_unique<Impl>(device)) {}
StepGraph::~StepGraph() = default;

void StepGraph::run(const std::function<void()>& work) {
  auto& times = impl_->times;
  const c10::cuda::CUDAGuard guard(impl_->side.device());
  if (times < Impl::kRunsBeforeCapture) {
    impl_->on_side_stream(work);
    ++times;
    return;
  }
  if (times == Impl::kRunsBeforeCapture) {
    try {
      impl_->capture(work);
    } catch (const c10::Error& error) {
      throw Error(std::string("the step cannot be captured as a CUDA graph: ") + error.what_without_backtrace());
    }
    ++times;
  }
  impl_->graph.replay();
}

}  // namespace glow::train
