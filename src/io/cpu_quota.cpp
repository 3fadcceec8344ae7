#include "io/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace glow::io {
namespace {

namespace fs = std::filesystem;

/// A mounted hierarchy of control groups that can limit CPU time: the group `root` is at the directory `point`.
struct CpuHierarchy {
  bool is_v2 = false;
  fs::path root, point;
};

bool is_in_list(const std::string& list, const std::string& wanted) {
  return ("," + list + ",").find("," + wanted + ",") != std::string::npos;
}

/// The hierarchies in proc/self/mountinfo (proc_pid_mountinfo(5)): "ID PARENT DEVICE ROOT POINT OPTIONS [FIELDS]... -
/// TYPE SOURCE SUPER_OPTIONS".
std::vector<CpuHierarchy> cpu_hierarchies(const fs::path& root) {
  std::vector<CpuHierarchy> found;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    constexpr std::ptrdiff_t kBeforeOptional = 6, kAfterDash = 3;
    if (std::ssize(fields) < kBeforeOptional) continue;
    const auto dash = std::find(fields.begin() + kBeforeOptional, fields.end(), "-");
    if (fields.end() - dash <= kAfterDash) continue;
    const auto& type = dash[1];
    if (type == "cgroup2" || (type == "cgroup" && is_in_list(dash[3], "cpu"))) {
      found.push_back({type == "cgroup2", fields[3], fields[4]});
    }
  }
  return found;
}

/// This process's group in a hierarchy, from proc/self/cgroup: lines "ID:CONTROLLERS:GROUP", of v2 "0::GROUP".
fs::path own_group(const fs::path& root, bool is_v2) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (is_v2 ? controllers.empty() : is_in_list(controllers, "cpu")) return line.substr(second + 1);
  }
  return "/";
}

/// The quota of the group at a directory, in cores.
std::optional<double> quota_of(const fs::path& group, bool is_v2) {
  double quota = 0, period = 0;  // microseconds
  if (is_v2) {
    // "QUOTA PERIOD"; "max PERIOD" without a quota.
    std::ifstream(group / "cpu.max") >> quota >> period;
  } else {
    // -1 without a quota.
    std::ifstream(group / "cpu.cfs_quota_us") >> quota;
    std::ifstream(group / "cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? std::optional(quota / period) : std::nullopt;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> smallest;
  for (const auto& hierarchy : cpu_hierarchies(root)) {
    const auto top = root / hierarchy.point.relative_path();
    // In a container the group's name may be that on the host, of which only the container's part is mounted.
    const auto below = own_group(root, hierarchy.is_v2).lexically_relative(hierarchy.root);
    const bool is_below_top = !below.empty() && *below.begin() != ".." && *below.begin() != ".";
    for (auto group = is_below_top ? top / below : top;; group = group.parent_path()) {
      const auto quota = quota_of(group, hierarchy.is_v2);
      if (quota && (!smallest || *quota < *smallest)) smallest = quota;
      if (group == top || group == group.root_path()) break;
    }
  }
  return smallest;
}

}  // namespace glow::io
