#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)

namespace glow::distributed {

/// This process and the other processes of the run, as the launcher (torchrun, mpirun, SLURM) describes them.
struct Launch {
  /// The index of this process among all processes.
  std::int64_t rank = 0;
  /// The index of this process among those on its host.
  std::int64_t local_rank = 0;
  /// The number of processes on all hosts.
  std::int64_t size = 1;
  /// The number of processes on this host.
  std::int64_t local_size = 1;
  /// "torchrun", "mpirun", "SLURM", or "RANK and WORLD_SIZE" when these variables were set by anything else; empty for
  /// a process that was started without a launcher.
  std::string launcher = {};
  /// The address of the store through which the processes find each other, which rank 0 hosts. If torchrun hosts a
  /// store of its own at MASTER_PORT, `port` is another one, computed from that.
  std::string address = {};
  /// The TCP port of the store; 0 without a launcher.
  std::uint16_t port = 0;
  /// How many times the launcher has restarted all processes after a failure, plus how many times SLURM has requeued
  /// the job. Launchers on several hosts may count differently.
  std::int64_t restarts = 0;
  /// The environment variables by which this process is one of several, with their values.
  std::vector<std::pair<std::string, std::string>> variables = {};
};

/// The value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// Reads the variables of torchrun (RANK, WORLD_SIZE, MASTER_ADDR and so on, which may also be set by hand), of Open
/// MPI's mpirun (OMPI_COMM_WORLD_*) or of a SLURM step (SLURM_PROCID, SLURM_STEP_NUM_TASKS): the first of these that is
/// present. Throws ConfigError naming the variable that is missing or invalid.
Launch read_launch(const Environment& environment);

/// The same from this process's environment.
Launch read_launch();

/// Why this process is one of several, and how it would be alone: "the environment says that there are 2 processes
/// (RANK=0, WORLD_SIZE=2); to run one process alone: unset RANK WORLD_SIZE"
std::string environment_text(const Launch& launch);

/// The first host of a SLURM list: "node07" of "node[07-09,12],login1".
std::string first_host(const std::string& list);

}  // namespace glow::distributed

#pragma GCC visibility pop
