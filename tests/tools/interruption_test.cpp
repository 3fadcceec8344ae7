// What a tool does while it trains, without the training: batches are made on another thread, and between two of them
// it shows how far it is and looks whether a signal came. Each case ends its process, so each has one of its own.
#include "tools/common/interruption.h"

#include <csignal>
#include <cstdlib>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <glow/data/prefetcher.h>

#include "tools/common/status_line.h"

namespace glow::tools {
namespace {

using ::testing::ExitedWithCode;

using Batch = std::vector<std::int64_t>;

/// The signal meets the thread that makes batches; exits as glow-train does.
void train_until(int signal) {
  note_interruptions();
  StatusLine status(/*quiet=*/false);
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
  // With nothing but the note between the threads.
  while (interruption() == 0) std::this_thread::yield();
  try {
    throw_if_interrupted();
  } catch (const Interrupted& interrupted) {
    std::exit(interrupted.exit_code());
  }
}

TEST(Interruption, IsSeenWhicheverThreadItMeets) {
  EXPECT_EXIT(train_until(SIGINT), ExitedWithCode(130), "batch 9");
  EXPECT_EXIT(train_until(SIGTERM), ExitedWithCode(143), "batch 9");
}

/// Two threads raise it at the same moment, and neither ends before both are through.
void interrupt_twice() {
  note_interruptions();
  std::latch ready(2), through(2);
  const auto interrupt = [&] {
    ready.arrive_and_wait();
    std::raise(SIGTERM);
    through.arrive_and_wait();
  };
  std::jthread one(interrupt), other(interrupt);
  one.join();
  other.join();
  std::exit(0);
}

TEST(Interruption, TheSecondOfTwoEndsTheProcessEvenAtTheSameMoment) {
  for (int attempt = 0; attempt < 5; ++attempt) EXPECT_EXIT(interrupt_twice(), ExitedWithCode(143), "^$");
}

}  // namespace
}  // namespace glow::tools
