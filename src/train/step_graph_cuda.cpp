#include <cstdlib>
#include <exception>
#include <memory>
#include <string>

#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/version.h>

#include <glow/error.h>

#include "train/step_graph.h"

namespace glow::train {
namespace {

// The allocator's functions for graphs have this form since LibTorch 2.3.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
#define GLOW_HAS_GRAPH_POOLS 1
#endif

/// A CUDA graph, by the functions of the CUDA runtime: at::cuda::CUDAGraph leaves the allocator and the random
/// generator of the device in the state of a capture when that fails.
class CudaRecorder : public Recorder {
 public:
  explicit CudaRecorder(torch::Device device) : side_(c10::cuda::getStreamFromPool(false, device.index())) {}
  CudaRecorder(const CudaRecorder&) = delete;
  CudaRecorder& operator=(const CudaRecorder&) = delete;
  ~CudaRecorder() override { forget(); }

  /// A capture needs a stream other than the default one. The runs before it use the same stream, so that libraries
  /// have set up their state for it.
  void run(const Work& work) override {
    const c10::cuda::CUDAGuard device(side_.device());
    const auto current = c10::cuda::getCurrentCUDAStream();
    wait(side_, current);
    {
      const c10::cuda::CUDAStreamGuard guard(side_);
      work();
    }
    wait(current, side_);
  }

  void record(const Work& work) override {
#if defined(GLOW_HAS_GRAPH_POOLS)
    namespace allocator = c10::cuda::CUDACachingAllocator;
    require_pools();
    forget();
    const c10::cuda::CUDAGuard device(side_.device());
    // The graph has a memory pool of its own: free the memory that the runs before it have cached.
    allocator::emptyCache();
    pool_ = at::cuda::graph_pool_handle();
    allocator::beginAllocateToPool(side_.device_index(), pool_,
                                   [side = side_.stream()](cudaStream_t stream) { return stream == side; });
    has_pool_ = true;
    cudaGraph_t captured = nullptr;
    std::string problem;
    try {
      run([&] {
        // Capture this thread's calls alone: another thread may be copying the next batch into page-locked memory.
        C10_CUDA_CHECK(cudaStreamBeginCapture(side_, cudaStreamCaptureModeThreadLocal));
        work();
        C10_CUDA_CHECK(cudaStreamEndCapture(side_, &captured));
        C10_CUDA_CHECK(cudaGraphInstantiateWithFlags(&graph_, captured, 0));
        // Allocates what the first launch would allocate.
        C10_CUDA_CHECK(cudaGraphUpload(graph_, side_));
      });
    } catch (const std::exception& error) {
      problem = first_line(error);
      // Ends a capture that has not ended; its error, which LibTorch would take for that of its next kernel, is
      // cleared.
      if (captured == nullptr) static_cast<void>(cudaStreamEndCapture(side_, &captured));
      static_cast<void>(cudaGetLastError());
    }
    allocator::endAllocateToPool(side_.device_index(), pool_);
    if (captured != nullptr) static_cast<void>(cudaGraphDestroy(captured));
    if (problem.empty()) return;
    forget();
    allocator::emptyCache();
    throw Error(problem);
#else
    static_cast<void>(work);
    throw Error("this needs LibTorch 2.3 or newer");
#endif
  }

  void replay() override {
    const c10::cuda::CUDAGuard device(side_.device());
    C10_CUDA_CHECK(cudaGraphLaunch(graph_, c10::cuda::getCurrentCUDAStream(side_.device_index())));
  }

  /// Never throws: the destructor calls it. A graph that is running is destroyed when it has ended.
  void forget() override {
    if (graph_ != nullptr) static_cast<void>(cudaGraphExecDestroy(graph_));
    graph_ = nullptr;
#if defined(GLOW_HAS_GRAPH_POOLS)
    if (!has_pool_) return;
    has_pool_ = false;
    try {
      c10::cuda::CUDACachingAllocator::releasePool(side_.device_index(), pool_);
    } catch (const c10::Error&) {
      // Only after an error of the device, on which nothing can be allocated any more.
    }
#endif
  }

 private:
  static void wait(const c10::cuda::CUDAStream& waiting, const c10::cuda::CUDAStream& other) {
    at::cuda::CUDAEvent event;
    event.record(other);
    event.block(waiting);
  }

  static std::string first_line(const std::exception& error) {
    const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
    const std::string text = of_torch != nullptr ? of_torch->what_without_backtrace() : error.what();
    return text.substr(0, text.find('\n'));
  }

#if defined(GLOW_HAS_GRAPH_POOLS)
  /// Throws Error where LibTorch's allocator has no pool for a graph: with another backend allocations would be part of
  /// the graph, and without a cache they would be freed while it is captured.
  static void require_pools() {
    const auto backend = c10::cuda::CUDACachingAllocator::get()->name();
    if (backend != "native") throw Error("LibTorch's allocator is " + backend + ", not native");
    if (std::getenv("PYTORCH_NO_CUDA_MEMORY_CACHING") != nullptr) {
      throw Error("PYTORCH_NO_CUDA_MEMORY_CACHING switches the cache of memory off");
    }
  }
#endif

  c10::cuda::CUDAStream side_;
  cudaGraphExec_t graph_ = nullptr;
  decltype(at::cuda::graph_pool_handle()) pool_ = {};
  bool has_pool_ = false;
};

}  // namespace

std::shared_ptr<Recorder> cuda_recorder(torch::Device device) { return std::make_shared<CudaRecorder>(device); }

}  // namespace glow::train
