#include "tools/common/interruption.h"

#include <atomic>
#include <csignal>
#include <string>

#include <unistd.h>

namespace glow::tools {
namespace {

constexpr int kSignalExit = 128;

/// A signal meets any thread, the one that makes batches too.
std::atomic<int> noted = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may not wait");

void note(int signal) {
  if (noted.exchange(signal) != 0) ::_exit(kSignalExit + signal);
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
