#include "tools/common/status_line.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

namespace glow::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kShortestInterval = std::chrono::milliseconds(100);
/// Back to the start of the line, and erase it.
constexpr const char* kErase = "\r\x1b[K";

std::size_t terminal_columns() {
  winsize size{};
  constexpr std::size_t kUsual = 80;
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace

StatusLine::StatusLine(bool quiet) : quiet_(quiet), is_live_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

StatusLine::~StatusLine() { clear(); }

void StatusLine::show(const std::string& text) {
  const auto now = Clock::now();
  if (!is_live_ || (is_shown_ && now - last_shown_ < kShortestInterval)) return;
  // A line that wraps could not be rewritten.
  std::cerr << kErase << text.substr(0, terminal_columns() - 1) << std::flush;
  is_shown_ = true;
  last_shown_ = now;
}

void StatusLine::clear() {
  if (is_shown_) std::cerr << kErase << std::flush;
  is_shown_ = false;
}

void StatusLine::log(const std::string& text) {
  if (quiet_) return;
  clear();
  std::cerr << text << std::endl;
}

std::string bar(double part) {
  constexpr int kLength = 20;
  std::string cells(kLength, '-');
  std::fill_n(cells.begin(), std::lround(std::clamp(part, 0.0, 1.0) * kLength), '#');
  return "[" + cells + "]";
}

}  // namespace glow::tools
