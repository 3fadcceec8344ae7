#include "tools/common/run_tool.h"

#include <csignal>
#include <exception>
#include <iostream>
#include <new>

#include <c10/util/Exception.h>

#include <glow/error.h>

#include "tools/common/interruption.h"

namespace glow::tools {
namespace {

int complain(const std::string& name, const std::string& message, int code) {
  std::cerr << name << ": " << message.substr(0, message.find('\n')) << std::endl;
  return code;
}

}  // namespace

int run_tool(const std::string& name, const std::function<int()>& tool) {
  // Beyond a limit on file sizes writing shall fail, so that it can be reported, not end the process.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = tool();
    std::cout.flush();
    return std::cout ? code : complain(name, "cannot write to the standard output", kFailure);
  } catch (const Interrupted& interrupted) {
    return complain(name, interrupted.what(), interrupted.exit_code());
  } catch (const ConfigError& error) {
    return complain(name, error.what(), kUsageError);
  } catch (const c10::Error& error) {
    // Its what() goes on with a stack trace.
    return complain(name, error.what_without_backtrace(), kFailure);
  } catch (const std::bad_alloc&) {
    return complain(name, "out of memory", kFailure);
  } catch (const std::exception& error) {
    return complain(name, error.what(), kFailure);
  }
}

}  // namespace glow::tools
