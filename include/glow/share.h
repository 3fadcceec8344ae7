#pragma once

#include <cstdint>

namespace glow {

/// Part `index` of `count` parts, as equal as whole things allow, of something that several processes share out.
struct Share {
  std::int64_t index = 0;
  std::int64_t count = 1;

  /// The part of 0 ... total - 1 from `begin` on to before `end`.
  std::int64_t begin(std::int64_t total) const { return total * index / count; }
  std::int64_t end(std::int64_t total) const { return total * (index + 1) / count; }
  std::int64_t size(std::int64_t total) const { return end(total) - begin(total); }
};

}  // namespace glow
