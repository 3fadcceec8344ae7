// Processes of a run that are killed, fail, are stopped, cut off or started differently.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/processes.h"
#include "support/runs.h"
#include "support/two_hosts.h"

namespace glow::testing {
namespace {

namespace fs = std::filesystem;

class GlowTrainLost : public ::testing::Test {
 protected:
  Arguments flags(const Arguments& more = {}) const {
    return command("glow-train", Arguments{"--data", "npy:" + images_.string(), "--out", run_.string(), "--log-every",
                                           "1", "--eval-every", "0", "--sample-every", "0", "--checkpoint-every", "2",
                                           "--quiet", "--process-timeout", "30"} +
                                     tiny_model() + more);
  }

  /// Starts so many processes on a run without end, and waits until they train.
  void start(Ranks& ranks, std::int64_t count, const Arguments& more = {}) const {
    for (std::int64_t rank = 0; rank < count; ++rank) ranks.start(flags(Arguments{"--steps", "1000000"} + more));
    EXPECT_TRUE(ranks[0].wait_until([&] { return newest_step(run_) >= 4; })) << ranks[0].err();
  }

  /// Whether a process ended with `code` and one line that holds `part`.
  static ::testing::AssertionResult ended(const Outcome& outcome, int code, const std::string& part) {
    return failed(outcome, "glow-train", code, {part});
  }

  /// Every checkpoint is whole, and a process alone goes on with the newest.
  void expect_that_it_goes_on() const {
    const auto end = newest_step(run_) + 2;
    EXPECT_TRUE(succeeded(run(flags({"--resume", "--steps", std::to_string(end)}))));
    EXPECT_EQ(newest_step(run_), end);
  }

  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
  fs::path run_ = directory_ / "run";
};

TEST_F(GlowTrainLost, TheOthersNameAKilledProcess) {
  Ranks ranks(3);
  start(ranks, 3);
  ranks[1].send(SIGKILL);
  const auto outcomes = ranks.wait();
  for (const auto rank : {0, 2}) {
    EXPECT_TRUE(
        ended(outcomes[static_cast<std::size_t>(rank)], 1, "rank " + std::to_string(rank) + ": rank 1 was lost"));
  }
  expect_that_it_goes_on();
}

TEST_F(GlowTrainLost, TheOthersNameTheKilledProcessThatKeepsTheStore) {
  Ranks ranks(3);
  start(ranks, 3);
  ranks[0].send(SIGKILL);
  const auto outcomes = ranks.wait();
  EXPECT_TRUE(ended(outcomes[1], 1, "rank 1: rank 0 was lost"));
  EXPECT_TRUE(ended(outcomes[2], 1, "rank 2: rank 0 was lost"));
  expect_that_it_goes_on();
}

TEST_F(GlowTrainLost, TheOthersNameAProcessThatStandsStill) {
  Ranks ranks(2);
  start(ranks, 2, {"--process-timeout", "6"});
  ranks[1].pause();
  EXPECT_TRUE(ended(ranks[0].wait(), 1, "rank 1 was lost"));
  ranks[1].send(SIGKILL);
  expect_that_it_goes_on();
}

TEST_F(GlowTrainLost, AnErrorIsReportedOnceWithItsRank) {
  // Relative to where each process starts, the data are there for one of them only.
  fs::create_directories(directory_ / "here");
  fs::create_directories(directory_ / "elsewhere");
  put_images(directory_ / "here" / "images.npy", {40, 8, 8});
  auto arguments = flags({"--steps", "4"});
  arguments[2] = "npy:images.npy";
  Ranks ranks(2);
  const auto in = [&](const char* folder) { return Arguments{"/usr/bin/env", "-C", (directory_ / folder).string()}; };
  ranks.start(arguments, in("here"));
  ranks.start(arguments, in("elsewhere"));
  const auto outcomes = ranks.wait();
  EXPECT_TRUE(ended(outcomes[1], 1, "rank 1: cannot read images.npy"));
  EXPECT_TRUE(ended(outcomes[0], 1, "rank 0: rank 1 failed"));
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(GlowTrainLost, OtherFlagsAreRefusedByName) {
  Ranks ranks(2);
  ranks.start(flags({"--steps", "4"}));
  ranks.start(flags({"--steps", "4", "--lr", "0.5"}));
  const auto outcomes = ranks.wait();
  const std::string reason = "rank 1 has lr 0.5, rank 0 has 0.001";
  EXPECT_TRUE((outcomes[0].err + outcomes[1].err).find(reason) != std::string::npos)
      << outcomes[0].err << outcomes[1].err;
  for (const auto& outcome : outcomes) {
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(GlowTrainLost, AnotherKindOfStartIsRefusedByName) {
  Ranks ranks(2);
  ranks.start(flags({"--steps", "4"}));
  ranks.start(flags({"--steps", "4", "--dry-run"}));
  const auto outcomes = ranks.wait();
  EXPECT_NE((outcomes[0].err + outcomes[1].err).find("rank 1 has dry-run true, rank 0 has false"), std::string::npos)
      << outcomes[0].err << outcomes[1].err;
}

TEST_F(GlowTrainLost, AnotherModelFileIsRefusedByName) {
  for (const auto* seed : {"1", "2"}) {
    const auto out = directory_ / seed;
    fs::create_directories(out);
    auto arguments = flags({"--steps", "1", "--seed", seed});
    arguments[4] = (out / "run").string();
    ASSERT_TRUE(succeeded(run(arguments)));
    fs::copy(out / "run" / "model.safetensors", out / "start.safetensors");
  }
  const auto other_run = directory_ / "from-models";
  Ranks ranks(2);
  for (const auto* seed : {"1", "2"}) {
    ranks.start(command("glow-train", {"--data", "npy:" + images_.string(), "--init-from", "start.safetensors", "--out",
                                       other_run.string(), "--batch", "8", "--valid-images", "8", "--threads", "1",
                                       "--steps", "2", "--quiet"}),
                {"/usr/bin/env", "-C", (directory_ / seed).string()});
  }
  const auto outcomes = ranks.wait();
  EXPECT_NE((outcomes[0].err + outcomes[1].err).find("rank 1 has the model file"), std::string::npos)
      << outcomes[0].err << outcomes[1].err;
  EXPECT_FALSE(fs::exists(other_run));
}

TEST_F(GlowTrainLost, AProcessThatNeverComesIsWaitedForNoLongerThanAsked) {
  Ranks ranks(2);
  auto arguments = flags({"--steps", "4"});
  ranks.start(arguments + Arguments{"--process-timeout", "3"});
  const auto outcome = ranks.wait()[0];
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.err.find("glow-train: rank 0: the processes did not meet at 127.0.0.1:"), std::string::npos)
      << outcome.err;
}

TEST_F(GlowTrainLost, ASignalToOneStopsAllBehindOneCheckpoint) {
  Ranks ranks(2);
  start(ranks, 2);
  ranks[1].send(SIGTERM);
  const auto outcomes = ranks.wait();
  EXPECT_TRUE(ended(outcomes[0], 143, "terminated"));
  EXPECT_EQ(outcomes[1].exit_code, 143) << outcomes[1].err;
  EXPECT_EQ(outcomes[1].err, "");
  expect_that_it_goes_on();
}

/// With torchrun's own store, or with one that rank 0 keeps.
class GlowTrainTorchrun : public GlowTrainLost, public ::testing::WithParamInterface<const char*> {};

TEST_P(GlowTrainTorchrun, StartsItAgainAndItGoesOnByItself) {
  const std::string torchrun = GLOW_TORCHRUN;
  if (torchrun.empty()) GTEST_SKIP() << "there is no torchrun of this LibTorch";
  // Redirected, and shown all the same: with neither, Debian's torchrun and its Python do not get along.
  Arguments start{torchrun,
                  "--no_python",
                  "--nproc_per_node",
                  "2",
                  "--max_restarts",
                  "2",
                  "--monitor_interval",
                  "0.2",
                  "-r",
                  "1",
                  "-t",
                  "1",
                  "--rdzv_backend",
                  GetParam()};
  const auto port = std::to_string(free_port());
  start = start + (std::string(GetParam()) == "static" ? Arguments{"--master_port", port}
                                                       : Arguments{"--rdzv_endpoint", "127.0.0.1:" + port});
  Process launcher(start + flags({"--steps", "400", "--checkpoint-every", "20"}));
  ASSERT_TRUE(launcher.wait_until([&] { return newest_step(run_) >= 20; })) << launcher.err();
  // The oldest of its processes, which is that of rank 0 or 1.
  const auto killed =
      run({"/bin/sh", "-c", "pkill -KILL -o -f '^" + command("glow-train", {})[0] + " .*" + run_.string() + "'"});
  ASSERT_EQ(killed.exit_code, 0) << "it was over before";
  const auto outcome = launcher.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(newest_step(run_), 400);
  EXPECT_NE(outcome.err.find(" was lost"), std::string::npos) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainTorchrun, ::testing::Values("static", "c10d"),
                         [](const auto& test) { return test.param; });

TEST_F(GlowTrainLost, ACutLinkIsNoticedOnBothSides) {
  const TwoHosts hosts;
  if (!hosts.are_there()) GTEST_SKIP() << "cannot make two hosts here: " << hosts.why_not();
  Ranks ranks(2, hosts.address(0));
  for (const auto host : {0, 1}) ranks.start(flags({"--steps", "1000000", "--process-timeout", "6"}), hosts.on(host));
  ASSERT_TRUE(ranks[0].wait_until([&] { return newest_step(run_) >= 4; })) << ranks[0].err();
  hosts.cut();
  const auto start = std::chrono::steady_clock::now();
  const auto outcomes = ranks.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_TRUE(ended(outcomes[0], 1, "rank 0: rank 1 was lost"));
  EXPECT_TRUE(ended(outcomes[1], 1, "rank 1: rank 0 was lost"));
  expect_that_it_goes_on();
}

}  // namespace
}  // namespace glow::testing
