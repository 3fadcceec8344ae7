#pragma once

#include <stdexcept>

namespace glow::tools {

/// Thrown by what gives up because of a signal.
class Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(int signal);
  /// 130 for SIGINT, 143 for SIGTERM.
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

/// From now on the first SIGINT or SIGTERM is only noted, so that work can be brought to an end. A SIGINT more than a
/// second later, of somebody who does not want to wait, ends the process at once; every other is ignored, for launchers
/// send theirs beside that of the terminal, and whoever sends SIGTERM has SIGKILL.
void note_interruptions();

/// The signal that was noted, 0 when there was none.
int interruption();

/// Throws Interrupted when a signal was noted.
void throw_if_interrupted();

}  // namespace glow::tools
