#include <ATen/Dispatch.h>

#include "ops/cuda_launch.cuh"
#include "ops/random_elements.h"

namespace glow::ops::cuda {
namespace {

/// `index`: number of a block of four numbers, counted over all rows.
template <class Scalar, class Block>
struct FillBlock {
  const PhiloxRow* rows;
  Scalar* numbers;
  std::uint32_t count, blocks_per_row;
  Block fill;

  __device__ void operator()(std::uint32_t index) const {
    const auto row = index / blocks_per_row, block = index % blocks_per_row;
    auto engine = philox_engine(rows[row], block);
    const auto first = std::size_t{4} * block;
    fill(engine, numbers + std::size_t{row} * count + first, static_cast<std::int64_t>(count - first));
  }
};

template <class Block>
void fill(torch::Tensor& numbers, const torch::Tensor& rows, const Block& block) {
  const c10::cuda::CUDAGuard guard(numbers.device());
  const auto on_device = rows.to(numbers.device(), /*non_blocking=*/true);
  const auto count = numbers.size(1), blocks = (count + 3) / 4;
  AT_DISPATCH_FLOATING_TYPES(numbers.scalar_type(), "random", [&] {
    for_each(numbers.size(0) * blocks,
             FillBlock<scalar_t, Block>{reinterpret_cast<const PhiloxRow*>(on_device.data_ptr<std::int64_t>()),
                                        numbers.data_ptr<scalar_t>(), static_cast<std::uint32_t>(count),
                                        static_cast<std::uint32_t>(blocks), block});
  });
}

}  // namespace

void fill_uniform(torch::Tensor& numbers, const torch::Tensor& rows) { fill(numbers, rows, UniformBlock{}); }

void fill_normal(torch::Tensor& numbers, const torch::Tensor& rows) { fill(numbers, rows, NormalBlock{}); }

}  // namespace glow::ops::cuda
