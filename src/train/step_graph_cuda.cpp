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

  /// Capture is on another stream than the default one; so are the times before it, in which libraries set up what
  /// they keep for a stream.
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
    // The graph's memory is its own: what the times before it left behind is no use any more.
    c10::cuda::CUDACachingAllocator::emptyCache();
    on_side_stream([&] {
      graph.capture_begin();
      work();
      graph.capture_end();
    });
  }

  static void wait(const c10::cuda::CUDAStream& waiting, const c10::cuda::CUDAStream& other) {
    at::cuda::CUDAEvent event;
    event.record(other);
    event.block(waiting);
  }

  static constexpr int kTimesBefore = 3;
  int times = 0;
  c10::cuda::CUDAStream side = c10::cuda::getStreamFromPool();
  at::cuda::CUDAGraph graph;
};

StepGraph::StepGraph() : impl_(std::make_unique<Impl>()) {}
StepGraph::~StepGraph() = default;

void StepGraph::run(const std::function<void()>& work) {
  auto& [times, side, graph] = *impl_;
  if (times < Impl::kTimesBefore) {
    impl_->on_side_stream(work);
    ++times;
    return;
  }
  if (times == Impl::kTimesBefore) {
    try {
      impl_->capture(work);
    } catch (const c10::Error& error) {
      throw Error(std::string("the step cannot be captured as a CUDA graph: ") + error.what_without_backtrace());
    }
    ++times;
  }
  graph.replay();
}

}  // namespace glow::train
