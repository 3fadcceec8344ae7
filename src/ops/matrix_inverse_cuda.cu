#include "ops/matrix_inverse.h"

#include "ops/cuda_launch.cuh"

namespace glow::ops::cuda {
namespace {

constexpr unsigned kWarp = 32, kWarps = 32, kTeam = kWarp * kWarps;

/// A Team (matrix_inverse.h): a block of kTeam threads.
struct Block {
  template <class Element>
  __device__ void for_each(std::uint32_t count, const Element& element) const {
    for (auto index = threadIdx.x; index < count; index += kTeam) element(index);
    __syncthreads();
  }

  /// One row per warp.
  template <class Element>
  __device__ void for_each_pair(std::uint32_t rows, std::uint32_t columns, const Element& element) const {
    for (auto row = threadIdx.x / kWarp; row < rows; row += kWarps) {
      for (auto column = threadIdx.x % kWarp; column < columns; column += kWarp) element(row, column);
    }
    __syncthreads();
  }

  template <class Value>
  __device__ std::uint32_t largest(std::uint32_t first, std::uint32_t end, const Value& value) const {
    __shared__ std::uint32_t found;
    if (threadIdx.x < kWarp) {
      auto best = first;
      double largest = -1;
      for (auto index = first + threadIdx.x; index < end; index += kWarp)
        take(fabs(value(index)), index, largest, best);
      for (auto distance = kWarp / 2; distance > 0; distance /= 2) {
        const double other = __shfl_down_sync(0xffffffff, largest, distance);
        const auto where = __shfl_down_sync(0xffffffff, best, distance);
        take(other, where, largest, best);
      }
      if (threadIdx.x == 0) found = best;
    }
    __syncthreads();
    const auto result = found;
    __syncthreads();  // before the next call writes to it
    return result;
  }

 private:
  __device__ static void take(double value, std::uint32_t index, double& largest, std::uint32_t& best) {
    if (value > largest || (value == largest && index < best)) {
      largest = value;
      best = index;
    }
  }
};

/// One matrix per block.
__global__ void __launch_bounds__(kTeam)
    invert_matrices(double* matrices, double* columns, std::int64_t* pivots, double* log_abs_dets, std::uint32_t size) {
  const std::size_t matrix = blockIdx.x;
  const MatrixInverse<Block> inverse{matrices + matrix * size * size, columns + matrix * size, pivots + matrix * size,
                                     size};
  const double log_abs_det = inverse.run(Block{});
  if (threadIdx.x == 0) log_abs_dets[matrix] = log_abs_det;
}

}  // namespace

InverseAndLogDet invert(const torch::Tensor& matrices) {
  const c10::cuda::CUDAGuard guard(matrices.device());
  const auto count = matrices.size(0), size = matrices.size(-1);
  TORCH_CHECK(size < std::int64_t{1} << 15, "too large a matrix for one kernel: ", size);
  const InverseAndLogDet result{matrices.clone(at::MemoryFormat::Contiguous),
                                torch::empty({count}, matrices.options())};
  if (matrices.numel() == 0) return result;
  const auto columns = torch::empty({count, size}, matrices.options());
  const auto pivots = torch::empty({count, size}, matrices.options().dtype(torch::kLong));
  invert_matrices<<<static_cast<unsigned>(count), kTeam, 0, at::cuda::getCurrentCUDAStream()>>>(
      result.inverse.data_ptr<double>(), columns.data_ptr<double>(), pivots.data_ptr<std::int64_t>(),
      result.log_abs_det.data_ptr<double>(), static_cast<std::uint32_t>(size));
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return result;
}

}  // namespace glow::ops::cuda
