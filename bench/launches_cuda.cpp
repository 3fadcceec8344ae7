// Replaces the function that ends the capture of a CUDA graph by one that calls it and then counts what was captured. A
// program's functions come before those of all libraries, also for LibTorch's calls.
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include <cuda_runtime_api.h>

#include "bench/counts.h"

namespace {

constexpr std::int64_t kNone = -1;
std::atomic<std::int64_t> captured{kNone};

bool is_launch(cudaGraphNode_t node) {
  cudaGraphNodeType type{};
  if (::cudaGraphNodeGetType(node, &type) != cudaSuccess) return false;
  return type == cudaGraphNodeTypeKernel || type == cudaGraphNodeTypeMemcpy || type == cudaGraphNodeTypeMemset;
}

std::int64_t count_launches(cudaGraph_t graph) {
  std::size_t count = 0;
  if (::cudaGraphGetNodes(graph, nullptr, &count) != cudaSuccess) return kNone;
  std::vector<cudaGraphNode_t> nodes(count);
  if (::cudaGraphGetNodes(graph, nodes.data(), &count) != cudaSuccess) return kNone;
  return std::count_if(nodes.begin(), nodes.end(), is_launch);
}

}  // namespace

extern "C" cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  static const auto replaced =
      reinterpret_cast<cudaError_t (*)(cudaStream_t, cudaGraph_t*)>(::dlsym(RTLD_NEXT, "cudaStreamEndCapture"));
  if (replaced == nullptr) return cudaErrorUnknown;
  const auto error = replaced(stream, graph);
  if (error == cudaSuccess) captured = count_launches(*graph);
  return error;
}

std::optional<std::int64_t> glow::bench::captured_launches() {
  const auto count = captured.load();
  return count == kNone ? std::nullopt : std::optional(count);
}
