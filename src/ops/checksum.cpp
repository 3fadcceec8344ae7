#include "ops/checksum.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace glow::ops {
namespace {

constexpr std::uint64_t kStart = 0xcbf29ce484222325U;

/// h' = g(h ^ w) with g(x) = y ^ (y >> 29), y = 33 x mod 2^64. Both steps of g are bijections, so that a different w
/// always gives a different h'. Their composition is linear neither over bits nor modulo 2^64, so that changes do not
/// cancel: a linear sum would, for example, miss half of the sign changes that occur in pairs.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  const auto x = hash ^ word;
  const auto y = x + (x << 5);
  return y ^ y >> 29;
}

/// Lane i hashes words i, i + kLanes, ..., so that the compiler can vectorise; the last row is padded with zeros. The
/// result hashes the lanes.
std::uint64_t checksum_of_block(const char* data, std::int64_t bytes) {
  constexpr std::size_t kLanes = 16;
  constexpr auto kRow = static_cast<std::int64_t>(kLanes * sizeof(std::uint64_t));
  std::array<std::uint64_t, kLanes> hashes{}, row{};
  for (; bytes > 0; bytes -= kRow, data += kRow) {
    if (bytes < kRow) row = {};
    std::memcpy(row.data(), data, static_cast<std::size_t>(std::min(bytes, kRow)));
    for (std::size_t lane = 0; lane < kLanes; ++lane) hashes[lane] = mixed(hashes[lane], row[lane]);
  }
  auto hash = kStart;
  for (const auto lane : hashes) hash = mixed(hash, lane);
  return hash;
}

/// The elements as a vector in the order of memory; not a copy for dense layouts.
at::Tensor flat(const at::Tensor& tensor) {
  const auto values = tensor.detach();
  return values.is_non_overlapping_and_dense() ? values.as_strided({values.numel()}, {1}) : values.reshape({-1});
}

std::uint64_t checksum_on_cpu(const at::Tensor& tensor) {
  // Blocks of a constant size, so that the checksum does not depend on the number of threads.
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

}  // namespace

std::uint64_t checksum(const std::vector<at::Tensor>& tensors) {
  auto hash = kStart;
  std::vector<at::Tensor> on_devices;
  for (const auto& tensor : tensors) {
    if (tensor.is_cpu()) {
      hash = mixed(hash, checksum_on_cpu(tensor));
    } else {
      on_devices.push_back(checksum_by_operators(tensor));
    }
  }
  if (on_devices.empty()) return hash;
  const auto sums = at::stack(on_devices).cpu();
  for (std::int64_t i = 0; i < sums.numel(); ++i) {
    hash = mixed(hash, static_cast<std::uint64_t>(sums.data_ptr<std::int64_t>()[i]));
  }
  return hash;
}

at::Tensor checksum_by_operators(const at::Tensor& tensor) {
  // bytes + sum_i g(w_i + k i) mod 2^64 over the 32-bit words w_i, i = 1, 2, ..., with splitmix64's bijection g (Steele
  // et al. 2014). The nonlinear g comes before the sum, for the reason stated at mixed().
  constexpr std::int64_t kSlice = 1 << 22;  // words; their int64 copies are small compared to a model
  constexpr std::int64_t kFactor = 0x1e3779b97f4a7c15;
  constexpr auto kFirst = static_cast<std::int64_t>(0xbf58476d1ce4e5b9U);
  constexpr auto kSecond = static_cast<std::int64_t>(0x94d049bb133111ebU);
  // A logical shift; that of int64 tensors is arithmetic.
  const auto shifted = [](const at::Tensor& x, std::int64_t bits) {
    return x.bitwise_right_shift(at::Scalar(bits)).bitwise_and(at::Scalar((std::int64_t{1} << (64 - bits)) - 1));
  };
  constexpr std::int64_t kWord = sizeof(std::int32_t);
  const auto bytes = flat(tensor).view(at::kByte);
  const auto padded = at::constant_pad_nd(bytes, {0, (kWord - bytes.numel() % kWord) % kWord});
  const auto words = padded.view(at::kInt);
  auto sum = at::full({}, bytes.numel(), words.options().dtype(at::kLong));
  for (std::int64_t first = 0; first < words.numel(); first += kSlice) {
    const auto slice = words.narrow(0, first, std::min(kSlice, words.numel() - first)).to(at::kLong);
    const auto places = at::arange(first + 1, first + slice.numel() + 1, slice.options());
    auto x = slice + places * kFactor;
    x = x.bitwise_xor(shifted(x, 30)) * kFirst;
    x = x.bitwise_xor(shifted(x, 27)) * kSecond;
    sum = sum + x.bitwise_xor(shifted(x, 31)).sum();
  }
  return sum;
}

}  // namespace glow::ops
