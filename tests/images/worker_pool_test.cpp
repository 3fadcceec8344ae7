#include <glow/images/worker_pool.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"

namespace glow::images::worker_pool_test {
namespace {

using glow::testing::throws;

class WorkerPoolThreads : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(WorkerPoolThreads, RunEveryTaskOnce) {
  WorkerPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  for (const std::int64_t count : {0, 1, 2, 1000}) {
    std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
    pool.run(count, [&](std::int64_t number) { ++calls[static_cast<std::size_t>(number)]; });
    for (const auto& number : calls) EXPECT_EQ(number, 1);
  }
}

TEST_P(WorkerPoolThreads, RethrowTheFirstErrorAndGoOn) {
  WorkerPool pool(GetParam());
  std::atomic<std::int64_t> calls = 0;
  const auto task = [&](std::int64_t number) {
    ++calls;
    if (number >= 3) throw std::runtime_error(std::to_string(number));
    // The tasks after this one fail while it runs.
    if (number == 2) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  for (int repeat = 0; repeat < 3; ++repeat) {
    EXPECT_TRUE(throws<std::runtime_error>([&] { pool.run(1000, task); }, {"3"}));
  }
  EXPECT_LE(calls, 3 * (3 + GetParam()));
  pool.run(3, [&](std::int64_t) { ++calls; });
}

INSTANTIATE_TEST_SUITE_P(WorkerPool, WorkerPoolThreads, ::testing::Values(1, 2, 5));

TEST(WorkerPool, UsesItsThreadsAtTheSameTime) {
  WorkerPool pool(3);
  std::atomic<int> arrived = 0;
  // Each task waits for the others, so that fewer threads would never finish.
  pool.run(3, [&](std::int64_t) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 3);
}

TEST(WorkerPool, MayBeUsedBySeveralThreads) {
  WorkerPool pool(2);
  std::atomic<std::int64_t> sum = 0;
  const auto add = [&] {
    for (int repeat = 0; repeat < 50; ++repeat) pool.run(10, [&](std::int64_t number) { sum += number; });
  };
  { const std::jthread first(add), second(add); }
  EXPECT_EQ(sum, 2 * 50 * 45);
}

TEST(WorkerPool, RefusesNumbersOfThreads) {
  for (const std::int64_t threads : {-1, 0, 1025}) {
    EXPECT_TRUE(throws<ConfigError>([&] { WorkerPool pool(threads); }, {"data_threads"})) << threads;
  }
}

TEST(WorkerPool, OfTheProcessHasTheThreadsAskedFor) {
  use_data_threads(3);
  const auto three = data_workers();
  EXPECT_EQ(three->threads(), 3);
  EXPECT_EQ(data_workers(), three);
  use_data_threads(0);
  EXPECT_GE(data_workers()->threads(), 1);
  EXPECT_EQ(three->threads(), 3);
  EXPECT_TRUE(throws<ConfigError>([] { use_data_threads(-1); }, {"data_threads"}));
}

}  // namespace
}  // namespace glow::images::worker_pool_test
