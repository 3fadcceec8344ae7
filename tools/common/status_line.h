#pragma once

#include <chrono>
#include <string>

namespace glow::tools {

/// stderr: lines that stay and, on a terminal, below them one that is rewritten.
class StatusLine {
 public:
  /// `quiet`: shows nothing at all.
  explicit StatusLine(bool quiet);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Whether there is a terminal to rewrite a line on.
  bool is_live() const { return is_live_; }
  /// Rewrites the line, some times a second at most. Does nothing without a terminal.
  void show(const std::string& text);
  /// Removes the line.
  void clear();
  /// A line that stays.
  void log(const std::string& text);

 private:
  bool quiet_;
  bool is_live_;
  bool is_shown_ = false;
  std::chrono::steady_clock::time_point last_shown_;
};

/// "[######--------------]" for a part of the whole in 0..1.
std::string bar(double part);

}  // namespace glow::tools
