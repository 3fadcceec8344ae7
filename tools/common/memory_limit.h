#pragma once

#include <cstdint>
#include <string>

namespace glow::tools {

/// For a program's .preinit_array, whose functions run before the constructors of all shared libraries: ends the
/// process with one line and exit code 1 when limits (ulimit -v, -d or -s) leave LibTorch and the BLAS too little
/// memory to start. Otherwise LibTorch's constructors abort, and OpenBLAS tries for ever to allocate memory for each of
/// its threads. Also reports in this way an exception that nothing catches, and a crash when a limit is reached.
void require_memory_to_start(int argument_count, char** arguments, char** environment);

/// Throws Error when the system does not let this process start the threads that computing with `threads` and reading
/// images with `data_threads` threads takes, or when limits then leave too little memory for LibTorch's own data and
/// the BLAS, of which `products` threads at a time compute products. Some libraries wait for ever for threads that
/// could not be started.
void require_threads_and_memory(std::int64_t threads, std::int64_t data_threads, std::int64_t products);

/// Sets the line for a std::bad_alloc that nothing catches and for such a crash: `program`, ": " and
/// out_of_memory_text.
void explain_crashes(const std::string& program, const std::string& saves_memory);

/// "out of memory; a smaller --batch needs less": `saves_memory` is the part before "needs less". Contains `details`,
/// or a limit of this process, if there is one.
std::string out_of_memory_text(const std::string& saves_memory, const std::string& details = {});

}  // namespace glow::tools
