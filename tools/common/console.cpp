#include "tools/common/console.h"

#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

namespace glow::tools {
namespace {

std::size_t stderr_columns() {
  if (::isatty(STDERR_FILENO) != 1) return 0;
  winsize size{};
  constexpr std::size_t kUsual = 80;
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace

Console Console::of_process() { return {std::cout, std::cerr, stderr_columns}; }

}  // namespace glow::tools
