#include <glow/ops/random.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include <ATen/Parallel.h>

#include <glow/error.h>

#include "ops/philox.h"

namespace glow::ops {
namespace {

constexpr double kWordScale = 0x1p-32;

void check_range(const char* what, std::int64_t value, std::int64_t end) {
  if (value < 0 || value >= end)
    throw ConfigError("random numbers: " + std::string(what) + " must be in 0.." + std::to_string(end - 1) + ", is " +
                      std::to_string(value));
}

std::vector<PhiloxRow> philox_rows(const RandomKey& key, const std::vector<std::int64_t>& indices) {
  std::vector<PhiloxRow> rows;
  rows.reserve(indices.size());
  for (const std::int64_t index : indices) rows.push_back(philox_row(key, index));
  return rows;
}

template <class Scalar>
Scalar round_down(double value) {
  const auto nearest = static_cast<Scalar>(value);
  return nearest > value ? std::nextafter(nearest, Scalar{0}) : nearest;
}

struct FillUniform {
  template <class Scalar>
  void operator()(at::Philox4_32 engine, Scalar* row, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) row[i] = round_down<Scalar>(engine() * kWordScale);
  }
};

struct FillNormal {
  template <class Scalar>
  void operator()(at::Philox4_32 engine, Scalar* row, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; i += 2) {
      // Half a step up: the logarithm never sees 0.
      const double radius = std::sqrt(-2.0 * std::log((engine() + 0.5) * kWordScale));
      const double angle = 2.0 * std::numbers::pi * (engine() * kWordScale);
      row[i] = static_cast<Scalar>(radius * std::cos(angle));
      if (i + 1 < count) row[i + 1] = static_cast<Scalar>(radius * std::sin(angle));
    }
  }
};

template <class Scalar, class Fill>
void fill_rows(const std::vector<PhiloxRow>& rows, std::int64_t count, Scalar* data, Fill fill) {
  const PhiloxRow* first = rows.data();
  const std::int64_t rows_per_task = std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, count));
  at::parallel_for(0, static_cast<std::int64_t>(rows.size()), rows_per_task, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) fill(philox_engine(first[i]), data + i * count, count);
  });
}

template <class Fill>
torch::Tensor random_rows(const RandomKey& key, const std::vector<std::int64_t>& indices, std::int64_t count,
                          const torch::TensorOptions& options, Fill fill) {
  check_range("count", count, kPhiloxRowWords + 1);
  const std::vector<PhiloxRow> rows = philox_rows(key, indices);
  const at::ScalarType dtype = c10::typeMetaToScalarType(options.dtype());
  if (dtype != at::kFloat && dtype != at::kDouble)
    throw ConfigError("random numbers: dtype must be float32 or float64, is " + std::string(c10::toString(dtype)));
  const at::Tensor result = at::empty({static_cast<std::int64_t>(rows.size()), count}, dtype);
  if (dtype == at::kFloat)
    fill_rows(rows, count, result.data_ptr<float>(), fill);
  else
    fill_rows(rows, count, result.data_ptr<double>(), fill);
  return result.to(options.device());
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
    // Fisher-Yates from the inside out; the modulo's bias is below size / 2^64.
    const auto j = draws[i % kDrawsPerRow] % static_cast<std::uint64_t>(i + 1);
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}

torch::Tensor uniform(const RandomKey& key, const std::vector<std::int64_t>& indices, std::int64_t count,
                      const torch::TensorOptions& options) {
  return random_rows(key, indices, count, options, FillUniform{});
}

torch::Tensor normal(const RandomKey& key, const std::vector<std::int64_t>& indices, std::int64_t count,
                     const torch::TensorOptions& options) {
  return random_rows(key, indices, count, options, FillNormal{});
}

}  // namespace glow::ops
