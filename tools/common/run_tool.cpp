#include "tools/common/run_tool.h"

#include <csignal>
#include <exception>
#include <iostream>
#include <new>

#include <c10/util/Exception.h>

#include <glow/error.h>

#include "tools/common/interruption.h"

namespace glow::tools {

int run_tool(const std::string& name, const std::function<int()>& tool) {
  return run_tool(name, [&](Processes&) { return tool(); });
}

int run_tool(const std::string& name, const std::function<int(Processes&)>& tool) {
  // Beyond a limit on file sizes writing shall fail, so that it can be reported, not end the process.
  std::signal(SIGXFSZ, SIG_IGN);
  Processes processes(name);
  try {
    const int code = tool(processes);
    std::cout.flush();
    return std::cout ? code : processes.fail("cannot write to the standard output", kFailure);
  } catch (const Interrupted& interrupted) {
    return processes.leave(interrupted.what(), interrupted.exit_code());
  } catch (const ConfigError& error) {
    return processes.fail(error.what(), kUsageError);
  } catch (const NotAlike& error) {
    return processes.leave_together(error.what(), kUsageError);
  } catch (const ProcessError& error) {
    return processes.fail_for_another(error.what());
  } catch (const c10::Error& error) {
    // Its what() goes on with a stack trace.
    return processes.fail(error.what_without_backtrace(), kFailure);
  } catch (const std::bad_alloc&) {
    return processes.fail("out of memory", kFailure);
  } catch (const std::exception& error) {
    return processes.fail(error.what(), kFailure);
  }
}

}  // namespace glow::tools
