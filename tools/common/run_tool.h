#pragma once

#include <functional>
#include <string>

#include "tools/common/processes.h"

namespace glow::tools {

/// Exit codes of every tool; 128 + the signal's number when one ended it.
enum ExitCode { kSuccess = 0, kFailure = 1, kUsageError = 2 };

/// Runs a tool and returns its exit code. Whatever it throws becomes one line on stderr, "`name`: what went wrong";
/// ConfigError is a usage error, all else a failure.
int run_tool(const std::string& name, const std::function<int()>& tool);
/// The same of a tool that may be one of several processes.
int run_tool(const std::string& name, const std::function<int(Processes&)>& tool);

}  // namespace glow::tools
