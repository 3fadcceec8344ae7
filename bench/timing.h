#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace glow::bench {

using Work = std::function<void()>;

/// Seconds that each of several pieces of work takes: medians of `rounds` rounds, in each of which all are timed one
/// after the other, so that a machine that is slow for a while is slow for all of them.
inline std::vector<double> median_seconds(const std::vector<Work>& works, int rounds) {
  std::vector<std::vector<double>> seconds(works.size());
  for (const auto& work : works) work();  // warm
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < works.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      works[i]();
      seconds[i].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  std::vector<double> medians;
  for (auto& of_work : seconds) {
    const auto middle = of_work.begin() + static_cast<std::ptrdiff_t>(of_work.size() / 2);
    std::nth_element(of_work.begin(), middle, of_work.end());
    medians.push_back(*middle);
  }
  return medians;
}

}  // namespace glow::bench
