#include <glow/data/prefetcher.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "support/throws.h"

namespace glow::data::prefetcher_test {
namespace {

using glow::testing::throws;
using namespace std::chrono_literals;

std::int64_t squared(std::int64_t number) { return number * number; }

/// Gives the background thread time to make a call that it must not make.
void wait_a_moment() { std::this_thread::sleep_for(30ms); }

template <class Condition>
void wait_until(Condition condition) {
  while (!condition()) std::this_thread::sleep_for(1ms);
}

using Memory = std::vector<std::int64_t>;

/// Sleeps for a varying time, so that sometimes the background thread waits and sometimes the consumer.
void dawdle(std::int64_t number) { std::this_thread::sleep_for(10us * (number * 7 % 13)); }

class PrefetcherTest : public ::testing::TestWithParam<std::size_t> {};

TEST_P(PrefetcherTest, ReturnsTheResultsInOrder) {
  Prefetcher<std::int64_t> prefetcher(squared, 5, 300, GetParam());
  for (std::int64_t number = 5; number < 300; ++number) ASSERT_EQ(prefetcher.next(), number * number);
  EXPECT_TRUE(throws<std::logic_error>([&] { prefetcher.next(); }, {"no results are left"}));
}

TEST_P(PrefetcherTest, ComputesAtMostDepthResultsAhead) {
  std::atomic<std::int64_t> calls = 0;
  Prefetcher<std::int64_t> prefetcher([&](std::int64_t number) { return ++calls, number; }, 0, 100, GetParam());
  const auto depth = static_cast<std::int64_t>(GetParam());
  wait_until([&] { return calls == depth; });
  wait_a_moment();
  EXPECT_EQ(calls, depth);
  prefetcher.next();
  wait_until([&] { return calls == depth + 1; });
  wait_a_moment();
  EXPECT_EQ(calls, depth + 1);
}

TEST_P(PrefetcherTest, RethrowsAnExceptionInPlaceOfItsResult) {
  std::atomic<int> calls = 0;
  Prefetcher<std::int64_t> prefetcher(
      [&](std::int64_t number) {
        ++calls;
        if (number == 3) throw FormatError("picture 3 is broken");
        return number;
      },
      0, 10, GetParam());
  for (std::int64_t number = 0; number < 3; ++number) EXPECT_EQ(prefetcher.next(), number);
  for (int attempt = 0; attempt < 2; ++attempt)
    EXPECT_TRUE(throws<FormatError>([&] { prefetcher.next(); }, {"picture 3 is broken"}));
  EXPECT_EQ(calls, 4);
}

// The next three tests are for the thread sanitizer: both threads use memory that only the prefetcher synchronises.

TEST_P(PrefetcherTest, TransfersResultsIfEitherThreadIsFaster) {
  for (const auto& [producing, consuming] : {std::pair{0, 1}, std::pair{1, 0}, std::pair{1, 3}}) {
    Memory begun;
    Prefetcher<Memory> prefetcher(
        [&begun, producing = producing](std::int64_t number) {
          dawdle(producing * number);
          begun.push_back(number);
          return Memory(100, number);
        },
        0, 200, GetParam());
    for (std::int64_t number = 0; number < 200; ++number) {
      ASSERT_EQ(prefetcher.next(), Memory(100, number));
      dawdle(consuming * number);
    }
    EXPECT_EQ(begun.size(), 200U);
  }
}

TEST_P(PrefetcherTest, CanBeDestroyedAtAnyTime) {
  for (std::int64_t moment = 0; moment < 100; ++moment) {
    Memory begun;
    {
      Prefetcher<Memory> prefetcher(
          [&](std::int64_t number) {
            begun.push_back(number);
            dawdle(number);
            return Memory(100, number);
          },
          0, moment % 9, GetParam());
      for (std::int64_t number = 0; number < moment % 5 && number < moment % 9; ++number) prefetcher.next();
      dawdle(moment);
    }
    EXPECT_GE(begun.size(), static_cast<std::size_t>(std::min(moment % 5, moment % 9)));
  }
}

TEST_P(PrefetcherTest, CanBeDestroyedBeforeOrAfterAnExceptionIsRethrown) {
  for (std::int64_t moment = 0; moment < 100; ++moment) {
    Memory begun;
    Prefetcher<Memory> prefetcher(
        [&](std::int64_t number) {
          begun.push_back(number);
          if (number == 3) throw FormatError("picture " + std::to_string(number) + " is broken");
          return Memory(100, number);
        },
        0, 10, GetParam());
    for (std::int64_t number = 0; number < moment % 4; ++number) prefetcher.next();
    if (moment % 4 == 3) {
      EXPECT_TRUE(throws<FormatError>([&] { prefetcher.next(); }, {"picture 3 is broken"}));
      EXPECT_EQ(begun.size(), 4U);
    }
    dawdle(moment);
  }
}

INSTANTIATE_TEST_SUITE_P(Depths, PrefetcherTest, ::testing::Values(1, 2, 7));

TEST(PrefetcherTest, CanBeDestroyedWhileItWaitsForRoom) {
  std::atomic<int> calls = 0;
  {
    Prefetcher<std::int64_t> prefetcher([&](std::int64_t number) { return ++calls, number; }, 0, 1000, 2);
    wait_until([&] { return calls == 2; });
    wait_a_moment();
  }
  EXPECT_EQ(calls, 2);
}

TEST(PrefetcherTest, DestructorWaitsForTheCurrentCallOnly) {
  std::atomic<int> started = 0, finished = 0;
  {
    Prefetcher<int> prefetcher(
        [&](std::int64_t) {
          ++started;
          wait_a_moment();
          return ++finished;
        },
        0, 1000, 1000);
    wait_until([&] { return started == 1; });
  }
  EXPECT_EQ(finished, started);
  EXPECT_LE(started, 2);
}

TEST(PrefetcherTest, SupportsMoveOnlyResults) {
  Prefetcher<std::unique_ptr<std::int64_t>> prefetcher(
      [](std::int64_t number) { return std::make_unique<std::int64_t>(number); }, 0, 2);
  EXPECT_EQ(*prefetcher.next(), 0);
  EXPECT_EQ(*prefetcher.next(), 1);
}

TEST(PrefetcherTest, EmptyRangeHasNoResults) {
  Prefetcher<std::int64_t> prefetcher(squared, 4, 4);
  EXPECT_THROW(prefetcher.next(), std::logic_error);
}

TEST(PrefetcherTest, RefusesDepthZero) {
  EXPECT_TRUE(throws<ConfigError>([] { Prefetcher<std::int64_t>(squared, 0, 1, 0); }, {"depth", "is 0"}));
}

}  // namespace
}  // namespace glow::data::prefetcher_test
