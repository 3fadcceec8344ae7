// Tests processes of a run that are killed, fail, hang, lose their connection or are started differently.
// GLOW_TEST_KILLS is the number of kills at random moments, 2 by default.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <glow/io/image.h>

#include "support/pictures.h"
#include "support/train_ranks.h"
#include "support/two_hosts.h"

namespace glow::testing::train_processes_lost_test {
namespace {

namespace fs = std::filesystem;

class GlowTrainLost : public TrainRanks {
 protected:
  static int kills() {
    const char* count = std::getenv("GLOW_TEST_KILLS");
    return count != nullptr ? std::atoi(count) : 2;
  }
};

TEST_F(GlowTrainLost, OtherRanksNameAKilledRank) {
  Ranks ranks(3);
  start(ranks, 3);
  ranks[1].send(SIGKILL);
  const auto start = std::chrono::steady_clock::now();
  const auto outcomes = ranks.wait();
  // Much less than the time-out of 30 seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  for (const auto rank : {0, 2}) {
    EXPECT_TRUE(
        ended(outcomes[static_cast<std::size_t>(rank)], 1, "rank " + std::to_string(rank) + ": rank 1 was lost"));
  }
  expect_that_it_goes_on();
}

TEST_F(GlowTrainLost, OtherRanksNameTheKilledStoreHost) {
  Ranks ranks(3);
  start(ranks, 3);
  ranks[0].send(SIGKILL);
  const auto outcomes = ranks.wait();
  EXPECT_TRUE(ended(outcomes[1], 1, "rank 1: rank 0 was lost"));
  EXPECT_TRUE(ended(outcomes[2], 1, "rank 2: rank 0 was lost"));
  expect_that_it_goes_on();
}

TEST_F(GlowTrainLost, OtherRanksNameAHangingRank) {
  Ranks ranks(2);
  start(ranks, 2, {"--process-timeout", "6"});
  ranks[1].pause();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(ended(ranks[0].wait(), 1, "rank 1 was lost"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(6 + 20));
  ranks[1].send(SIGKILL);
  expect_that_it_goes_on();
}

TEST_F(GlowTrainLost, RandomKillsDamageNoFile) {
  // Evaluations, samples and checkpoints are about as frequent as steps, so that kills hit all of them.
  const Arguments busy{"--steps", "1000000", "--eval-every", "1", "--sample-every", "2", "--checkpoint-every", "1"};
  std::mt19937 random(1);
  std::uniform_int_distribution<int> milliseconds(0, 150);
  for (int kill = 0; kill < kills(); ++kill) {
    const auto begin = newest_step(run_);
    Ranks ranks(2);
    ranks.start_rest(flags(busy + (kill > 0 ? Arguments{"--resume"} : Arguments{})));
    ASSERT_TRUE(ranks[0].wait_until([&] { return newest_step(run_) > begin + 1; })) << ranks[0].err();
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    const std::size_t lost = kill % 2, other = 1 - lost;
    ranks[lost].send(SIGKILL);
    EXPECT_TRUE(ended(ranks.wait()[other], 1, "rank " + std::to_string(lost) + " was lost")) << "kill " << kill;
  }
  expect_that_it_goes_on();
}

TEST_F(GlowTrainLost, ErrorDuringTrainingIsReportedOnceWithItsRankAndCostsNoStep) {
  // The path is relative to each process's working directory, so that only one of them can miss a picture.
  for (const auto* place : {"here", "elsewhere"}) {
    const auto pictures = directory_ / place / "pictures";
    for (std::uint32_t i = 0; i < 24; ++i) {
      put_picture(pictures / (std::to_string(100 + i) + ".png"), make_picture(8, 8, 1, i));
    }
  }
  auto arguments = flags({"--steps", "1000000", "--image-size", "8", "--checkpoint-every", "0", "--log-every", "1"});
  arguments[2] = "folder:pictures";
  const auto steps_logged = [&] {
    return fs::exists(run_ / "metrics.jsonl") ? std::ranges::count(get(run_ / "metrics.jsonl"), '\n') : 0;
  };
  Ranks ranks(2);
  for (const auto* place : {"here", "elsewhere"}) {
    ranks.start(arguments, {"/usr/bin/env", "-C", (directory_ / place).string()});
  }
  ASSERT_TRUE(ranks[0].wait_until([&] { return steps_logged() >= 2; })) << ranks[0].err();
  fs::remove_all(directory_ / "elsewhere" / "pictures");
  const auto outcomes = ranks.wait();
  EXPECT_TRUE(ended(outcomes[1], 1, "rank 1: cannot read pictures/"));
  EXPECT_TRUE(ended(outcomes[0], 1, "rank 0: rank 1 failed"));
  EXPECT_GE(newest_step(run_), 2);
  EXPECT_EQ(newest_step(run_), steps_logged());
}

TEST_F(GlowTrainLost, TornValidationImageOfAnotherRankCostsNoStep) {
  const auto pictures = directory_ / "pictures";
  for (std::uint32_t i = 0; i < 24; ++i)
    put_picture(pictures / "train" / (std::to_string(100 + i) + ".png"), make_picture(8, 8, 1, i));
  // Rank 0 reads the first images for its monitors too.
  for (std::uint32_t i = 0; i < 200; ++i)
    put_picture(pictures / "valid" / (std::to_string(100 + i) + ".png"), make_picture(8, 8, 1, i));
  const auto torn = pictures / "valid" / "299.png";
  put(torn, get(torn).substr(0, get(torn).size() - 30));
  auto arguments =
      flags({"--steps", "8", "--image-size", "8", "--checkpoint-every", "0", "--eval-every", "4", "--valid-images=-1"});
  arguments[2] = "folder:" + pictures.string();
  Ranks ranks(2);
  ranks.start(arguments);
  ranks.start(arguments);
  const auto outcomes = ranks.wait();
  EXPECT_TRUE(ended(outcomes[1], 1, "rank 1: " + torn.string() + ": not a whole PNG file"));
  EXPECT_TRUE(ended(outcomes[0], 1, "rank 0: rank 1 failed"));
  EXPECT_EQ(newest_step(run_), 4);
}

TEST_F(GlowTrainLost, ErrorAtTheStartIsReportedOnceWithItsRank) {
  // The path is relative to each process's working directory, so that only one of them has the data.
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

TEST_F(GlowTrainLost, RefusesDifferentFlagsByName) {
  Ranks ranks(2);
  ranks.start(flags({"--steps", "4"}));
  ranks.start(flags({"--steps", "4", "--lr", "0.5"}));
  const auto outcomes = ranks.wait();
  // All processes fail, and only rank 0 reports the reason.
  EXPECT_TRUE(ended(outcomes[0], 2, "glow-train: rank 1 has lr 0.5, rank 0 has 0.001"));
  EXPECT_EQ(outcomes[1].exit_code, 2);
  EXPECT_EQ(outcomes[1].err, "");
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(GlowTrainLost, DryRunMeasuresStepsOfAllProcesses) {
  Ranks ranks(2);
  for (int rank = 0; rank < 2; ++rank) {
    auto arguments = flags({"--steps", "4", "--dry-run"});
    std::erase(arguments, "--quiet");
    ranks.start(arguments);
  }
  const auto outcomes = ranks.wait();
  for (const auto& outcome : outcomes) EXPECT_TRUE(succeeded(outcome));
  EXPECT_NE(outcomes[0].out.find("time         about "), std::string::npos) << outcomes[0].out;
  EXPECT_EQ(outcomes[1].out, "");
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(GlowTrainLost, RefusesDifferentStartModesByName) {
  Ranks ranks(2);
  ranks.start(flags({"--steps", "4"}));
  ranks.start(flags({"--steps", "4", "--dry-run"}));
  EXPECT_TRUE(ended(ranks.wait()[0], 2, "rank 1 has dry-run true, rank 0 has false"));
}

TEST_F(GlowTrainLost, RefusesDifferentModelFiles) {
  for (const auto* seed : {"1", "2"}) {
    const auto out = directory_ / seed;
    fs::create_directories(out);
    const auto arguments = train_flags({"--steps", "1", "--seed", seed, "--out", (out / "run").string()});
    ASSERT_TRUE(succeeded(train(arguments)));
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
  EXPECT_TRUE(ended(ranks.wait()[0], 2, "rank 1 has the model file"));
  EXPECT_FALSE(fs::exists(other_run));
}

TEST_F(GlowTrainLost, MissingRankEndsTheStartAfterTheTimeout) {
  Ranks ranks(2);
  auto arguments = flags({"--steps", "4"});
  ranks.start(arguments + Arguments{"--start-timeout", "1"});
  const auto outcome = ranks.wait()[0];
  const auto missing = "rank 0: waited 1 s for rank 1 at 127.0.0.1:" + std::to_string(ranks.port());
  EXPECT_TRUE(ended(outcome, 1, missing));
  for (const auto* part :
       {"(RANK=0, WORLD_SIZE=2)", "unset RANK WORLD_SIZE", "(--start-timeout SECONDS waits longer; "}) {
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  }
}

TEST_F(GlowTrainLost, WrongFlagIsReportedIfTheProcessesDoNotMeet) {
  const auto outcome = run_process(Arguments{"/usr/bin/env", "RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1",
                                             "MASTER_PORT=" + std::to_string(free_port())} +
                                   command("glow-eval", {"--wrst", "1", "--start-timeout", "1"}));
  EXPECT_TRUE(failed(outcome, "glow-eval", 2,
                     {"rank 1: unknown flag --wrst (did you mean --worst?); the processes did not meet either: waited "
                      "1 s for rank 0 at "}));
}

TEST_F(GlowTrainLost, HelpNeedsNoOtherProcess) {
  for (const auto* flag : {"-h", "--version"}) {
    const auto outcome = run_process(Arguments{"/usr/bin/env", "-u", "MASTER_ADDR", "RANK=0", "WORLD_SIZE=2"} +
                                     command("glow-eval", {flag}));
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_NE(outcome.out.find("glow-eval "), std::string::npos) << outcome.out;
  }
}

TEST_F(GlowTrainLost, BrokenLinkIsNoticedOnBothSides) {
  const TwoHosts hosts;
  if (!hosts.are_there()) GTEST_SKIP() << "cannot make two hosts here: " << hosts.why_not();
  Ranks ranks(2, hosts.address(0));
  for (const auto host : {0, 1}) ranks.start(flags({"--steps", "1000000", "--process-timeout", "6"}), hosts.on(host));
  ASSERT_TRUE(ranks[0].wait_until([&] { return newest_step(run_) >= 4; })) << ranks[0].err();
  hosts.cut();
  const auto start = std::chrono::steady_clock::now();
  const auto outcomes = ranks.wait();
  // The time-out, and the time to find out which rank was lost.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(6 + 20));
  EXPECT_TRUE(ended(outcomes[0], 1, "rank 0: rank 1 was lost"));
  EXPECT_TRUE(ended(outcomes[1], 1, "rank 1: rank 0 was lost"));
  expect_that_it_goes_on();
}

}  // namespace
}  // namespace glow::testing::train_processes_lost_test
