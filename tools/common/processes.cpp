#include "tools/common/processes.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <ostream>
#include <set>
#include <sstream>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <glow/checks.h>
#include <glow/cores.h>
#include <glow/error.h>
#include <glow/ops/runtime.h>
#include <glow/version.h>

#include "tools/common/gpu_text.h"
#include "tools/common/interruption.h"
#include "tools/common/memory_limit.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// The cores that this process may use, as text: equal texts mean equal sets.
std::string core_set() {
  cpu_set_t cores;
  std::string text;
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return text;
  for (int core = 0; core < CPU_SETSIZE; ++core) text += CPU_ISSET(core, &cores) ? '1' : '0';
  return text;
}

/// Whether OMP_NUM_THREADS was set by the user. torchrun sets it to 1 in several processes when it is not set.
bool follows_openmp(const distributed::Launch& launch) {
  return launch.launcher != "torchrun" || launch.local_size == 1 || default_threads() != 1;
}

/// "until 2026-01-31 18:05:00", in local time
std::string until(std::chrono::system_clock::time_point end) {
  const auto seconds = std::chrono::system_clock::to_time_t(end);
  tm parts{};
  char text[64] = "";
  if (::localtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, "until %F %T", &parts);
  return text;
}

/// Sets the least severe level of LibTorch's messages that are printed. It would print many lines in every process
/// about connections that fail at the start or break later, which this file reports in one. TORCH_CPP_LOG_LEVEL
/// overrides it.
void keep_libtorch_quiet(int level) {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = level;
}

}  // namespace

void Processes::join(const ComputeSettings& settings) {
  constexpr std::int64_t kLongest = 7 * 24 * 60 * 60;
  const auto check = [&] {
    require_range("start_timeout", settings.start_timeout, 1, kLongest);
    require_range("process_timeout", settings.process_timeout, 1, kLongest);
  };
  // An invalid time is reported once all are connected, by one of them.
  const auto seconds = [](std::int64_t given, std::chrono::seconds otherwise) {
    return given >= 1 && given <= kLongest ? std::chrono::seconds(given) : otherwise;
  };
  const distributed::ConnectOptions standard;
  launch_ = distributed::read_launch();
  if (!are_several()) return check();
  // All processes have the same error; rank 0 reports it.
  if (!distributed::can_connect() && !is_root()) std::_Exit(kUsageError);
  connect({.start_timeout = seconds(settings.start_timeout, standard.start_timeout),
           .timeout = seconds(settings.process_timeout, standard.timeout)});
  // The versions come first, because another version may run the rest of this function differently.
  require_same({{"glow", kVersion}, {"libtorch", TORCH_VERSION}});
  check();
  restarts_ = largest(launch_.restarts);
  const auto host = host_name(), cores = core_set();
  const auto hosts = communicator_->gather(host), places = communicator_->gather(host + "/" + cores);
  hosts_ = std::ssize(std::set(hosts.begin(), hosts.end()));
  // A launcher that binds processes gives each its own cores; with other launchers all processes share all cores.
  cores_ = std::max<std::int64_t>(1, available_cores() / std::count(places.begin(), places.end(), host + "/" + cores));
}

void Processes::connect(distributed::ConnectOptions options) {
  const auto flag = "--start-timeout " + std::to_string(options.start_timeout.count());
  const auto end = until(std::chrono::system_clock::now() + options.start_timeout);
  options.failed = [this](const std::string& what) {
    print(what);
    std::_Exit(kFailure);
  };
  options.waiting = [=, this](const std::string& what) {
    print("waiting for " + what + ", " + end + " (" + flag + "), because " + environment_text(launch_));
  };
  constexpr int kErrors = 2, kFatal = 3;
  keep_libtorch_quiet(kFatal);
  try {
    communicator_ = distributed::connect(launch_, options);
    keep_libtorch_quiet(kErrors);
  } catch (const ProcessError& error) {
    throw ProcessError(std::string(error.what()) +
                       " (--start-timeout SECONDS waits longer; causes: docs/distributed.md#troubleshooting)");
  }
}

std::string Processes::text() const {
  return std::to_string(launch_.size) + " on " + count_text(hosts_, "host") + ", started by " + launch_.launcher;
}

ComputeSettings Processes::own_part(ComputeSettings settings) const {
  if (!are_several()) return settings;
  if (settings.threads == 0) settings.threads = follows_openmp(launch_) ? std::min(cores_, default_threads()) : cores_;
  const bool wants_cuda = settings.device == "cuda" || (settings.device == "auto" && torch::cuda::is_available());
  if (!wants_cuda || !torch::cuda::is_available()) return settings;
  const auto devices = static_cast<std::int64_t>(torch::cuda::device_count());
  if (devices > 1 && launch_.local_rank >= devices) {
    throw ConfigError("device", std::to_string(launch_.local_size) + " processes on this host, but only " +
                                    std::to_string(devices) + " GPUs (--device cpu needs none)");
  }
  // A launcher may show each process only its own GPU; NCCL refuses a GPU that two processes share.
  settings.device = "cuda:" + std::to_string(devices == 1 ? 0 : launch_.local_rank);
  return settings;
}

void Processes::require_same_device(torch::Device device) const {
  require_same({{"device", device.is_cuda() ? "cuda" : "cpu"}});
  if (!are_several()) return;
  const auto id = ops::device_id(device);
  const auto problem = shared_gpu_text(communicator_->gather(id.empty() ? "" : host_name() + "/" + id));
  if (!problem.empty()) {
    throw NotAlike(problem +
                   "; each process needs a GPU of its own (without --device, it takes that of its local rank)");
  }
}

void Processes::require_same(const Json& object) const {
  if (!are_several()) return;
  const auto texts = communicator_->gather(object.dump(-1, ' ', false, Json::error_handler_t::replace));
  const auto root = Json::parse(texts.front());
  for (std::size_t rank = 1; rank < texts.size(); ++rank) {
    const auto other = Json::parse(texts[rank]);
    auto all = root;
    all.update(other);
    for (const auto& item : all.items()) {
      const auto value = other.value(item.key(), Json());
      const auto expected = root.value(item.key(), Json());
      if (value == expected) continue;
      throw NotAlike("rank " + std::to_string(rank) + " has " + item.key() + " " + value.dump() + ", rank 0 has " +
                     expected.dump() + "; all processes must be started alike");
    }
  }
}

std::int64_t Processes::largest(std::int64_t value) const {
  if (!are_several()) return value;
  const auto values = torch::zeros({launch_.size}, torch::kLong);
  values[launch_.rank] = value;
  communicator_->sum(values);
  return values.max().item<std::int64_t>();
}

void Processes::throw_if_interrupted() const {
  if (const int signal = interruption(); signal != 0) {
    communicator_->ask_to_stop();
    throw Interrupted(signal);
  }
  if (communicator_->stop_asked()) throw Interrupted(SIGTERM);
}

void Processes::throw_if_one_was_interrupted() const {
  if (const auto signal = largest(interruption()); signal != 0) throw Interrupted(static_cast<int>(signal));
}

void Processes::print(const std::string& message) const {
  const auto rank = are_several() ? "rank " + std::to_string(launch_.rank) + ": " : "";
  std::string line = tool_;
  // In one write, because other processes may write there too.
  line.append(": ").append(rank).append(message).append("\n");
  console_.err << line << std::flush;
}

int Processes::fail(const std::string& message, int code) const {
  if (communicator_->size() > 1) end("rank " + std::to_string(launch_.rank) + " failed", message, code);
  print(message);
  return code;
}

int Processes::fail_for_another(const std::string& message) const {
  if (communicator_->size() > 1) end(message, message, kFailure);
  print(message);
  return kFailure;
}

void Processes::end(const std::string& what, const std::string& message, int code) const {
  const auto report = [&] { print(message); };
  if (!communicator_->announce_failure(what, report)) {
    // Another process reported first; its message is about to arrive and end this process.
    constexpr std::chrono::seconds kUntilTold{5};
    std::this_thread::sleep_for(kUntilTold);
    report();
  }
  // Skips destructors, which could wait for other processes.
  std::_Exit(code);
}

int Processes::leave(const std::string& message, int code) const {
  if (is_root()) console_.err << tool_ << ": " << message << std::endl;
  return code;
}

int Processes::leave_together(const std::string& message, int code) const {
  leave(message, code);
  try {
    communicator_->barrier();
  } catch (const std::exception&) {
    // Another process has ended already.
  }
  return code;
}

namespace {

/// Whether this process prints for all of them; true if the environment does not say, which is an error of its own.
bool is_first_or_unknown() {
  try {
    return distributed::read_launch().rank == 0;
  } catch (const ConfigError&) {
    return true;
  }
}

/// Sets the times to wait, also if the command line has an error elsewhere. An invalid time is reported with the other
/// flags.
void set_times(const Flags& flags, Arguments arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    for (const std::string name : {"start-timeout", "process-timeout"}) {
      const auto& word = arguments[i];
      const bool has_value = word.starts_with("--" + name + "=");
      if (!has_value && (word != "--" + name || i + 1 == arguments.size())) continue;
      try {
        flags.set({{name, has_value ? word.substr(word.find('=') + 1) : arguments[i + 1]}});
      } catch (const ConfigError&) {
        continue;
      }
    }
  }
}

/// Connects to the other processes. If they do not meet, the error is that of the command line, if it has one.
void join_with(const std::optional<ConfigError>& problem, const ComputeSettings& settings, Processes& processes) {
  try {
    processes.join(settings);
  } catch (const ProcessError& error) {
    if (!problem) throw;
    throw ConfigError(std::string(problem->what()) + "; the processes did not meet either: " + error.what());
  }
  if (problem) throw ConfigError(*problem);
}

}  // namespace

std::optional<GivenFlags> parse_joining(const ToolText& tool, const Flags& flags, Arguments arguments,
                                        const ComputeSettings& settings, Processes& processes, Console& console) {
  std::optional<GivenFlags> given;
  std::optional<ConfigError> problem;
  set_times(flags, arguments);
  try {
    // Only rank 0 prints.
    std::ostringstream help, notes;
    Console held{help, notes};
    given = parse_command_line(tool, flags, arguments, held);
    if (is_first_or_unknown()) {
      console.out << help.str();
      console.err << notes.str() << std::flush;
    }
    if (!given) return given;
    flags.set(*given);
  } catch (const ConfigError& error) {
    problem = error;
  }
  flags.naming_flags([&] { join_with(problem, settings, processes); });
  return given;
}

Json given_text(const GivenFlags& given) {
  Json text = Json::object();
  for (const auto& flag : given) text[flag.name] = flag.value;
  return text;
}

int run_tool(const ToolText& text, Console& console, const std::function<int()>& tool) {
  return run_tool(text, console, [&](Processes&) { return tool(); });
}

namespace {

/// LibTorch's messages may have several lines, in a form of their own.
std::string first_line(const std::string& message) { return message.substr(0, message.find('\n')); }

/// Allows as many open files as the system does, because each archive of a data set stays open. By default Linux allows
/// 1,024, for the sake of programs that use select().
void raise_limit_of_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string failure_text(const std::exception& error, const ToolText& text) {
  // Its what() appends a stack trace.
  const auto* of_torch = dynamic_cast<const c10::Error*>(&error);
  if (ops::is_out_of_memory(error)) {
    const auto details = of_torch != nullptr ? gpu_memory_text(of_torch->what_without_backtrace()) : "";
    return out_of_memory_text(text.saves_memory, details);
  }
  const auto* of_system = dynamic_cast<const std::system_error*>(&error);
  if (of_system != nullptr && of_system->code() == std::errc::resource_unavailable_try_again) {
    return "cannot start another thread: " + of_system->code().message() + "; fewer --threads need less";
  }
  if (of_torch != nullptr) return first_line(of_torch->what_without_backtrace());
  return dynamic_cast<const Error*>(&error) != nullptr ? error.what() : first_line(error.what());
}

}  // namespace

int run_tool(const ToolText& text, Console& console, const std::function<int(Processes&)>& tool) {
  raise_limit_of_open_files();
  explain_crashes(text.name, text.saves_memory);
  // A write beyond the limit on file sizes then fails with an error to report, instead of ending the process.
  std::signal(SIGXFSZ, SIG_IGN);
  Processes processes(text.name, console);
  try {
    const int code = tool(processes);
    console.out.flush();
    return console.out ? code : processes.fail("cannot write to the standard output", kFailure);
  } catch (const Interrupted& interrupted) {
    return processes.leave(interrupted.what(), interrupted.exit_code());
  } catch (const ConfigError& error) {
    return processes.fail(error.what(), kUsageError);
  } catch (const NotAlike& error) {
    return processes.leave_together(error.what(), kUsageError);
  } catch (const ProcessError& error) {
    return processes.fail_for_another(error.what());
  } catch (const std::exception& error) {
    return processes.fail(failure_text(error, text), kFailure);
  }
}

int run_main(int argc, char** argv, int (*tool)(std::span<const std::string>, Console&)) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) arguments.emplace_back(argv[i]);
  auto console = Console::of_process();
  return tool(arguments, console);
}

}  // namespace glow::tools
