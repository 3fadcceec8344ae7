// Tests the threads of the detector in real time. peer_monitor_test.cpp tests its decisions.
#include "distributed/failure_detector.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

namespace glow::distributed::failure_detector_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// The detectors of some ranks on a store in memory.
class FailureDetectorTest : public ::testing::Test {
 protected:
  ~FailureDetectorTest() override {
    for (const auto& detector : detectors_) detector->end();
  }

  FailureDetector& start(FailureDetector::Options options) {
    options.silence = 1500ms;
    options.answer_time = 1s;
    options.failed = [this](const std::string& failure) { std::call_once(once_, [&] { failed_.set_value(failure); }); };
    detectors_.push_back(FailureDetector::start(store_, options));
    return *detectors_.back();
  }
  FailureDetector& start(std::int64_t rank, std::int64_t size, std::chrono::milliseconds timeout = 60s) {
    return start({.rank = rank, .size = size, .timeout = timeout});
  }

  /// The argument of the first call of Options::failed within this time; "" without a call.
  std::string failure_within(std::chrono::milliseconds time) {
    auto failure = failed_.get_future();
    return failure.wait_for(time) == std::future_status::ready ? failure.get() : "";
  }

  c10::intrusive_ptr<c10d::Store> store_ = c10::make_intrusive<c10d::HashStore>();
  std::vector<std::shared_ptr<FailureDetector>> detectors_;
  std::once_flag once_;
  std::promise<std::string> failed_;
};

TEST_F(FailureDetectorTest, SilentRankIsReportedWithoutACollective) {
  const auto begin = Clock::now();
  start(0, 2, 1s);
  EXPECT_EQ(failure_within(20s), "rank 1 was lost");
  EXPECT_GE(Clock::now() - begin, 1s);
}

TEST_F(FailureDetectorTest, RankThatHasLeftIsNotLost) {
  start(0, 2, 500ms);
  start(1, 2, 500ms).end();
  EXPECT_EQ(failure_within(3s), "");
}

TEST_F(FailureDetectorTest, DiagnoseNamesTheSilentRanks) {
  auto& detector = start(1, 4);
  start(3, 4);
  EXPECT_EQ(detector.diagnose("a connection broke"), "ranks 0, 2 were lost");
}

TEST_F(FailureDetectorTest, DiagnoseReturnsAnAnnouncedFailure) {
  auto& detector = start(0, 3);
  EXPECT_TRUE(start(1, 3).announce("rank 1 failed"));
  EXPECT_EQ(detector.diagnose("a connection broke"), "rank 1 failed");
  EXPECT_FALSE(detector.announce("rank 0 failed"));
}

TEST_F(FailureDetectorTest, OtherRanksReportAfterTheOneThatFailed) {
  start(0, 2);
  auto told = failed_.get_future();
  int calls = 0;
  const auto report = [&] {
    ++calls;
    EXPECT_EQ(told.wait_for(1s), std::future_status::timeout);  // several rounds of rank 0
  };
  auto& detector = start(1, 2);
  EXPECT_TRUE(detector.announce("rank 1 failed", report));
  EXPECT_FALSE(detector.announce("rank 1 failed again", report));
  EXPECT_EQ(calls, 1);
  ASSERT_EQ(told.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(told.get(), "rank 1 failed");
}

TEST_F(FailureDetectorTest, OtherRanksDoNotWaitForeverForThatReport) {
  start(0, 2);
  auto told = failed_.get_future();
  EXPECT_TRUE(start(1, 2).announce("rank 1 failed", [&] { EXPECT_EQ(told.wait_for(20s), std::future_status::ready); }));
}

TEST_F(FailureDetectorTest, StoreHostEndsAfterTheOthers) {
  auto& host = start({.rank = 0, .size = 2, .is_store_host = true, .timeout = 60s});
  auto& other = start(1, 2);
  const auto end = std::async(std::launch::async, [&] { host.end(); });
  EXPECT_EQ(end.wait_for(700ms), std::future_status::timeout);
  other.end();
  EXPECT_EQ(end.wait_for(20s), std::future_status::ready);
}

/// A store that can stop answering, as behind a broken link, or throw, as if its host had exited.
class UnreliableStore : public c10d::HashStore {
 public:
  bool check(const std::vector<std::string>& keys) override {
    while (is_silent) std::this_thread::sleep_for(10ms);
    if (is_gone) throw std::runtime_error("connection reset by peer");
    return HashStore::check(keys);
  }
  std::atomic<bool> is_silent = false, is_gone = false;
};

class FailureDetectorStoreTest : public FailureDetectorTest {
 protected:
  FailureDetectorStoreTest() { store_ = unreliable_; }
  ~FailureDetectorStoreTest() override { unreliable_->is_silent = false; }

  static constexpr const char* kNoAnswer = "rank 0 was lost: the store that it or its launcher hosts does not answer";
  static constexpr const char* kGone = "rank 0 was lost: the store that it or its launcher hosts is gone";
  c10::intrusive_ptr<UnreliableStore> unreliable_ = c10::make_intrusive<UnreliableStore>();
};

TEST_F(FailureDetectorStoreTest, SilentStoreIsReportedDuringACollective) {
  start(1, 2, 1s).expect(PeerMonitor::DeviceCollective{[] { return std::exception_ptr(); }, [] { return false; }});
  unreliable_->is_silent = true;
  EXPECT_EQ(failure_within(30s), kNoAnswer);
}

TEST_F(FailureDetectorStoreTest, SilentStoreBlocksNoThread) {
  auto& detector = start(1, 2);
  unreliable_->is_silent = true;
  const auto begin = Clock::now();
  EXPECT_EQ(detector.diagnose("a connection broke"), kNoAnswer);
  int calls = 0;
  EXPECT_TRUE(detector.announce("rank 1 failed", [&] { ++calls; }));
  EXPECT_FALSE(detector.announce("rank 1 failed again", [&] { ++calls; }));
  EXPECT_EQ(calls, 1);
  detector.ask_to_stop();
  EXPECT_TRUE(detector.stop_asked());
  detector.end();
  EXPECT_LT(Clock::now() - begin, 10s);
}

TEST_F(FailureDetectorStoreTest, LostStoreIsReported) {
  auto& detector = start(1, 2);
  unreliable_->is_gone = true;
  EXPECT_EQ(failure_within(20s), kGone);
  EXPECT_EQ(detector.diagnose("a connection broke"), kGone);
}

}  // namespace
}  // namespace glow::distributed::failure_detector_test
