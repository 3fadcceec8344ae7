#include <glow/distributed/launch.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <glow/error.h>

namespace glow::distributed {
namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr std::int64_t kHighestPort = 65535;
/// c10d's default.
constexpr std::uint16_t kDefaultPort = 29500;

std::optional<std::int64_t> number_in(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Reads the variables of one launcher.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  bool has(const std::string& name) const { return environment_(name).has_value(); }

  std::string text(const std::string& name) const {
    if (auto value = environment_(name)) return *std::move(value);
    throw ConfigError(name + ": is not set, though other variables of the launcher are");
  }
  std::string text(const std::string& name, const std::string& otherwise) const {
    return environment_(name).value_or(otherwise);
  }

  std::int64_t number(const std::string& name, std::int64_t low, std::int64_t high) const {
    const auto value = number_in(text(name));
    if (value && *value >= low && *value <= high) return *value;
    throw ConfigError(name + ": expected " + std::to_string(low) + " to " + std::to_string(high) + ", got '" +
                      text(name) + "'");
  }
  std::int64_t number(const std::string& name, std::int64_t low, std::int64_t high, std::int64_t otherwise) const {
    return has(name) ? number(name, low, high) : otherwise;
  }

  std::uint16_t port(const std::string& name, std::uint16_t otherwise) const {
    return static_cast<std::uint16_t>(number(name, 1, kHighestPort, otherwise));
  }

 private:
  const Environment& environment_;
};

/// A bound for counts, above the size of any run.
constexpr std::int64_t kMostProcesses = 1 << 20;

/// Rank and size among all processes and on the host, from the variables of these names.
Launch ranks(const Variables& variables, const char* rank, const char* size, const char* local_rank,
             const char* local_size) {
  Launch launch;
  launch.size = variables.number(size, 1, kMostProcesses);
  launch.rank = variables.number(rank, 0, launch.size - 1);
  launch.local_size = variables.number(local_size, 1, launch.size, 1);
  launch.local_rank = variables.number(local_rank, 0, launch.size - 1, 0);
  launch.variables = {{rank, variables.text(rank)}, {size, variables.text(size)}};
  return launch;
}

/// A port that is unlikely to be that of another job on the same host, computed from the job's number.
std::uint16_t port_of_job(std::uint64_t job) {
  constexpr std::uint64_t kFirst = 20000, kCount = 10000, kMix = 0x9e3779b97f4a7c15;
  return static_cast<std::uint16_t>(kFirst + (job * kMix >> 32) % kCount);
}

Launch of_torchrun(const Variables& variables) {
  auto launch = ranks(variables, "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE");
  launch.launcher = variables.has("TORCHELASTIC_RUN_ID") ? "torchrun" : "RANK and WORLD_SIZE";
  launch.restarts = variables.number("TORCHELASTIC_RESTART_COUNT", 0, kMostProcesses, 0);
  if (launch.size == 1) return launch;
  if (!variables.has("MASTER_ADDR")) {
    throw ConfigError("MASTER_ADDR", "is not set, though RANK and WORLD_SIZE are; unset these to run one process");
  }
  launch.address = variables.text("MASTER_ADDR");
  launch.port = variables.port("MASTER_PORT", kDefaultPort);
  // torchrun's own store is at MASTER_PORT then, and may be of another version of LibTorch.
  if (variables.text("TORCHELASTIC_USE_AGENT_STORE", "") == "True") launch.port = port_of_job(launch.port);
  return launch;
}

Launch of_mpirun(const Variables& variables) {
  auto launch = ranks(variables, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
                      "OMPI_COMM_WORLD_LOCAL_SIZE");
  launch.launcher = "mpirun";
  if (launch.local_size < launch.size && !variables.has("MASTER_ADDR")) {
    throw ConfigError("MASTER_ADDR",
                      "is not set; over several hosts mpirun needs -x MASTER_ADDR=HOST, the host of rank 0");
  }
  launch.address = variables.text("MASTER_ADDR", kLoopback);
  const auto job = number_in(variables.text("OMPI_MCA_ess_base_jobid", ""));
  launch.port = variables.port("MASTER_PORT", job ? port_of_job(static_cast<std::uint64_t>(*job)) : kDefaultPort);
  return launch;
}

Launch of_slurm(const Variables& variables) {
  auto launch = ranks(variables, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "");
  launch.launcher = "SLURM";
  // "4(x2),3" means 4 tasks on each of the first two hosts and 3 on the third. SLURM_NODEID is this process's host.
  std::int64_t host = variables.number("SLURM_NODEID", 0, kMostProcesses, 0);
  const auto tasks = variables.text("SLURM_STEP_TASKS_PER_NODE", std::to_string(launch.size));
  for (std::size_t begin = 0; begin < tasks.size();) {
    const auto end = std::min(tasks.find(',', begin), tasks.size());
    const auto group = tasks.substr(begin, end - begin);
    const auto times = group.find("(x");
    const auto count = number_in(group.substr(0, times));
    const auto hosts = times == std::string::npos ? std::optional<std::int64_t>(1)
                                                  : number_in(group.substr(times + 2, group.size() - times - 3));
    if (!count || !hosts) throw ConfigError("SLURM_STEP_TASKS_PER_NODE: cannot read '" + tasks + "'");
    launch.local_size = *count;
    host -= *hosts;
    if (host < 0) break;
    begin = end + 1;
  }
  if (launch.size == 1) return launch;
  const bool is_one_host = launch.local_size == launch.size;
  launch.address =
      variables.text("MASTER_ADDR", is_one_host ? kLoopback : first_host(variables.text("SLURM_STEP_NODELIST")));
  const auto job = static_cast<std::uint64_t>(variables.number("SLURM_JOB_ID", 0, std::int64_t{1} << 40));
  const auto step = static_cast<std::uint64_t>(variables.number("SLURM_STEP_ID", 0, std::int64_t{1} << 40, 0));
  constexpr int kMostSteps = 16;
  launch.port = variables.port("MASTER_PORT", port_of_job((job << kMostSteps) + step));
  return launch;
}

Launch launch_of(const Variables& variables) {
  if (variables.has("RANK") && variables.has("WORLD_SIZE")) return of_torchrun(variables);
  if (variables.has("OMPI_COMM_WORLD_SIZE")) return of_mpirun(variables);
  // A batch script has most of SLURM's variables too, but is not a task of a step.
  if (variables.has("SLURM_STEP_NUM_TASKS") && variables.has("SLURM_PROCID")) return of_slurm(variables);
  return {};
}

}  // namespace

Launch read_launch(const Environment& environment) {
  const Variables variables(environment);
  auto launch = launch_of(variables);
  // A requeued job of SLURM may start its processes by another launcher.
  launch.restarts += variables.number("SLURM_RESTART_COUNT", 0, kMostProcesses, 0);
  return launch;
}

Launch read_launch() {
  return read_launch([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  });
}

std::string environment_text(const Launch& launch) {
  std::string values, names;
  for (const auto& [name, value] : launch.variables) {
    values += (values.empty() ? "" : ", ") + name + "=" + value;
    names += " " + name;
  }
  return "the environment says that there are " + std::to_string(launch.size) + " processes (" + values +
         "); to run one process alone: unset" + names;
}

std::string first_host(const std::string& list) {
  const auto bracket = list.find('['), comma = list.find(',');
  if (bracket == std::string::npos || comma < bracket) return list.substr(0, comma);
  const auto end_of_first = list.find_first_of(",-]", bracket);
  const auto close = list.find(']', bracket);
  if (close == std::string::npos) throw ConfigError("SLURM_STEP_NODELIST: cannot read '" + list + "'");
  const auto after = list.substr(close + 1, list.find(',', close) - close - 1);
  return list.substr(0, bracket) + list.substr(bracket + 1, end_of_first - bracket - 1) + after;
}

}  // namespace glow::distributed
