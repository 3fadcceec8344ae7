#include "ops/all_finite.h"

#include <bit>
#include <cstdint>
#include <limits>

#include <ATen/ATen.h>

namespace glow::ops {
namespace {

template <class Bits, class Number>
bool are_finite(const Number* numbers, std::int64_t count) {
  // A number is not finite if all bits of its exponent are set. Adding the lowest of them then carries into the sign.
  constexpr auto kExponent = std::bit_cast<Bits>(std::numeric_limits<Number>::infinity());
  constexpr Bits kLowest = kExponent & (~kExponent + 1), kSign = Bits{1} << (8 * sizeof(Bits) - 1);
  Bits carries = 0;
  for (std::int64_t i = 0; i < count; ++i) carries |= (std::bit_cast<Bits>(numbers[i]) & kExponent) + kLowest;
  return (carries & kSign) == 0;
}

}  // namespace

bool all_finite(const at::Tensor& tensor) {
  if (tensor.is_cpu() && tensor.is_non_overlapping_and_dense()) {
    if (tensor.scalar_type() == at::kFloat) {
      return are_finite<std::uint32_t>(tensor.data_ptr<float>(), tensor.numel());
    }
    if (tensor.scalar_type() == at::kDouble) {
      return are_finite<std::uint64_t>(tensor.data_ptr<double>(), tensor.numel());
    }
  }
  return tensor.isfinite().all().item<bool>();
}

}  // namespace glow::ops
