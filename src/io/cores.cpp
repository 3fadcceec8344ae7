#include <glow/cores.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <thread>

#include <sched.h>

#include "io/cpu_quota.h"

namespace glow {

std::int64_t available_cores() {
  cpu_set_t cores;
  const std::int64_t allowed =
      ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : std::thread::hardware_concurrency();
  const auto quota = io::cpu_quota("/");
  // A quota of 1.5 cores is used up by two threads only.
  const auto limit =
      quota && *quota < static_cast<double>(allowed) ? static_cast<std::int64_t>(std::ceil(*quota)) : allowed;
  return std::max<std::int64_t>(limit, 1);
}

std::int64_t default_threads() {
  const char* variable = std::getenv("OMP_NUM_THREADS");
  const std::string_view text = variable != nullptr ? variable : "";
  const auto start = std::min(text.find_first_not_of(" \t"), text.size());
  std::int64_t wanted = 0;
  const auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), wanted);
  const bool is_list = end == text.data() + text.size() || *end == ',' || *end == ' ';
  const auto cores = available_cores();
  return error == std::errc() && is_list && wanted > 0 ? std::min(wanted, cores) : cores;
}

}  // namespace glow
