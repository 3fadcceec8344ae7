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
  note_interruptions();
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
  EXPECT_EXIT(train_until(SIGINT), ExitedWithCode(130), "batch 9");
  EXPECT_EXIT(train_until(SIGTERM), ExitedWithCode(143), "batch 9");
}

/// Two threads raise a signal at the same moment. Exits with the number of the recorded signal.
void interrupt_twice() {
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
