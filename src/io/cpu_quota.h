#pragma once

#include <filesystem>
#include <optional>

namespace glow::io {

/// The number of cores whose time the control groups of this process allow: the smallest quota of its group and the
/// groups above it, as far as their file systems are mounted. nullopt without a quota. Reads cpu.max (cgroup v2) and
/// cpu.cfs_quota_us with cpu.cfs_period_us (v1); see cgroups(7), and Documentation/admin-guide/cgroup-v2.rst of Linux.
/// `root` is "/", or a directory that contains proc and the mount points, for tests. A file that cannot be read means
/// no quota.
std::optional<double> cpu_quota(const std::filesystem::path& root);

}  // namespace glow::io
