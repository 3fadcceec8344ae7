#include "tools/common/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <ostream>
#include <string_view>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

/// Whether the terminal can erase a line. An editor's shell window says that it cannot.
bool has_escapes() {
  const char* kind = std::getenv("TERM");
  const std::string_view name = kind != nullptr ? kind : "";
  return name != "dumb" && name != "unknown";
}

std::size_t stderr_columns() {
  if (::isatty(STDERR_FILENO) != 1 || !has_escapes()) return 0;
  winsize size{};
  constexpr std::size_t kUsual = 80;
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

using Clock = std::chrono::steady_clock;

constexpr auto kShortestInterval = std::chrono::milliseconds(100);
/// Moves the cursor to the start of the line and erases the line.
constexpr const char* kErase = "\r\x1b[K";

}  // namespace

Console Console::of_process() { return {std::cout, std::cerr, stderr_columns}; }

StatusLine::StatusLine(Console& console, bool quiet)
    : console_(console), quiet_(quiet), is_live_(!quiet && console.terminal_columns() > 0) {}

StatusLine::~StatusLine() { clear(); }

void StatusLine::show(const std::string& text) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (!is_live_ || (is_shown_ && now - last_shown_ < kShortestInterval)) return;
  // A line that wraps could not be rewritten.
  const auto columns = std::max<std::size_t>(console_.terminal_columns(), 1);
  console_.err << kErase << text.substr(0, columns - 1) << std::flush;
  is_shown_ = true;
  last_shown_ = now;
}

void StatusLine::show_images(const std::string& what, std::int64_t done, std::int64_t total) {
  show(bar(static_cast<double>(done) / static_cast<double>(total)) + " " + what + " " + grouped(done) + "/" +
       grouped(total) + " images");
}

void StatusLine::clear() {
  const std::lock_guard lock(mutex_);
  erase();
}

void StatusLine::erase() {
  if (is_shown_) console_.err << kErase << std::flush;
  is_shown_ = false;
}

void StatusLine::log(const std::string& text) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  erase();
  console_.err << text << std::endl;
}

std::string bar(double part) {
  constexpr int kLength = 20;
  std::string cells(kLength, '-');
  std::fill_n(cells.begin(), std::lround(std::clamp(part, 0.0, 1.0) * kLength), '#');
  return "[" + cells + "]";
}

}  // namespace glow::tools
