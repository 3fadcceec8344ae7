#pragma once

#include <stdexcept>

namespace glow::tools {

/// Thrown when work is abandoned because of a signal.
class Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(int signal);
  /// 130 for SIGINT, 143 for SIGTERM.
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// Installs handlers for SIGINT and SIGTERM. The first signal is only recorded, so that the tool can finish its work in
/// order. A SIGINT more than a second later ends the process at once: the user does not want to wait. All other later
/// signals are ignored, because launchers forward copies of the terminal's signal; SIGKILL still ends the process at
/// once.
void note_interruptions();

/// The recorded signal; 0 when there was none.
int interruption();

/// Throws Interrupted when a signal was recorded.
void throw_if_interrupted();

}  // namespace glow::tools
