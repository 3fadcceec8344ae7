#include <glow/cores.h>

#include <algorithm>
#include <thread>

#include <sched.h>

namespace glow {

std::int64_t available_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(CPU_COUNT(&cores), 1);
  return std::max<std::int64_t>(std::thread::hardware_concurrency(), 1);
}

}  // namespace glow
