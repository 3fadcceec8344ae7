#pragma once

#include <span>
#include <string>

#include "tools/common/console.h"

namespace glow::tools {

// Each tool as a function of the words after its name on the command line. It returns the exit code: 0 success, 1
// failure, 2 usage error, 128 + the signal after one that announces an end (note_interruptions). A call sets LibTorch's
// number of threads, ignores SIGXFSZ and, when its work starts, handles those signals. It does not depend on earlier
// calls. When a launcher has started several processes, a call may end the process instead of returning.

int run_glow_train(std::span<const std::string> arguments, Console& console);
int run_glow_eval(std::span<const std::string> arguments, Console& console);
int run_glow_sample(std::span<const std::string> arguments, Console& console);
int run_glow_edit(std::span<const std::string> arguments, Console& console);
int run_glow_import(std::span<const std::string> arguments, Console& console);
/// Only with libmicrohttpd (GLOW_BUILD_SERVER).
int run_glow_serve(std::span<const std::string> arguments, Console& console);

}  // namespace glow::tools
