#pragma once

#include <cstdint>
#include <vector>

namespace glow::ops::cpu {

/// Memory of the calling thread that lasts: `use` tells apart what is in use at the same time.
template <class T>
T* scratch(std::int64_t use, std::int64_t count) {
  constexpr std::int64_t kUses = 4;
  thread_local std::vector<T> memory[kUses];
  auto& mine = memory[use];
  if (static_cast<std::int64_t>(mine.size()) < count) mine.resize(static_cast<std::size_t>(count));
  return mine.data();
}

}  // namespace glow::ops::cpu
