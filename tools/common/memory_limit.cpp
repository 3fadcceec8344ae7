#include "tools/common/memory_limit.h"

#include <dlfcn.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>

#include <glow/error.h>

#include "tools/common/console.h"

namespace glow::tools {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;
/// What the constructors of LibTorch and its libraries and the first operations take, measured with a margin.
constexpr std::size_t kToStart = 256 * kMebibyte;
/// What remains for small allocations once the threads run: oneDNN crashes when it cannot allocate code.
constexpr std::size_t kToCompute = 96 * kMebibyte;
/// Each thread of OpenBLAS allocates a buffer of 128 MiB and a stack when the library is loaded.
constexpr std::size_t kForBlasThread = 136 * kMebibyte;
/// The stack of the program and of its threads, with a margin.
constexpr std::size_t kSmallestStack = std::size_t{256} << 10;

/// Whether so much memory could be allocated within the limits of this process. Touches none of it.
bool has_room(std::size_t bytes) {
  void* place = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return place != MAP_FAILED && ::munmap(place, bytes) == 0;
}

/// " (ulimit -v 700000)", the limit of this process's memory; "" without one.
const char* limit_text() {
  struct Kind {
    decltype(RLIMIT_AS) resource;
    char flag;
  };
  static char text[64] = "";
  for (const auto& kind : {Kind{RLIMIT_AS, 'v'}, Kind{RLIMIT_DATA, 'd'}}) {
    rlimit limit{};
    if (::getrlimit(kind.resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) continue;
    // In kB, as ulimit prints it.
    std::snprintf(text, sizeof text, " (ulimit -%c %llu)", kind.flag,
                  static_cast<unsigned long long>(limit.rlim_cur) / 1024);
    break;
  }
  return text;
}

/// The first of these variables that contains a positive number: how many threads OpenBLAS uses.
std::optional<int> wanted_blas_threads(char** environment) {
  for (const std::string_view name : {"OPENBLAS_NUM_THREADS=", "GOTO_NUM_THREADS=", "OMP_NUM_THREADS="}) {
    for (char** variable = environment; *variable != nullptr; ++variable) {
      if (!std::string_view(*variable).starts_with(name)) continue;
      if (const int wanted = std::atoi(*variable + name.size()); wanted > 0) return wanted;
    }
  }
  return std::nullopt;
}

/// How many threads OpenBLAS starts when it is loaded, besides the program's; 0 with another BLAS.
std::size_t blas_threads(char** environment) {
  if (::dlsym(RTLD_DEFAULT, "openblas_set_num_threads") == nullptr) return 0;
  cpu_set_t cores;
  const int available = ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
  return static_cast<std::size_t>(std::min(wanted_blas_threads(environment).value_or(available), available)) - 1;
}

/// The line of a program that runs out of memory where it can neither allocate nor throw.
char out_of_memory_line[512] = "out of memory\n";

const char* program_name = "glow";

[[noreturn]] void end_with(const char* line) {
  static_cast<void>(!::write(STDERR_FILENO, line, std::strlen(line)));
  ::_exit(kFailure);
}

std::terminate_handler standard_terminate = nullptr;

/// For example an error of a GPU that LibTorch meets while it frees memory, where it may not throw.
[[noreturn]] void report_uncaught() {
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    end_with(out_of_memory_line);
  } catch (const std::exception& error) {
    constexpr std::size_t kLongest = 400;
    const auto text = std::string_view(error.what()).substr(0, kLongest);
    char line[512];
    std::snprintf(line, sizeof line, "%s: %.*s\n", program_name,
                  static_cast<int>(text.substr(0, text.find('\n')).size()), text.data());
    end_with(line);
  } catch (...) {
    // The standard handler reports it.
  }
  standard_terminate();
  std::abort();
}

/// oneDNN writes to memory that it could not allocate.
void report_crash_without_memory(int signal) {
  if (!has_room(kMebibyte)) end_with(out_of_memory_line);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void require_memory_to_start(int argument_count, char** arguments, char** environment) {
  const char* program = argument_count > 0 ? arguments[0] : "glow";
  if (const char* slash = std::strrchr(program, '/')) program = slash + 1;
  program_name = program;
  std::snprintf(out_of_memory_line, sizeof out_of_memory_line, "%s: out of memory%s\n", program, limit_text());
  standard_terminate = std::set_terminate(report_uncaught);
  char line[512];
  rlimit stack{};
  if (::getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur < kSmallestStack) {
    std::snprintf(line, sizeof line, "%s: the stack is too small (ulimit -s): at least %zu kB are needed\n", program,
                  kSmallestStack / 1024);
    end_with(line);
  }
  if (*limit_text() == '\0') return;
  std::signal(SIGSEGV, report_crash_without_memory);
  const auto threads = blas_threads(environment);
  const auto needed = kToStart + threads * kForBlasThread;
  if (has_room(needed)) return;
  std::snprintf(line, sizeof line, "%s: too little memory%s: LibTorch needs %zu MB to start%s\n", program, limit_text(),
                needed / kMebibyte, threads > 0 ? ", and less with OPENBLAS_NUM_THREADS=1" : "");
  end_with(line);
}

void require_threads_and_memory(std::int64_t threads, std::int64_t data_threads, std::int64_t products) {
  // The computing threads exist twice, in OpenMP and in LibTorch's own pool; a few more prepare batches, write files or
  // talk to other processes.
  const auto count = 2 * threads + data_threads + 2;
  std::latch end(1);
  std::vector<std::jthread> started;
  started.reserve(static_cast<std::size_t>(count));
  try {
    for (std::int64_t thread = 0; thread < count; ++thread) started.emplace_back([&end] { end.wait(); });
  } catch (const std::system_error& error) {
    end.count_down();
    throw Error("cannot start " + std::to_string(count) + " threads" + limit_text() + ": " + error.code().message() +
                "; fewer --threads need less");
  } catch (...) {
    end.count_down();
    throw;
  }
  const auto needed = kToCompute + static_cast<std::size_t>(products) * kForBlasThread;
  const bool is_enough = has_room(needed);
  end.count_down();
  if (is_enough) return;
  throw Error("too little memory" + std::string(limit_text()) + ": computing needs " +
              std::to_string(needed / kMebibyte) + " MB more; fewer --threads need less");
}

void explain_crashes(const std::string& program, const std::string& saves_memory) {
  const auto line = program + ": " + out_of_memory_text(saves_memory) + "\n";
  std::snprintf(out_of_memory_line, sizeof out_of_memory_line, "%s", line.c_str());
}

std::string out_of_memory_text(const std::string& saves_memory, const std::string& details) {
  return "out of memory" + (details.empty() ? std::string(limit_text()) : details) + "; " + saves_memory +
         " needs less";
}

}  // namespace glow::tools
