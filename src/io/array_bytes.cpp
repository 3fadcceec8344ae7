#include "io/array_bytes.h"

namespace glow::io {

std::optional<std::uint64_t> array_bytes(const std::vector<std::int64_t>& shape, std::uint64_t element_size) {
  std::int64_t product = static_cast<std::int64_t>(element_size);
  bool empty = false;
  for (const std::int64_t size : shape) {
    empty = empty || size == 0;
    if (size < 0 || (size > 0 && __builtin_mul_overflow(product, size, &product))) {
      return std::nullopt;
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

}  // namespace glow::io
