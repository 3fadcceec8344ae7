#pragma once

#include <cstddef>
#include <functional>
#include <ostream>

namespace glow::tools {

/// Where a tool writes: main() gives it the streams of the process, a test gives it strings.
struct Console {
  std::ostream& out;
  std::ostream& err;
  /// Columns of the terminal that `err` writes to; 0: `err` is no terminal.
  std::function<std::size_t()> terminal_columns = [] { return std::size_t{0}; };

  /// stdout and stderr.
  static Console of_process();
};

}  // namespace glow::tools
