// Stands in for the .cu files in a build without CUDA.
#include <glow/error.h>

#include "train/optimizer_cuda.h"

namespace glow::train::cuda {

void update(const OptimizerUpdate&) { throw Error("this build of Glow has no CUDA"); }

}  // namespace glow::train::cuda
