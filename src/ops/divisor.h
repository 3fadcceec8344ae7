#pragma once

#include <algorithm>
#include <cstdint>

#include <c10/macros/Macros.h>

namespace glow::ops {

/// Divides numbers n < 2^31 by a number d in 1 ... 2^31 that is the same for all threads of a GPU, which has no
/// instruction for divisions:
///   n / d = n m >> (31 + s)  with  2^(s-1) < d <= 2^s  and  m = floor(2^(31+s) / d) + 1
/// (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994).
class Divisor {
 public:
  /// 0, of an empty tensor, is taken for 1.
  explicit Divisor(std::int64_t divisor) {
    divisor = std::max<std::int64_t>(1, divisor);
    while (std::int64_t{1} << (shift_ - 31) < divisor) ++shift_;
    multiplier_ = static_cast<std::uint32_t>((std::uint64_t{1} << shift_) / static_cast<std::uint64_t>(divisor) + 1);
  }

  C10_HOST_DEVICE std::uint32_t quotient(std::uint32_t n) const {
    return static_cast<std::uint32_t>(std::uint64_t{n} * multiplier_ >> shift_);
  }

 private:
  std::uint32_t multiplier_;
  int shift_ = 31;
};

}  // namespace glow::ops
