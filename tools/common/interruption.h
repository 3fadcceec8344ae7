#pragma once

#include <chrono>
#include <stdexcept>

namespace glow::tools {

/// Thrown when work is abandoned because of a signal.
class Interrupted : public std::runtime_error {
 public:
  /// "stopped by SIGTERM"
  explicit Interrupted(int signal);
  /// 128 + the signal: 130 for SIGINT, 143 for SIGTERM.
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// Installs handlers for the signals that announce an end: SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU and
/// SIGPWR. A signal that is ignored at this time stays ignored (nohup ignores SIGHUP, a shell SIGINT of jobs in the
/// background). The first signal is only recorded, so that the tool can finish its work in order. A SIGINT more than a
/// second later ends the process at once: the user does not want to wait. All other later signals are ignored, because
/// launchers forward copies of the terminal's signal; SIGKILL still ends the process at once.
///
/// `patience`: a process that still runs this long after the signal ends at once, with the same exit code. It is for
/// work that is lost in any case. A later call may change it.
void note_interruptions(std::chrono::seconds patience = std::chrono::seconds(10));
/// The same without such a limit, for work that is saved after a signal. Also ignores SIGPIPE: the process that reads
/// the messages may have ended by the same signal.
void save_after_interruptions();

/// The recorded signal; 0 when there was none.
int interruption();

/// Throws Interrupted when a signal was recorded.
void throw_if_interrupted();

}  // namespace glow::tools
