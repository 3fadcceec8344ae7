#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace glow::distributed {

/// What the program that started this process says of it and of those beside it.
struct Launch {
  /// This process among all, and among those of its host.
  std::int64_t rank = 0, local_rank = 0;
  /// How many there are.
  std::int64_t size = 1, local_size = 1;
  /// "torchrun", "mpirun", "SLURM", or "RANK and WORLD_SIZE" when they were set by something else; empty for a process
  /// that was started by itself.
  std::string launcher = {};
  /// Where they meet. Without `has_store` the process of rank 0 listens there, else the launcher does.
  std::string address = {};
  std::uint16_t port = 0;
  bool has_store = false;
  /// How often the launcher has started all of it anew after a failure, and SLURM the job. Launchers of several hosts
  /// may count differently.
  std::int64_t restarts = 0;
};

/// The value of an environment variable; nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// Reads what torchrun (RANK, WORLD_SIZE, MASTER_ADDR and so on, which may be set by hand too), Open MPI's mpirun
/// (OMPI_COMM_WORLD_*) or a SLURM step (SLURM_PROCID, SLURM_STEP_NUM_TASKS) tells its processes, the first of these
/// that is there. Throws ConfigError naming the variable that is missing or makes no sense.
Launch read_launch(const Environment& environment);

/// Of this process.
Launch read_launch();

/// The first host of a SLURM list: "node07" of "node[07-09,12],login1".
std::string first_host(const std::string& list);

}  // namespace glow::distributed
