#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <glow/distributed/communicator.h>
#include <glow/distributed/launch.h>
#include <glow/error.h>

#include "tools/common/command_line.h"
#include "tools/common/compute.h"
#include "tools/common/console.h"
#include "tools/common/flags.h"

namespace glow::tools {

/// The processes were not started alike. All of them throw it, and rank 0 reports it.
class NotAlike : public Error {
 public:
  using Error::Error;
};

/// The processes of a tool that a launcher started, seen from one of them; without a launcher this process alone.
class Processes {
 public:
  /// `tool`: its name. The console must outlive this object.
  Processes(std::string tool, Console& console) : tool_(std::move(tool)), console_(console) {}

  /// Reads the launcher's environment and connects to the other processes, with the times of the settings. After that a
  /// failure of another process ends this process too, with a line that names the failed rank. Throws ConfigError,
  /// NotAlike for another version of Glow or LibTorch, and ProcessError.
  void join(const ComputeSettings& settings);

  const std::shared_ptr<distributed::Communicator>& communicator() const { return communicator_; }
  const distributed::Launch& launch() const { return launch_; }
  bool is_root() const { return launch_.rank == 0; }
  bool are_several() const { return launch_.size > 1; }
  /// How many times the launcher restarted all processes after a failure: the largest count that any of them has.
  std::int64_t restarts() const { return are_several() ? restarts_ : launch_.restarts; }
  /// "4 on 2 hosts, started by torchrun"
  std::string text() const;

  /// The settings with this process's part of the host in place of automatic values: its own GPU, and an equal part of
  /// the cores. Throws ConfigError when there are several GPUs, but fewer than processes.
  ComputeSettings own_part(ComputeSettings settings) const;

  /// Throws NotAlike unless all processes have the same value for every key: "rank 2 has lr 0.1, rank 0 0.001".
  void require_same(const Json& object) const;

  /// Throws NotAlike unless all processes compute on the CPU, or each on a GPU of its own.
  void require_same_device(torch::Device device) const;

  /// The largest of all processes' values.
  std::int64_t largest(std::int64_t value) const;

  /// Throws Interrupted when a signal was recorded in this process or, as far as this process knows, in another.
  void throw_if_interrupted() const;
  /// Collective; call it after work that a signal may have ended early. Throws Interrupted in all processes when one of
  /// them has recorded a signal.
  void throw_if_one_was_interrupted() const;

  /// Reports an error, also to the other processes. Returns the code, or ends the process at once when there are
  /// several.
  int fail(const std::string& message, int code) const;
  /// The same for a ProcessError, whose message is about another process.
  int fail_for_another(const std::string& message) const;
  /// Ends without a failure, after a signal for example: only rank 0 prints the message.
  int leave(const std::string& message, int code) const;
  /// Collective form of leave: no process returns before rank 0 has printed, because a launcher may end the other
  /// processes when the first one ends.
  int leave_together(const std::string& message, int code) const;

 private:
  void connect(distributed::ConnectOptions options);
  void print(const std::string& message) const;
  /// `what`: the message for the other processes.
  [[noreturn]] void end(const std::string& what, const std::string& message, int code) const;

  std::string tool_;
  Console& console_;
  distributed::Launch launch_;
  std::shared_ptr<distributed::Communicator> communicator_ = distributed::single_process();
  std::int64_t hosts_ = 1, cores_ = 0, restarts_ = 0;
};

/// parse_command_line for a tool in several processes: connects to the others even if the command line has an error, so
/// that only one process reports it; each does if they do not meet. `settings`: the fields that `flags` are connected
/// to, among them the times to wait.
std::optional<GivenFlags> parse_joining(const ToolText& tool, const Flags& flags, Arguments arguments,
                                        const ComputeSettings& settings, Processes& processes, Console& console);

/// {flag: value} of the given flags.
Json given_text(const GivenFlags& given);

/// Runs a tool and returns its exit code. Reports an exception in one line on stderr, "`text.name`: what went wrong";
/// ConfigError is a usage error, every other exception a failure.
int run_tool(const ToolText& text, Console& console, const std::function<int()>& tool);
/// The same for a tool that can be one of several processes.
int run_tool(const ToolText& text, Console& console, const std::function<int(Processes&)>& tool);

/// main() of a program: calls `tool` with the arguments and the console of the process.
int run_main(int argc, char** argv, int (*tool)(std::span<const std::string>, Console&));

}  // namespace glow::tools
