#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/files.h"
#include "support/temporary_directory.h"

namespace glow::testing {

/// The result of a program, or of a tool that was called in this process.
struct Outcome {
  /// -1 when a signal ended the program.
  int exit_code = -1;
  std::string out;
  std::string err;
  /// The peak of a program's resident memory, mapped files included.
  std::int64_t peak_bytes = 0;
};

struct ProcessOptions {
  /// The program is killed if it runs longer.
  std::chrono::seconds timeout{100};
  /// The maximum size of a file that the program writes, in bytes (RLIMIT_FSIZE).
  std::optional<rlim_t> file_size = std::nullopt;
  /// Whether the program's standard error is a terminal.
  bool on_terminal = false;
};

/// A program that runs in parallel to the test.
class Process {
 public:
  /// Starts command[0], a path, with the rest as its arguments.
  explicit Process(const std::vector<std::string>& command, ProcessOptions options = {}) : options_(options) {
    const int out = open_file("out", O_WRONLY | O_CREAT);
    const int err = options_.on_terminal ? open_terminal() : open_file("err", O_WRONLY | O_CREAT);
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    id_ = ::fork();
    if (id_ == 0) run_child(arguments, out, err);
    ::close(out);
    ::close(err);
    if (id_ < 0) fail("fork");
  }
  ~Process() {
    if (id_ > 0) {
      ::kill(id_, SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
    if (terminal_ >= 0) ::close(terminal_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Does nothing after the program's end: kill(-1) would signal every process of the machine.
  void send(int signal) const {
    if (id_ > 0) ::kill(id_, signal);
  }

  /// Suspends the program until SIGCONT. Signals sent in the meantime are delivered together then.
  void pause() const {
    if (id_ <= 0) return;
    send(SIGSTOP);
    int ignored = 0;
    ::waitpid(id_, &ignored, WUNTRACED);
  }

  /// Waits until the program's standard error contains `text`; false if it ended first or timed out.
  bool wait_for(const std::string& text) {
    return wait_until([&] { return err().find(text) != std::string::npos; });
  }

  /// Waits until `holds()`; false if the program ended first or timed out.
  template <class Condition>
  bool wait_until(Condition&& holds) {
    return poll(holds);
  }

  /// The program's standard output so far.
  std::string out() const { return get(files_ / "out"); }
  /// The program's standard error so far.
  std::string err() {
    char buffer[4096];
    for (ssize_t count; terminal_ >= 0 && (count = ::read(terminal_, buffer, sizeof buffer)) > 0;) {
      terminal_text_.append(buffer, static_cast<std::size_t>(count));
    }
    return terminal_ >= 0 ? terminal_text_ : get(files_ / "err");
  }

  /// Waits for the program's end.
  Outcome wait() {
    poll([] { return false; });
    return {exit_code_, get(files_ / "out"), err(), peak_bytes_};
  }

 private:
  [[noreturn]] static void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

  int open_file(const char* name, int flags) const {
    const int file = ::open((files_ / name).c_str(), flags | O_CLOEXEC, 0600);
    if (file < 0) fail(name);
    return file;
  }

  /// Opens a terminal: returns the program's end and keeps the other as terminal_.
  int open_terminal() {
    terminal_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (terminal_ < 0 || ::grantpt(terminal_) != 0 || ::unlockpt(terminal_) != 0) fail("terminal");
    const int end = ::open(::ptsname(terminal_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (end < 0) fail("terminal");
    return end;
  }

  /// Calls only functions that are safe between fork and exec.
  [[noreturn]] void run_child(const std::vector<char*>& arguments, int out, int err) const {
    const int in = ::open("/dev/null", O_RDONLY);
    // They may be ignored in this process, under nohup for example.
    for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU}) ::signal(signal, SIG_DFL);
    if (options_.file_size) {
      const rlimit limit{*options_.file_size, *options_.file_size};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }

  /// Waits until `is_done()` or until the program ends; returns whether `is_done()`.
  template <class IsDone>
  bool poll(IsDone&& is_done) {
    const auto end = std::chrono::steady_clock::now() + options_.timeout;
    while (id_ > 0) {
      err();  // drains the terminal, which would block the program when full
      int status = 0;
      rusage usage{};
      const bool ended = ::wait4(id_, &status, WNOHANG, &usage) == id_;
      peak_bytes_ = usage.ru_maxrss * 1024;
      if (is_done()) {
        if (ended) note_end(status);
        return true;
      }
      if (ended) {
        note_end(status);
      } else if (std::chrono::steady_clock::now() > end) {
        send(SIGKILL);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  void note_end(int status) {
    id_ = -1;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  ProcessOptions options_;
  TemporaryDirectory files_;
  pid_t id_ = -1;
  int terminal_ = -1;
  std::string terminal_text_;
  int exit_code_ = -1;
  std::int64_t peak_bytes_ = 0;
};

/// Runs a program until it ends.
inline Outcome run_process(const std::vector<std::string>& command, ProcessOptions options = {}) {
  return Process(command, options).wait();
}

}  // namespace glow::testing
