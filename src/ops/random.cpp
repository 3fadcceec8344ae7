#include <glow/ops/random.h>

#include <algorithm>
#include <string>

#include <ATen/Parallel.h>

#include <glow/error.h>

#include "ops/check.h"
#include "ops/random_elements.h"

namespace glow::ops {
namespace {

void check_range(const char* what, std::int64_t value, std::int64_t end) {
  if (value < 0 || value >= end)
    throw ConfigError("random numbers: " + std::string(what) + " must be in 0.." + std::to_string(end - 1) + ", is " +
                      std::to_string(value));
}

template <class Scalar, class Block>
void fill_on_cpu(const torch::Tensor& rows, torch::Tensor& numbers, Block fill) {
  const auto* first = reinterpret_cast<const PhiloxRow*>(rows.data_ptr<std::int64_t>());
  auto* data = numbers.data_ptr<Scalar>();
  const auto count = numbers.size(1);
  const std::int64_t rows_per_task = std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, count));
  at::parallel_for(0, rows.size(0), rows_per_task, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      auto engine = philox_engine(first[i]);
      for (std::int64_t done = 0; done < count; done += 4) fill(engine, data + i * count + done, count - done);
    }
  });
}

/// Numbers [N, count] of the rows. `fill` computes a block of them on the CPU, `fill_cuda` all of them on a GPU.
template <class Block, class FillCuda>
torch::Tensor fill_rows(const torch::Tensor& rows, std::int64_t count, const torch::TensorOptions& options, Block fill,
                        FillCuda&& fill_cuda) {
  check_range("count", count, kPhiloxRowWords + 1);
  check_shape(rows.dim() == 2 && rows.size(1) == 3 && rows.scalar_type() == at::kLong && rows.is_contiguous(),
              "random numbers: expected rows [N, 3] of random_rows", rows);
  if (!rows.is_cpu() && rows.device() != options.device()) {
    throw ConfigError("random numbers: rows on " + rows.device().str() + " for numbers on " + options.device().str());
  }
  const at::ScalarType dtype = c10::typeMetaToScalarType(options.dtype());
  if (dtype != at::kFloat && dtype != at::kDouble)
    throw ConfigError("random numbers: dtype must be float32 or float64, is " + std::string(c10::toString(dtype)));
  const bool on_gpu = options.device().is_cuda();
  auto numbers = at::empty({rows.size(0), count}, on_gpu ? options : options.device(at::kCPU));
  if (numbers.numel() == 0) return numbers;
  if (on_gpu) {
    fill_cuda(numbers, rows);
  } else if (dtype == at::kFloat) {
    fill_on_cpu<float>(rows, numbers, fill);
  } else {
    fill_on_cpu<double>(rows, numbers, fill);
  }
  return numbers.to(options.device());
}

}  // namespace

PhiloxRow philox_row(const RandomKey& key, std::int64_t index) {
  check_range("index", index, std::int64_t{1} << 56);
  check_range("step", key.step, std::int64_t{1} << 40);
  return {key.seed, static_cast<std::uint64_t>(key.stream) << 56 | static_cast<std::uint64_t>(index),
          static_cast<std::uint64_t>(key.step) << 24};
}

std::vector<std::uint64_t> random_integers(const RandomKey& key, std::int64_t index, std::int64_t count) {
  check_range("count", count, kPhiloxRowWords / 2 + 1);
  at::Philox4_32 engine = philox_engine(philox_row(key, index));
  std::vector<std::uint64_t> integers(static_cast<std::size_t>(count));
  for (std::uint64_t& integer : integers) {
    const std::uint64_t low = engine();
    integer = std::uint64_t{engine()} << 32 | low;
  }
  return integers;
}

std::vector<std::int64_t> random_permutation(const RandomKey& key, std::int64_t size) {
  constexpr std::int64_t kDrawsPerRow = std::int64_t{1} << 16;
  check_range("permutation size", size, std::int64_t{1} << 40);
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::vector<std::uint64_t> draws;
  for (std::int64_t i = 0; i < size; ++i) {
    if (i % kDrawsPerRow == 0) draws = random_integers(key, i / kDrawsPerRow, std::min(kDrawsPerRow, size - i));
    // Fisher-Yates, inside-out; the modulo's bias is below size / 2^64.
    const auto j = draws[i % kDrawsPerRow] % static_cast<std::uint64_t>(i + 1);
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}

torch::Tensor random_rows(const RandomKey& key, const std::vector<std::int64_t>& indices) {
  auto rows = at::empty({static_cast<std::int64_t>(indices.size()), 3}, at::kLong);
  auto* row = reinterpret_cast<PhiloxRow*>(rows.data_ptr<std::int64_t>());
  for (const auto index : indices) *row++ = philox_row(key, index);
  return rows;
}

torch::Tensor uniform(const RandomKey& key, const std::vector<std::int64_t>& indices, std::int64_t count,
                      const torch::TensorOptions& options) {
  return uniform(random_rows(key, indices), count, options);
}

torch::Tensor uniform(const torch::Tensor& rows, std::int64_t count, const torch::TensorOptions& options) {
  return fill_rows(rows, count, options, UniformBlock{}, cuda::fill_uniform);
}

torch::Tensor normal(const RandomKey& key, const std::vector<std::int64_t>& indices, std::int64_t count,
                     const torch::TensorOptions& options) {
  return fill_rows(random_rows(key, indices), count, options, NormalBlock{}, cuda::fill_normal);
}

}  // namespace glow::ops
