// Tests the signal handlers in a loop like that of training: batches are made on another thread, and after each batch
// the progress is shown and the signal is polled. Each case ends its process and therefore runs in a child process.
#include "tools/common/interruption.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <glow/data/prefetcher.h>

#include "tools/common/console.h"

namespace glow::tools::interruption_test {
namespace {

using ::testing::ExitedWithCode;

using Batch = std::vector<std::int64_t>;

/// The signal arrives on the thread that makes batches. Exits as glow-train does.
void train_until(int signal) {
  std::signal(signal, SIG_DFL);  // the parent may ignore it
  save_after_interruptions();
  auto console = Console::of_process();
  StatusLine status(console, /*quiet=*/false);
  data::Prefetcher<Batch> batches(
      [signal](std::int64_t number) {
        if (number == 10) std::raise(signal);
        return Batch(10, number);
      },
      0, 20);
  for (int number = 0; number < 10; ++number) {
    status.show(bar(static_cast<double>(batches.next().back()) / 20));
    status.log("batch " + std::to_string(number));
    if (number < 5) throw_if_interrupted();
  }
  // Only the recorded signal synchronises the threads.
  while (interruption() == 0) std::this_thread::yield();
  try {
    throw_if_interrupted();
  } catch (const Interrupted& interrupted) {
    std::exit(interrupted.exit_code());
  }
}

TEST(Interruption, SignalOnAnyThreadStopsTheLoop) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGPWR}) {
    EXPECT_EXIT(train_until(signal), ExitedWithCode(128 + signal), "batch 9");
  }
}

/// Raises a signal that the parent ignores, then another one. Exits with the number of the recorded signal.
void raise_ignored(int signal) {
  std::signal(signal, SIG_IGN);
  note_interruptions();
  std::raise(signal);
  const int first = interruption();
  std::raise(SIGUSR1);
  std::exit(first != 0 ? 1 : interruption());
}

TEST(Interruption, IgnoredSignalsStayIgnored) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) EXPECT_EXIT(raise_ignored(signal), ExitedWithCode(SIGUSR1), "^$");
}

TEST(Interruption, IsNamedInTheMessage) {
  EXPECT_STREQ(Interrupted(SIGHUP).what(), "stopped by SIGHUP");
  EXPECT_STREQ(Interrupted(SIGTERM).what(), "stopped by SIGTERM");
}

/// Never looks at the signal.
void hang(bool has_work) {
  note_interruptions(std::chrono::seconds(1));
  if (has_work) save_after_interruptions();
  std::raise(SIGTERM);
  std::this_thread::sleep_for(std::chrono::seconds(has_work ? 2 : 60));
  std::exit(7);
}

TEST(Interruption, EndsAHangingProcessThatHasNoWorkToSave) {
  EXPECT_EXIT(hang(/*has_work=*/false), ExitedWithCode(143), "^$");
  EXPECT_EXIT(hang(/*has_work=*/true), ExitedWithCode(7), "^$");
}

/// Two threads raise a signal at the same moment. Exits with the number of the recorded signal.
void interrupt_twice() {
  std::signal(SIGINT, SIG_DFL);
  note_interruptions();
  std::latch ready(2);
  const auto interrupt = [&](int signal) {
    ready.arrive_and_wait();
    std::raise(signal);
  };
  { const std::jthread one(interrupt, SIGINT), other(interrupt, SIGINT); }
  std::exit(interruption());
}

TEST(Interruption, SimultaneousSignalsCountAsOne) {
  for (int attempt = 0; attempt < 5; ++attempt) EXPECT_EXIT(interrupt_twice(), ExitedWithCode(SIGINT), "^$");
}

/// Raises the second signal two seconds after the first.
void interrupt_again(int first, int second) {
  for (const int signal : {first, second}) std::signal(signal, SIG_DFL);
  note_interruptions();
  std::raise(first);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  std::raise(second);
  std::exit(interruption());
}

TEST(Interruption, OnlyALaterSigintExitsAtOnce) {
  EXPECT_EXIT(interrupt_again(SIGINT, SIGINT), ExitedWithCode(130), "^$");
  EXPECT_EXIT(interrupt_again(SIGTERM, SIGINT), ExitedWithCode(130), "^$");
  EXPECT_EXIT(interrupt_again(SIGINT, SIGTERM), ExitedWithCode(SIGINT), "^$");
}

}  // namespace
}  // namespace glow::tools::interruption_test
