// Lays out control groups as Docker, Kubernetes, systemd and hosts with cgroup v1 do. The contents of proc are those of
// such machines, shortened.
#include <glow/cores.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

#include "io/cpu_quota.h"
#include "support/files.h"
#include "support/temporary_directory.h"

namespace glow::io::cores_test {
namespace {

namespace fs = std::filesystem;
using glow::testing::put;

constexpr const char* kV2Mount = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kOtherMounts =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "36 31 0:33 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";

struct Machine {
  std::string name;
  std::string mounts, groups;
  /// Paths below the root and contents.
  std::vector<std::pair<std::string, std::string>> files;
  std::optional<double> quota;
};

class CpuQuota : public ::testing::TestWithParam<Machine> {};

TEST_P(CpuQuota, IsTheSmallestOfTheGroupsAbove) {
  const glow::testing::TemporaryDirectory root;
  const auto add = [&](const std::string& file, const std::string& text) {
    fs::create_directories((root / file).parent_path());
    put(root / file, text);
  };
  add("proc/self/mountinfo", kOtherMounts + GetParam().mounts);
  add("proc/self/cgroup", GetParam().groups);
  for (const auto& [file, text] : GetParam().files) add(file, text);
  EXPECT_EQ(cpu_quota(root.path()), GetParam().quota);
}

INSTANTIATE_TEST_SUITE_P(
    , CpuQuota,
    ::testing::Values(
        Machine{"NoControlGroups", "", "", {}, std::nullopt},
        Machine{"DockerV2", kV2Mount, "0::/\n", {{"sys/fs/cgroup/cpu.max", "150000 100000\n"}}, 1.5},
        Machine{"V2WithoutQuota", kV2Mount, "0::/\n", {{"sys/fs/cgroup/cpu.max", "max 100000\n"}}, std::nullopt},
        Machine{"SystemdSliceAbove",
                kV2Mount,
                "0::/work.slice/job.scope\n",
                {{"sys/fs/cgroup/work.slice/cpu.max", "200000 100000\n"},
                 {"sys/fs/cgroup/work.slice/job.scope/cpu.max", "max 100000\n"},
                 {"sys/fs/cgroup/other.slice/cpu.max", "10000 100000\n"}},
                2.0},
        Machine{"OwnQuotaBelowALargerOne",
                kV2Mount,
                "0::/work.slice/job.scope\n",
                {{"sys/fs/cgroup/work.slice/cpu.max", "400000 100000\n"},
                 {"sys/fs/cgroup/work.slice/job.scope/cpu.max", "50000 100000\n"}},
                0.5},
        Machine{"HostWithV1",
                "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n",
                "5:cpuset:/\n4:cpu,cpuacct:/user.slice/job\n0::/user.slice\n",
                {{"sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_quota_us", "-1\n"},
                 {"sys/fs/cgroup/cpu,cpuacct/user.slice/cpu.cfs_period_us", "100000\n"},
                 {"sys/fs/cgroup/cpu,cpuacct/user.slice/job/cpu.cfs_quota_us", "300000\n"},
                 {"sys/fs/cgroup/cpu,cpuacct/user.slice/job/cpu.cfs_period_us", "100000\n"}},
                3.0},
        Machine{
            "DockerWithV1",
            "34 31 0:31 /docker/f00 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
            "4:cpu:/docker/f00\n",
            {{"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n"}, {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
            2.5},
        Machine{
            "GroupOfTheHostInAContainer",
            "34 31 0:31 /docker/f00 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
            "4:cpu:/system.slice/docker.service\n",
            {{"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"}, {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n"}},
            2.0},
        Machine{"Unreadable", kV2Mount, "0::/\n", {{"sys/fs/cgroup/cpu.max", "\n"}}, std::nullopt},
        Machine{"DamagedTables", "29 23 0:26 / -\n - cgroup2\n", "0:\n:\n", {}, std::nullopt}),
    [](const auto& test) { return test.param.name; });

/// Sets OMP_NUM_THREADS, nullptr: removes it, for the object's lifetime.
class OmpThreads {
 public:
  explicit OmpThreads(const char* value) : before_(variable()) { set(value); }
  ~OmpThreads() { set(before_ ? before_->c_str() : nullptr); }
  OmpThreads(const OmpThreads&) = delete;
  OmpThreads& operator=(const OmpThreads&) = delete;

 private:
  static constexpr const char* kName = "OMP_NUM_THREADS";
  static std::optional<std::string> variable() {
    const char* value = std::getenv(kName);
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  }
  static void set(const char* value) { value != nullptr ? ::setenv(kName, value, 1) : ::unsetenv(kName); }

  std::optional<std::string> before_;
};

TEST(DefaultThreads, FollowOpenMpsVariable) {
  const auto cores = available_cores();
  for (const auto* text : {"1", "1,8", " 1 , 2"}) {
    const OmpThreads set(text);
    EXPECT_EQ(default_threads(), 1) << text;
  }
  for (const auto* text : {"", "0", "-1", "all", "1x", "99999999999999999999", "1000000", "1000000,1"}) {
    const OmpThreads set(text);
    EXPECT_EQ(default_threads(), cores) << text;
  }
  const OmpThreads none(nullptr);
  EXPECT_EQ(default_threads(), cores);
}

TEST(AvailableCores, FollowTheAffinity) {
  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core) {
    if (CPU_ISSET(core, &before)) CPU_SET(core, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_cores(), 1);
  EXPECT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace glow::io::cores_test
