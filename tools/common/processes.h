#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <glow/distributed/communicator.h>
#include <glow/distributed/launch.h>
#include <glow/error.h>

#include "tools/common/command_line.h"
#include "tools/common/compute.h"
#include "tools/common/flags.h"

namespace glow::tools {

/// That not all processes were started alike, which all of them find out, and one says.
class NotAlike : public Error {
 public:
  using Error::Error;
};

/// The processes of a tool that a launcher has started, as one of them sees them; usually there is this one alone.
class Processes {
 public:
  /// `tool`: its name.
  explicit Processes(std::string tool) : tool_(std::move(tool)) {}

  /// Reads what the launcher says, and meets the others. From then on a failure of another ends this process too, with
  /// a line that says which. Throws ConfigError, NotAlike when one is of another version, and ProcessError.
  void join(std::int64_t timeout_seconds);

  const std::shared_ptr<distributed::Communicator>& communicator() const { return communicator_; }
  const distributed::Launch& launch() const { return launch_; }
  bool is_root() const { return launch_.rank == 0; }
  bool are_several() const { return launch_.size > 1; }
  /// How often all of it has been started anew after a failure, as far as one of the processes was told.
  std::int64_t restarts() const { return are_several() ? restarts_ : launch_.restarts; }
  /// "4 on 2 hosts, started by torchrun"
  std::string text() const;

  /// The settings with this process's part of the host where they say "automatic": its own GPU, and as many of the
  /// cores as there are for each. Throws ConfigError when there are several GPUs, and fewer than processes.
  ComputeSettings own_part(ComputeSettings settings) const;

  /// Throws NotAlike unless all processes have the same of every key: "rank 2 has lr 0.1, rank 0 0.001".
  void require_same(const Json& object) const;

  /// The largest of all processes' values.
  std::int64_t largest(std::int64_t value) const;

  /// Throws Interrupted when a signal was noted, here or, as far as is known by now, in another process.
  void throw_if_interrupted() const;
  /// After what that may have cut short; all processes call it. Throws Interrupted in all when one has noted a signal.
  void throw_if_one_was_interrupted() const;

  /// Reports an error, which the others hear of; of several this process then ends at once, else the code is returned.
  int fail(const std::string& message, int code) const;
  /// The same of a ProcessError: its message is for all of them.
  int fail_for_another(const std::string& message) const;
  /// What is no failure, a signal say: only rank 0 speaks.
  int leave(const std::string& message, int code) const;
  /// The same when all do it, none before rank 0 has spoken: a launcher may end the others with the first.
  int leave_together(const std::string& message, int code) const;

 private:
  void print(const std::string& message) const;
  /// `what`: for the others.
  [[noreturn]] void end(const std::string& what, const std::string& message, int code) const;

  std::string tool_;
  distributed::Launch launch_;
  std::shared_ptr<distributed::Communicator> communicator_ = distributed::single_process();
  std::int64_t hosts_ = 1, cores_ = 0, restarts_ = 0;
};

/// parse_command_line of a tool in several processes: meets the others whatever the command line is like, so that one
/// process alone says what is wrong with it. `settings`: the flags' own, of which the time-out is read.
std::optional<GivenFlags> parse_joining(const ToolText& tool, const Flags& flags, int argc, char** argv,
                                        const ComputeSettings& settings, Processes& processes);

/// {flag: value} of what was given.
Json given_text(const GivenFlags& given);

}  // namespace glow::tools
