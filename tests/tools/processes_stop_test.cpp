// Stops one of several processes of a run or an evaluation by a signal, and tests runs that resume automatically when
// a launcher restarts them.
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/train_ranks.h"

namespace glow::testing::processes_stop_test {
namespace {

namespace fs = std::filesystem;

class GlowTrainStop : public TrainRanks {
 protected:
  /// A command prefix for a process that a launcher has restarted `times` times.
  static Arguments restarted(int times) {
    return {"/usr/bin/env", "TORCHELASTIC_RESTART_COUNT=" + std::to_string(times)};
  }

  /// Expects that rank 0 reported the reason and the others reported nothing.
  static void expect_all_terminated(const std::vector<Outcome>& outcomes) {
    for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
      EXPECT_EQ(outcomes[rank].exit_code, 143) << "rank " << rank << ": " << outcomes[rank].err;
    }
    for (std::size_t rank = 1; rank < outcomes.size(); ++rank) EXPECT_EQ(outcomes[rank].err, "");
    EXPECT_NE(outcomes[0].err.find("glow-train: stopped by SIGTERM\n"), std::string::npos) << outcomes[0].err;
  }
};

/// The ranks that get signals, and the number of signals.
struct Signals {
  std::string name;
  std::vector<std::size_t> ranks;
};

class GlowTrainSignals : public GlowTrainStop, public ::testing::WithParamInterface<Signals> {};

TEST_P(GlowTrainSignals, StopAllRanksAfterOneCheckpoint) {
  Ranks ranks(2);
  // No other checkpoint is due.
  ranks.start_rest(flags({"--steps", "1000000", "--checkpoint-every", "1000000"}));
  const auto has_trained = [&] {
    const auto metrics = run_ / "metrics.jsonl";
    return fs::exists(metrics) && get(metrics).find("\"step\":4,") != std::string::npos;
  };
  ASSERT_TRUE(ranks[0].wait_until(has_trained)) << ranks[0].err();
  for (const auto rank : GetParam().ranks) ranks[rank].send(SIGTERM);
  expect_all_terminated(ranks.wait());
  EXPECT_EQ(checkpoints_of(run_).size(), 2u);
  EXPECT_GE(newest_step(run_), 4);
  expect_that_it_goes_on();
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainSignals,
                         ::testing::Values(Signals{"ToRank0", {0}}, Signals{"ToRank1", {1}},
                                           Signals{"TwiceToEach", {0, 1, 0, 1}}),
                         name_of);

TEST_F(GlowTrainStop, AllRanksAbortAnEvaluationAndResumeRepeatsIt) {
  put_images(images_, {2008, 8, 8});
  // The run consists almost only of evaluations, whose progress a terminal shows.
  const auto flags = [&](const char* name, const Arguments& more) {
    return command("glow-train", Arguments{"--data", "npy:" + images_.string(), "--out", (directory_ / name).string(),
                                           "--eval-every", "1", "--log-every", "1"} +
                                     tiny_model() + Arguments{"--valid-images", "2000", "--warmup-epochs", "0"} + more);
  };
  const auto in_two = [&](const Arguments& command) {
    Ranks ranks(2);
    ranks.start_rest(command);
    for (const auto& outcome : ranks.wait()) ASSERT_TRUE(succeeded(outcome));
  };
  Ranks ranks(2);
  for (int rank = 0; rank < 2; ++rank) {
    ranks.start(flags("run", {"--steps", "1000000"}), {}, {.on_terminal = rank == 0});
  }
  ASSERT_TRUE(ranks[0].wait_for("/2,000 images")) << ranks[0].err();
  ranks[1].send(SIGTERM);
  for (const auto& outcome : ranks.wait()) EXPECT_EQ(outcome.exit_code, 143) << outcome.err;
  // The signal interrupted an evaluation, which then counts as not begun.
  const auto newest = newest_step(directory_ / "run");
  EXPECT_EQ(get(directory_ / "run" / "metrics.jsonl").find("\"step\":" + std::to_string(newest) + ",\"valid"),
            std::string::npos);
  const auto end = std::to_string(newest + 1);
  in_two(command("glow-train", {"--resume", "--out", (directory_ / "run").string(), "--steps", end, "--quiet"}));
  in_two(flags("whole", {"--steps", end, "--quiet"}));
  for (const auto* file : {"metrics.jsonl", "model.safetensors"}) {
    EXPECT_EQ(get(directory_ / "whole" / file), get(directory_ / "run" / file)) << file;
  }
}

TEST_F(GlowTrainStop, RestartResumesTheRunOfTheSameCommand) {
  // Simulates a first start that a failure ended at step 6.
  const Arguments lasting{"--steps", "6"};
  Ranks first(2);
  first.start_rest(flags(lasting));
  for (const auto& outcome : first.wait()) ASSERT_TRUE(succeeded(outcome));
  fs::remove(run_ / "checkpoints" / checkpoint_name(6));
  // Launchers of several hosts may count differently: one that has counted a failure is enough.
  Ranks again(2);
  again.start(flags(lasting));
  again.start(flags(lasting), restarted(1));
  for (const auto& outcome : again.wait()) EXPECT_TRUE(succeeded(outcome));
  EXPECT_EQ(newest_step(run_), 6);
}

TEST_F(GlowTrainStop, RestartWithOtherOptionsIsRefused) {
  ASSERT_TRUE(succeeded(train(train_flags({"--steps", "2"}))));
  const auto before = checkpoints_of(run_);
  Ranks again(1);
  again.start(flags({"--steps", "2", "--lr", "0.5"}), restarted(1));
  EXPECT_TRUE(ended(again.wait()[0], 2, "is not empty"));
  EXPECT_EQ(checkpoints_of(run_), before);
}

TEST_F(GlowTrainStop, RestartWithoutAnIntactCheckpointStartsAnew) {
  fs::create_directories(run_ / "checkpoints");
  put(run_ / "metrics.jsonl", "");
  put(run_ / "checkpoints" / checkpoint_name(0), "what was written when the power went");
  Ranks again(2);
  for (int rank = 0; rank < 2; ++rank) again.start(flags({"--steps", "2"}), restarted(1));
  for (const auto& outcome : again.wait()) EXPECT_TRUE(succeeded(outcome));
  EXPECT_EQ(newest_step(run_), 2);
}

/// torchrun's kinds of rendezvous: with the first it hosts a store at the address that the processes are given.
class GlowTrainTorchrun : public GlowTrainStop, public ::testing::WithParamInterface<const char*> {};

TEST_P(GlowTrainTorchrun, RestartResumesTheRun) {
  const bool is_debian = !std::string(GLOW_DEBIAN_TORCHRUN).empty();
  const std::string torchrun = is_debian ? GLOW_DEBIAN_TORCHRUN : GLOW_PYPI_TORCHRUN;
  if (torchrun.empty()) GTEST_SKIP() << "there is no torchrun";
  // Debian's torchrun fails with its version of Python unless output is both redirected (-r) and shown (-t).
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
  // The oldest of the processes, which is rank 0 or 1.
  const auto killed = run_process(
      {"/bin/sh", "-c", "pkill -KILL -o -f '^" + command("glow-train", {})[0] + " .*" + run_.string() + "'"});
  ASSERT_EQ(killed.exit_code, 0) << "it was over before";
  const auto outcome = launcher.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(newest_step(run_), 400);
  EXPECT_NE(outcome.err.find(" was lost"), std::string::npos) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainTorchrun, ::testing::Values("static", "c10d"),
                         [](const auto& test) { return test.param; });

TEST_F(GlowTrainStop, ProcessesSayForWhomTheyWaitAtTheStart) {
  // Rank 2 of one run is missing, and a process with leftover variables is alone.
  Ranks ranks(3);
  for (int rank = 0; rank < 2; ++rank) ranks.start(flags({"--start-timeout", "600"}));
  const auto port = std::to_string(free_port());
  Process alone(Arguments{"/usr/bin/env", "SLURM_PROCID=1", "SLURM_STEP_NUM_TASKS=4", "SLURM_JOB_ID=7",
                          "MASTER_PORT=" + port, "MASTER_ADDR=127.0.0.1"} +
                flags());
  ASSERT_TRUE(ranks[0].wait_for("\n")) << ranks[0].err();
  ASSERT_TRUE(alone.wait_for("\n")) << alone.err();
  EXPECT_TRUE(ranks[0].err().starts_with("glow-train: rank 0: waiting for rank 2 at 127.0.0.1:")) << ranks[0].err();
  for (const auto* part : {", until 2", "--start-timeout 600", "RANK=0, WORLD_SIZE=3", "unset RANK WORLD_SIZE\n"}) {
    EXPECT_NE(ranks[0].err().find(part), std::string::npos) << ranks[0].err();
  }
  EXPECT_EQ(ranks[1].err(), "");
  const auto wait =
      "glow-train: rank 1: waiting for rank 0 at 127.0.0.1:" + port + " (Connection refused: nothing listens there)";
  EXPECT_TRUE(alone.err().starts_with(wait)) << alone.err();
  EXPECT_NE(alone.err().find("(SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=4)"), std::string::npos) << alone.err();
  for (auto* each : {&ranks[0], &ranks[1], &alone}) each->send(SIGTERM);
  for (auto* each : {&ranks[0], &alone}) EXPECT_EQ(each->wait().exit_code, -1);  // ended by the signal
}

TEST_F(GlowTrainStop, ErrorIsPrintedBeforeAnotherRankEnds) {
  Ranks ranks(2);
  ranks.start(flags({"--lrr", "1"}));
  ranks.start(flags());
  EXPECT_TRUE(ended(ranks[1].wait(), 1, "rank 0 failed"));
  ranks[0].send(SIGKILL);  // as a launcher does when a process has failed
  const auto outcome = ranks[0].wait();
  EXPECT_NE(outcome.err.find("unknown flag --lrr"), std::string::npos) << outcome.err;
}

TEST_F(GlowTrainStop, AllRanksAbortAnEvaluationOfGlowEval) {
  ASSERT_TRUE(succeeded(train(train_flags({"--steps", "1"}))));
  put_images(images_, {20000, 8, 8});
  Ranks ranks(2);
  for (int rank = 0; rank < 2; ++rank) {
    ranks.start(command("glow-eval", {"--model", (run_ / "model.safetensors").string(), "--data",
                                      "npy:" + images_.string(), "--split", "all", "--batch", "1", "--draws", "100",
                                      "--scores", (directory_ / "scores.csv").string(), "--threads", "1"}),
                {}, {.on_terminal = rank == 0});
  }
  ASSERT_TRUE(ranks[0].wait_for("images")) << ranks[0].err();
  ranks[1].send(SIGTERM);
  const auto outcomes = ranks.wait();
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.exit_code, 143) << outcome.err;
  EXPECT_NE(outcomes[0].err.find("glow-eval: stopped by SIGTERM"), std::string::npos) << outcomes[0].err;
  EXPECT_EQ(outcomes[1].err, "");
  EXPECT_FALSE(fs::exists(directory_ / "scores.csv"));
}

}  // namespace
}  // namespace glow::testing::processes_stop_test
