#include "ops/matrix_inverse.h"

#include "ops/cuda_launch.cuh"

namespace glow::ops::cuda {
namespace {

constexpr unsigned kWarp = 32, kMostWarps = 16;

/// A Team (matrix_inverse.h): a block of whole warps.
struct Block {
  template <class Element>
  __device__ void for_each(std::uint32_t count, const Element& element) const {
    for (auto index = threadIdx.x; index < count; index += blockDim.x) element(index);
    __syncthreads();
  }

  /// A row for each warp or, if a row is short, for half a warp.
  template <class Element>
  __device__ void for_each_pair(std::uint32_t rows, std::uint32_t columns, const Element& element) const {
    const auto lanes = columns > kWarp / 2 ? kWarp : kWarp / 2;
    for (auto row = threadIdx.x / lanes; row < rows; row += blockDim.x / lanes) {
      for (auto column = threadIdx.x % lanes; column < columns; column += lanes) element(row, column);
    }
    __syncthreads();
  }

  /// Each warp finds it for itself, so that none has to wait.
  template <class Value>
  __device__ std::uint32_t largest(std::uint32_t first, std::uint32_t end, const Value& value) const {
    auto best = first;
    double largest = -1;
    for (auto index = first + threadIdx.x % kWarp; index < end; index += kWarp)
      take(fabs(value(index)), index, largest, best);
    for (auto distance = kWarp / 2; distance > 0; distance /= 2) {
      const double other = __shfl_xor_sync(0xffffffff, largest, distance);
      const auto where = __shfl_xor_sync(0xffffffff, best, distance);
      take(other, where, largest, best);
    }
    return best;
  }

 private:
  __device__ static void take(double value, std::uint32_t index, double& largest, std::uint32_t& best) {
    if (value > largest || (value == largest && index < best)) {
      largest = value;
      best = index;
    }
  }
};

using BlockInverse = MatrixInverse<Block>;

/// One matrix per block. The workspaces [matrices, workspace_numbers] are in shared memory unless they are too large.
template <bool kInSharedMemory>
__global__ void __launch_bounds__(kWarp* kMostWarps)
    invert_matrices(double* matrices, double* inverses, double* workspaces, std::size_t workspace_numbers,
                    double* log_abs_dets, std::uint32_t size, std::uint32_t panel_width) {
  extern __shared__ __align__(kWidestAccess) double shared_workspace[];
  const std::size_t matrix = blockIdx.x;
  double* const workspace = kInSharedMemory ? shared_workspace : workspaces + matrix * workspace_numbers;
  const BlockInverse inverse(matrices + matrix * size * size, inverses + matrix * size * size, workspace, size,
                             panel_width);
  const double log_abs_det = inverse.run(Block{});
  if (threadIdx.x == 0) log_abs_dets[matrix] = log_abs_det;
}

}  // namespace

InverseAndLogDet invert(const torch::Tensor& matrices) {
  const c10::cuda::CUDAGuard guard(matrices.device());
  const auto count = matrices.size(0);
  TORCH_CHECK(matrices.size(-1) < std::int64_t{1} << 15, "too large a matrix for one kernel: ", matrices.size(-1));
  const InverseAndLogDet result{torch::empty(matrices.sizes(), matrices.options()),
                                torch::empty({count}, matrices.options())};
  if (matrices.numel() == 0) return result;
  const auto eliminated = matrices.clone(at::MemoryFormat::Contiguous);
  const auto size = static_cast<std::uint32_t>(matrices.size(-1));
  const auto numbers = BlockInverse::workspace_numbers(size), bytes = numbers * sizeof(double);
  const bool in_shared_memory = bytes <= at::cuda::getCurrentDeviceProperties()->sharedMemPerBlockOptin;
  const auto workspaces =
      torch::empty({in_shared_memory ? 0 : count, static_cast<std::int64_t>(numbers)}, matrices.options());
  const auto kernel = in_shared_memory ? invert_matrices<true> : invert_matrices<false>;
  if (in_shared_memory) {
    // More than 48 KB have to be asked for.
    C10_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
  }
  kernel<<<static_cast<unsigned>(count), kWarp * std::min(size, kMostWarps), in_shared_memory ? bytes : 0,
           at::cuda::getCurrentCUDAStream()>>>(
      eliminated.data_ptr<double>(), result.inverse.data_ptr<double>(), workspaces.data_ptr<double>(), numbers,
      result.log_abs_det.data_ptr<double>(), size, BlockInverse::panel_width(size));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return result;
}

}  // namespace glow::ops::cuda
