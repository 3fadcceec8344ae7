// Replaces the CUDA files in a build without CUDA, whose LibTorch has no CUDA tensors.
#include <glow/error.h>

#include "ops/coupling.h"
#include "ops/cuda_status.h"
#include "ops/fold_network.h"
#include "ops/matrix_inverse.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"
#include "ops/random_elements.h"

namespace glow::ops::cuda {
namespace {

[[noreturn]] void refuse() { throw Error("this build of Glow has no CUDA"); }

}  // namespace

torch::Tensor couple(torch::Tensor&, const torch::Tensor&) { refuse(); }
void uncouple(torch::Tensor&, const torch::Tensor&) { refuse(); }
void couple_backward(const torch::Tensor&, const torch::Tensor&, torch::Tensor&, const torch::Tensor&, torch::Tensor&) {
  refuse();
}
void fold_networks(const torch::Tensor&, FoldedNets&) { refuse(); }
void unfold_gradient(const torch::Tensor&, const NetworkShape&, const FoldedNetGradient&, torch::Tensor&, bool) {
  refuse();
}
InverseAndLogDet invert(const torch::Tensor&) { refuse(); }
void extract_patches(const torch::Tensor&, bool, torch::Tensor&) { refuse(); }
void add_patches(torch::Tensor&, const torch::Tensor&) { refuse(); }
void sum_patches(const torch::Tensor&, const torch::Tensor&, const torch::Tensor&, torch::Tensor&) { refuse(); }
torch::Tensor relu_backward(torch::Tensor&, const torch::Tensor&) { refuse(); }
torch::Tensor narrow_map_gradient(const torch::Tensor&, const torch::Tensor&) { refuse(); }
void fill_uniform(torch::Tensor&, const torch::Tensor&) { refuse(); }
void fill_normal(torch::Tensor&, const torch::Tensor&) { refuse(); }
void read_driver(CudaStatus&) {}
std::string device_id(int) { refuse(); }
int compute_capability(int) { refuse(); }

}  // namespace glow::ops::cuda
