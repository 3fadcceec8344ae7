#include "tools/common/interruption.h"

#include <csignal>
#include <string>

#include <unistd.h>

namespace glow::tools {
namespace {

constexpr int kSignalExit = 128;

volatile std::sig_atomic_t noted = 0;

void note(int signal) {
  if (noted != 0) ::_exit(kSignalExit + signal);
  noted = signal;
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
  if (noted != 0) throw Interrupted(noted);
}

}  // namespace glow::tools
