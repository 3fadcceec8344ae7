#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <ostream>
#include <string>

namespace glow::tools {

/// Exit codes of every tool; 128 + the signal's number after a signal, but for glow-serve, which has no other end.
enum ExitCode { kSuccess = 0, kFailure = 1, kUsageError = 2 };

/// Where a tool writes: main() gives it the streams of the process, a test gives it strings.
struct Console {
  std::ostream& out;
  std::ostream& err;
  /// Columns of the terminal that `err` writes to; 0: `err` is not a terminal, or one without escapes (TERM=dumb).
  std::function<std::size_t()> terminal_columns = [] { return std::size_t{0}; };

  /// stdout and stderr.
  static Console of_process();
};

/// Writes to a console's stderr: permanent lines and, on a terminal, a last line that is rewritten. The console must
/// outlive this object. Safe to call from several threads.
class StatusLine {
 public:
  /// `quiet`: shows nothing at all.
  StatusLine(Console& console, bool quiet);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Whether stderr is a terminal whose last line can be rewritten.
  bool is_live() const { return is_live_; }
  /// Rewrites the line, at most ten times a second. Does nothing without a terminal.
  void show(const std::string& text);
  /// Shows "[######--------------] `what` 30/100 images".
  void show_images(const std::string& what, std::int64_t done, std::int64_t total);
  /// Removes the line.
  void clear();
  /// Writes a permanent line.
  void log(const std::string& text);

 private:
  void erase();

  Console& console_;
  bool quiet_;
  bool is_live_;
  std::mutex mutex_;
  bool is_shown_ = false;
  std::chrono::steady_clock::time_point last_shown_;
};

/// "[######--------------]" for a fraction in 0..1.
std::string bar(double part);

}  // namespace glow::tools
