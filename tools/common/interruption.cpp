#include "tools/common/interruption.h"

#include <array>
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
/// Seconds from the first signal to the end of the process; 0: no limit.
std::atomic<unsigned> longest = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free &&
                  std::atomic<unsigned>::is_always_lock_free,
              "a signal handler may not wait");

void note(int signal) {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  const std::int64_t now = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  std::int64_t first = 0;
  if (noted_at.compare_exchange_strong(first, now)) {
    noted = signal;
    ::alarm(longest);
  } else if (signal == SIGINT && now - first > kSameSignal) {
    ::_exit(kSignalExit + signal);
  }
}

void end_at_once(int) {
  if (longest != 0) ::_exit(kSignalExit + noted);
}

struct Announcement {
  int signal;
  const char* name;
};

constexpr std::array<Announcement, 7> kAnnouncements{{{SIGINT, "SIGINT"},
                                                      {SIGTERM, "SIGTERM"},
                                                      {SIGHUP, "SIGHUP"},
                                                      {SIGUSR1, "SIGUSR1"},
                                                      {SIGUSR2, "SIGUSR2"},
                                                      {SIGXCPU, "SIGXCPU"},
                                                      {SIGPWR, "SIGPWR"}}};

std::string name_of(int signal) {
  for (const auto& each : kAnnouncements) {
    if (each.signal == signal) return each.name;
  }
  return "signal " + std::to_string(signal);
}

void handle_signal(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

void install_handlers() {
  handle_signal(SIGALRM, end_at_once);
  for (const auto& each : kAnnouncements) {
    struct sigaction before {};
    if (::sigaction(each.signal, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) continue;
    handle_signal(each.signal, note);
  }
}

}  // namespace

Interrupted::Interrupted(int signal)
    : std::runtime_error("stopped by " + name_of(signal)), exit_code_(kSignalExit + signal) {}

void note_interruptions(std::chrono::seconds patience) {
  longest = static_cast<unsigned>(patience.count());
  install_handlers();
  if (noted != 0) ::alarm(longest);
}

void save_after_interruptions() {
  note_interruptions(std::chrono::seconds(0));
  std::signal(SIGPIPE, SIG_IGN);
}

int interruption() { return noted; }

void throw_if_interrupted() {
  if (const int signal = noted; signal != 0) throw Interrupted(signal);
}

}  // namespace glow::tools
