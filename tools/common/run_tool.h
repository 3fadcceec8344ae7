#pragma once

#include <functional>
#include <span>
#include <string>

#include "tools/common/console.h"
#include "tools/common/processes.h"

namespace glow::tools {

/// Runs a tool and returns its exit code. Reports an exception in one line on stderr, "`name`: what went wrong";
/// ConfigError is a usage error, every other exception a failure.
int run_tool(const std::string& name, Console& console, const std::function<int()>& tool);
/// The same for a tool that can be one of several processes.
int run_tool(const std::string& name, Console& console, const std::function<int(Processes&)>& tool);

/// main() of a program: calls `tool` with the arguments and the console of the process.
int run_main(int argc, char** argv, int (*tool)(std::span<const std::string>, Console&));

}  // namespace glow::tools
