#include "distributed/watch.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

namespace glow::distributed::watch_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// The watches of some processes on a store in memory.
class WatchTest : public ::testing::Test {
 protected:
  ~WatchTest() override {
    for (const auto& watch : watches_) {
      if (watch) watch->end();
    }
  }

  Watch& start(std::int64_t rank, std::int64_t size, std::chrono::milliseconds timeout = 60s) {
    watches_.push_back(Watch::start(
        store_, {.rank = rank, .size = size, .timeout = timeout, .silence = 1500ms, .failed = [this](auto what) {
                   std::call_once(once_, [&] { failed_.set_value(what); });
                 }}));
    return *watches_.back();
  }

  /// What the first of them was told within so long; "" when none was.
  std::string told_within(std::chrono::seconds patience) {
    auto told = failed_.get_future();
    return told.wait_for(patience) == std::future_status::ready ? told.get() : "";
  }

  c10::intrusive_ptr<c10d::Store> store_ = c10::make_intrusive<c10d::HashStore>();
  std::vector<std::shared_ptr<Watch>> watches_;
  std::once_flag once_;
  std::promise<std::string> failed_;
};

TEST_F(WatchTest, WhoIsSilentForTheTimeOutIsLostThoughNobodyWaitsForIt) {
  const auto begin = Clock::now();
  start(0, 2, 2s);
  EXPECT_EQ(told_within(20s), "rank 1 was lost");
  EXPECT_GE(Clock::now() - begin, 2s);
}

TEST_F(WatchTest, WhoHasSaidThatItEndsIsNotLost) {
  start(0, 2, 1s);
  start(1, 2, 1s).end();
  EXPECT_EQ(told_within(4s), "");
}

TEST_F(WatchTest, AllThatAreSilentAreNamed) {
  auto& watch = start(1, 4);
  start(3, 4);
  EXPECT_EQ(watch.blame("a connection broke"), "ranks 0, 2 were lost");
}

TEST_F(WatchTest, WhoLagsBehindIsNamed) {
  auto& watch = start(0, 3);
  auto& other = start(1, 3);
  start(2, 3);
  watch.count();
  other.count();
  EXPECT_EQ(watch.blame("a connection broke"), "rank 2 did not come in time");
}

TEST_F(WatchTest, WhatADeviceDoesNotFinishIsNoticed) {
  auto& watch = start(0, 2, 2s);
  auto& other = start(1, 2, 60s);
  // All come once, and it is done; the second time rank 1 does not come.
  watch.count();
  other.count();
  watch.expect([] { return true; });
  std::this_thread::sleep_for(3s);
  watch.count();
  watch.expect([] { return false; });
  EXPECT_EQ(told_within(20s), "rank 1 did not come in time");
}

TEST_F(WatchTest, WhoLeftTooEarlyIsNamed) {
  auto& watch = start(0, 3);
  auto& other = start(1, 3);
  auto& leaver = start(2, 3);
  watch.count();
  other.count();
  leaver.end();
  EXPECT_EQ(watch.blame("a connection broke"), "rank 2 did not come in time");
}

TEST_F(WatchTest, AFailureThatIsKnownIsToBlame) {
  auto& watch = start(0, 3);
  start(1, 3).announce("rank 1 failed");
  EXPECT_EQ(watch.blame("a connection broke"), "rank 1 failed");
}

/// A store that never answers again once it is told to, as one behind a link that was cut.
class SilentStore : public c10d::HashStore {
 public:
  bool check(const std::vector<std::string>& keys) override {
    while (is_silent) std::this_thread::sleep_for(10ms);
    return HashStore::check(keys);
  }
  std::atomic<bool> is_silent = false;
};

TEST_F(WatchTest, AStoreThatDoesNotAnswerIsNoticedThoughNobodyAsks) {
  const auto store = c10::make_intrusive<SilentStore>();
  store_ = store;
  start(1, 2, 1s).expect([] { return false; });
  store->is_silent = true;
  EXPECT_EQ(told_within(30s), "rank 0 was lost: the store that it or its launcher keeps does not answer");
  store->is_silent = false;
}

TEST_F(WatchTest, AStoreThatDoesNotAnswerHoldsNobody) {
  const auto store = c10::make_intrusive<SilentStore>();
  store_ = store;
  auto& watch = start(1, 2);
  store->is_silent = true;
  const auto begin = Clock::now();
  EXPECT_EQ(watch.blame("a connection broke"),
            "rank 0 was lost: the store that it or its launcher keeps does not answer");
  watch.end();
  EXPECT_LT(Clock::now() - begin, 20s);
  store->is_silent = false;
}

}  // namespace
}  // namespace glow::distributed::watch_test
