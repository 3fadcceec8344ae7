#include "tools/common/run_tool.h"

#include <csignal>
#include <exception>
#include <new>
#include <vector>

#include <c10/util/Exception.h>

#include <glow/error.h>

#include "tools/common/interruption.h"

namespace glow::tools {

int run_tool(const std::string& name, Console& console, const std::function<int()>& tool) {
  return run_tool(name, console, [&](Processes&) { return tool(); });
}

int run_tool(const std::string& name, Console& console, const std::function<int(Processes&)>& tool) {
  // A write beyond the limit on file sizes then fails with an error to report, instead of ending the process.
  std::signal(SIGXFSZ, SIG_IGN);
  Processes processes(name, console);
  try {
    const int code = tool(processes);
    console.out.flush();
    return console.out ? code : processes.fail("cannot write to the standard output", kFailure);
  } catch (const Interrupted& interrupted) {
    return processes.leave(interrupted.what(), interrupted.exit_code());
  } catch (const ConfigError& error) {
    return processes.fail(error.what(), kUsageError);
  } catch (const NotAlike& error) {
    return processes.leave_together(error.what(), kUsageError);
  } catch (const ProcessError& error) {
    return processes.fail_for_another(error.what());
  } catch (const c10::Error& error) {
    // Its what() appends a stack trace.
    return processes.fail(error.what_without_backtrace(), kFailure);
  } catch (const std::bad_alloc&) {
    return processes.fail("out of memory", kFailure);
  } catch (const std::exception& error) {
    return processes.fail(error.what(), kFailure);
  }
}

int run_main(int argc, char** argv, int (*tool)(std::span<const std::string>, Console&)) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) arguments.emplace_back(argv[i]);
  auto console = Console::of_process();
  return tool(arguments, console);
}

}  // namespace glow::tools
