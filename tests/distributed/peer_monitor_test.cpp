// The ranks share a store in memory and a simulated clock, so that no test waits.
#include "distributed/peer_monitor.h"

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

namespace glow::distributed::peer_monitor_test {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 60s, kDeviceTimeout = 600s;
constexpr auto kSilence = 4s;
/// The longest time until all ranks know of a lost rank: the time-out, the investigation and a round for each.
constexpr auto kLongEnough = kTimeout + kSilence + 2 * Heartbeat::kInterval;

class PeerMonitorTest : public ::testing::Test {
 protected:
  struct Process {
    Process(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size,
            std::function<PeerMonitor::TimePoint()> now)
        : heartbeat(store, rank, size),
          board(store, rank),
          monitor(
              heartbeat, board,
              {.timeout = kDeviceTimeout, .heartbeat_timeout = kTimeout, .silence = kSilence, .now = std::move(now)}) {}

    Heartbeat heartbeat;
    FailureBoard board;
    PeerMonitor monitor;
    bool is_running = true;
    /// The failure that a round has returned. The process then runs no more rounds.
    std::optional<std::string> failure;
    /// The verdict of its investigation.
    std::optional<std::string> verdict;
  };

  void start(std::int64_t size) {
    for (std::int64_t rank = 0; rank < size; ++rank) {
      processes_.push_back(std::make_unique<Process>(store_, rank, size, [this] { return now_; }));
    }
    run_for(1s);
  }

  Process& rank(std::size_t index) { return *processes_[index]; }
  PeerMonitor& monitor(std::size_t index) { return rank(index).monitor; }

  void run_for(std::chrono::milliseconds duration) {
    for (const auto end = now_ + duration; now_ < end; now_ += Heartbeat::kInterval) {
      for (const auto& process : processes_) {
        if (process->is_running && !process->failure) process->failure = process->monitor.round();
      }
    }
  }

  /// Investigates a collective that failed on rank `index`.
  std::optional<std::string> diagnose(std::size_t index) {
    monitor(index).investigate("a connection broke",
                               [this, index](const std::string& verdict) { rank(index).verdict = verdict; });
    run_for(kSilence + 2 * Heartbeat::kInterval);
    return rank(index).verdict;
  }

  void expect_no_failure() {
    for (const auto& process : processes_) EXPECT_EQ(process->failure, std::nullopt);
  }

  c10::intrusive_ptr<c10d::Store> store_ = c10::make_intrusive<c10d::HashStore>();
  PeerMonitor::TimePoint now_{};
  std::vector<std::unique_ptr<Process>> processes_;
};

TEST_F(PeerMonitorTest, RankWithoutHeartbeatIsReportedLostOnAllOthers) {
  start(4);
  run_for(2 * kTimeout);
  rank(2).is_running = false;
  run_for(kTimeout);
  expect_no_failure();
  run_for(kLongEnough - kTimeout);
  for (const std::size_t other : {0, 1, 3}) EXPECT_EQ(rank(other).failure, "rank 2 was lost") << other;
}

TEST_F(PeerMonitorTest, RankThatHasLeftIsNotLost) {
  start(2);
  rank(1).heartbeat.write_end();
  rank(1).is_running = false;
  run_for(2 * kLongEnough);
  expect_no_failure();
}

TEST_F(PeerMonitorTest, RankThatRecoversDuringTheInvestigationIsNotLost) {
  start(2);
  rank(1).is_running = false;
  run_for(kTimeout + kSilence / 2);
  rank(1).is_running = true;
  run_for(kLongEnough);
  expect_no_failure();
}

TEST_F(PeerMonitorTest, SuspendedHostLosesNoRank) {
  start(3);
  now_ += 10 * kTimeout;
  run_for(kLongEnough);
  expect_no_failure();
}

TEST_F(PeerMonitorTest, AllSilentRanksAreNamed) {
  start(4);
  rank(0).is_running = rank(2).is_running = false;
  EXPECT_EQ(diagnose(1), "ranks 0, 2 were lost");
}

TEST_F(PeerMonitorTest, LateRankIsNamed) {
  start(3);
  monitor(0).start_collective();
  monitor(1).start_collective();
  EXPECT_EQ(diagnose(0), "rank 2 did not come in time");
}

TEST_F(PeerMonitorTest, VerdictIsTheErrorIfNoRankIsLostOrLate) {
  start(3);
  EXPECT_EQ(diagnose(0), "a collective failed, and no lost rank was found: a connection broke");
}

TEST_F(PeerMonitorTest, RankThatLeftTooEarlyIsNamed) {
  start(3);
  monitor(0).start_collective();
  monitor(1).start_collective();
  rank(2).heartbeat.write_end();
  rank(2).is_running = false;
  EXPECT_EQ(diagnose(0), "rank 2 did not come in time");
}

TEST_F(PeerMonitorTest, PublishedFailureIsTheVerdict) {
  start(3);
  rank(2).is_running = false;
  monitor(0).investigate("a connection broke", [this](const std::string& verdict) { rank(0).verdict = verdict; });
  EXPECT_TRUE(rank(1).board.publish("rank 1 failed"));
  run_for(1s);
  EXPECT_EQ(rank(0).failure, "rank 1 failed");
  // FailureDetector does this to answer the thread that waits for the verdict.
  monitor(0).answer_investigation(*rank(0).failure);
  EXPECT_EQ(rank(0).verdict, "rank 1 failed");
}

TEST_F(PeerMonitorTest, OnlyTheFirstFailureIsPublished) {
  start(3);
  EXPECT_TRUE(rank(1).board.publish("rank 2 was lost"));
  EXPECT_FALSE(rank(0).board.publish("rank 2 was lost"));
  EXPECT_FALSE(rank(0).board.publish("rank 0 failed"));
  EXPECT_EQ(rank(2).board.failure(), "rank 2 was lost");
}

PeerMonitor::DeviceCollective collective(std::function<bool()> is_done) {
  return {[] { return std::exception_ptr(); }, std::move(is_done)};
}

PeerMonitor::DeviceCollective failed_collective() {
  return {[] { return std::make_exception_ptr(std::runtime_error("remote error")); }, [] { return true; }};
}

TEST_F(PeerMonitorTest, UnfinishedDeviceCollectiveIsReported) {
  start(2);
  for (const std::size_t each : {0, 1}) monitor(each).start_collective();
  monitor(0).expect(collective([] { return true; }));
  run_for(2 * kDeviceTimeout);
  expect_no_failure();
  // Rank 1 does not join the second collective.
  monitor(0).start_collective();
  monitor(0).expect(collective([] { return false; }));
  run_for(kDeviceTimeout);
  expect_no_failure();
  run_for(kLongEnough - kTimeout);
  EXPECT_EQ(rank(0).failure, "rank 1 did not come in time");
  EXPECT_EQ(rank(1).failure, "rank 1 did not come in time");
}

TEST_F(PeerMonitorTest, FailedDeviceCollectiveIsReportedAtOnce) {
  start(2);
  for (const std::size_t each : {0, 1}) monitor(each).start_collective();
  monitor(0).expect(failed_collective());
  run_for(kSilence + 3 * Heartbeat::kInterval);
  for (const std::size_t each : {0, 1}) {
    EXPECT_EQ(rank(each).failure,
              "a collective failed, and no lost rank was found: a collective on the device failed: remote error");
  }
}

TEST_F(PeerMonitorTest, LostRankIsTheCauseOfAFailedDeviceCollective) {
  start(3);
  rank(1).is_running = false;
  monitor(0).expect(failed_collective());
  run_for(kSilence + 3 * Heartbeat::kInterval);
  EXPECT_EQ(rank(0).failure, "rank 1 was lost");
  EXPECT_EQ(rank(2).failure, "rank 1 was lost");
}

TEST_F(PeerMonitorTest, DeviceIsAskedAfterTheTimeoutOnly) {
  start(2);
  int asked = 0;
  monitor(0).expect(collective([&] { return ++asked > 0; }));
  run_for(kDeviceTimeout - 1s);
  EXPECT_EQ(asked, 0);
  run_for(2 * kDeviceTimeout);
  EXPECT_EQ(asked, 1);
  monitor(0).expect(collective([&] { return ++asked > 0; }));
  monitor(0).expect(std::nullopt);
  run_for(2 * kDeviceTimeout);
  EXPECT_EQ(asked, 1);
  expect_no_failure();
}

TEST_F(PeerMonitorTest, RankThatStillConnectsIsNotLost) {
  for (std::int64_t each = 0; each < 2; ++each) {
    processes_.push_back(std::make_unique<Process>(store_, each, 2, [this] { return now_; }));
  }
  rank(1).is_running = false;
  run_for(kDeviceTimeout - 1s);
  expect_no_failure();
  rank(1).is_running = true;
  run_for(2 * kTimeout);
  expect_no_failure();
}

}  // namespace
}  // namespace glow::distributed::peer_monitor_test
