#pragma once

#include <span>
#include <string>

#include "tools/common/console.h"

namespace glow::tools {

// Each tool as a function of the words after its name on the command line, which returns the exit code: 0 success, 1
// failure, 2 usage error, 130 and 143 after SIGINT and SIGTERM. A call sets the number of threads of LibTorch, and with
// the start of its work the handlers of SIGINT and SIGTERM; it ignores SIGXFSZ. It does not depend on earlier calls.
// Only as one of several processes of a launcher may a call end the process instead of returning.

int run_glow_train(std::span<const std::string> arguments, Console& console);
int run_glow_eval(std::span<const std::string> arguments, Console& console);
int run_glow_sample(std::span<const std::string> arguments, Console& console);
int run_glow_edit(std::span<const std::string> arguments, Console& console);

}  // namespace glow::tools
