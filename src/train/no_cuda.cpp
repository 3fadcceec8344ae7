// Replaces optimizer_cuda.cu and step_graph_cuda.cpp in a build without CUDA.
#include <glow/error.h>

#include "train/optimizer_elements.h"
#include "train/step_graph.h"

namespace glow::train {
namespace {

constexpr const char* kNoCuda = "this build of Glow has no CUDA";

}  // namespace

void cuda::update(const OptimizerUpdate&) { throw Error(kNoCuda); }

std::shared_ptr<Recorder> cuda_recorder(torch::Device) { throw Error(kNoCuda); }

}  // namespace glow::train
