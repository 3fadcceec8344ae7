#include "tools/common/interruption.h"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <string>

#include <unistd.h>

namespace glow::tools {
namespace {

constexpr int kSignalExit = 128;

/// Launchers pass on a signal that the processes have also received directly. Within this time, in nanoseconds, a
/// second signal counts as a copy of the first.
constexpr std::int64_t kSameSignal = 1'000'000'000;

/// A signal handler can run on any thread, also on the one that makes batches.
std::atomic<int> noted = 0;
/// Time of the first signal in nanoseconds; 0 before it.
std::atomic<std::int64_t> noted_at = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free,
              "a signal handler may not wait");

void note(int signal) {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  const std::int64_t now = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  std::int64_t first = 0;
  if (noted_at.compare_exchange_strong(first, now)) {
    noted = signal;
  } else if (signal == SIGINT && now - first > kSameSignal) {
    ::_exit(kSignalExit + signal);
  }
}

std::string text(int signal) { return signal == SIGINT ? "interrupted" : "terminated"; }

}  // namespace

Interrupted::Interrupted(int signal) : std::runtime_error(text(signal)), exit_code_(kSignalExit + signal) {}

void note_interruptions() {
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

int interruption() { return noted; }

void throw_if_interrupted() {
  if (const int signal = noted; signal != 0) throw Interrupted(signal);
}

}  // namespace glow::tools
