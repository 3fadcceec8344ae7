#pragma once

// Stands for LibTorch's header in a build without it: threads that the thread sanitizer knows.

#include <algorithm>
#include <cstdint>
#include <future>
#include <vector>

namespace at {

inline int get_num_threads() { return 4; }

template <class Part>
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain, const Part& part) {
  const auto threads = static_cast<std::int64_t>(get_num_threads());
  const auto length = std::max(grain, (end - begin + threads - 1) / threads);
  std::vector<std::future<void>> parts;
  for (; begin < end; begin += length) {
    parts.push_back(std::async(std::launch::async, [=, &part] { part(begin, std::min(begin + length, end)); }));
  }
  for (auto& each : parts) each.get();
}

}  // namespace at
