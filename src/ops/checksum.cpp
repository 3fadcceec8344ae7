#include "ops/checksum.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace glow::ops {
namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  // FNV-1a over 64-bit words; the shift brings the upper bits down, which a product alone never does.
  hash = (hash ^ value) * 0x100000001b3U;
  return hash ^ hash >> 32;
}

constexpr std::uint64_t kStart = 0xcbf29ce484222325U;

/// Of `bytes` bytes, Fletcher's two sums modulo 2^64 in each of kLanes lanes of 32-bit words w_0 ... w_{m-1}:
///
///     a = sum_i w_i,    b = sum_i (m - i) w_i
///
/// b tells apart what is in another order. A last word that is not whole is filled up with zeros.
std::uint64_t checksum_of_block(const char* data, std::int64_t bytes) {
  constexpr std::int64_t kLanes = 16;
  constexpr auto kRow = static_cast<std::int64_t>(kLanes * sizeof(std::uint32_t));
  std::array<std::uint64_t, kLanes> a{}, b{};
  std::array<std::uint32_t, kLanes> row{};
  for (; bytes > 0; bytes -= kRow, data += kRow) {
    if (bytes < kRow) row = {};
    std::memcpy(row.data(), data, static_cast<std::size_t>(std::min(bytes, kRow)));
    for (std::size_t lane = 0; lane < row.size(); ++lane) {
      a[lane] += row[lane];
      b[lane] += a[lane];
    }
  }
  auto hash = kStart;
  for (const auto& sums : {a, b}) {
    for (const auto sum : sums) hash = mixed(hash, sum);
  }
  return hash;
}

/// The elements as a vector in the order of memory: without a copy for any dense layout.
at::Tensor flat(const at::Tensor& tensor) {
  const auto values = tensor.detach();
  return values.is_non_overlapping_and_dense() ? values.as_strided({values.numel()}, {1}) : values.reshape({-1});
}

}  // namespace

std::uint64_t checksum(const at::Tensor& tensor) {
  if (!tensor.is_cpu()) return checksum_by_operators(tensor);
  // Blocks of a fixed size, so that the number does not depend on the number of threads.
  constexpr std::int64_t kBlock = 1 << 16;
  const auto values = flat(tensor);
  const auto* data = static_cast<const char*>(values.data_ptr());
  const auto bytes = static_cast<std::int64_t>(values.nbytes()), blocks = (bytes + kBlock - 1) / kBlock;
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(blocks));
  at::parallel_for(0, blocks, /*grain_size=*/4, [&](std::int64_t begin, std::int64_t end) {
    for (auto block = begin; block < end; ++block) {
      const auto first = block * kBlock;
      sums[static_cast<std::size_t>(block)] = checksum_of_block(data + first, std::min(kBlock, bytes - first));
    }
  });
  auto hash = mixed(kStart, static_cast<std::uint64_t>(bytes));
  for (const auto sum : sums) hash = mixed(hash, sum);
  return hash;
}

std::uint64_t checksum_by_operators(const at::Tensor& tensor) {
  // With the words in rows of kRow: the sum of each row times the row's number, and the sum of each column times the
  // column's number, all modulo 2^64.
  constexpr std::int64_t kRow = 4096;
  const auto bytes = flat(tensor).view(at::kByte);
  const auto missing = (4 * kRow - bytes.numel() % (4 * kRow)) % (4 * kRow);
  const auto words = at::constant_pad_nd(bytes, {0, missing}).view(at::kInt).view({-1, kRow});
  const auto weighted = [&](const at::Tensor& sums) {
    return (sums * at::arange(1, sums.numel() + 1, sums.options())).sum();
  };
  const auto sums = at::stack({weighted(words.sum(1, false, at::kLong)), weighted(words.sum(0, false, at::kLong)),
                               words.sum(at::kLong)})
                        .cpu();
  auto hash = mixed(kStart, static_cast<std::uint64_t>(bytes.numel()));
  for (std::int64_t i = 0; i < sums.numel(); ++i) {
    hash = mixed(hash, static_cast<std::uint64_t>(sums.data_ptr<std::int64_t>()[i]));
  }
  return hash;
}

}  // namespace glow::ops
