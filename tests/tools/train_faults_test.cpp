// Removes, moves, replaces or write-protects the directory of a run during the run, or fills its disk.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "support/read_only.h"
#include "support/runs.h"
#include "support/small_disk.h"
#include "support/tools.h"

namespace glow::testing::train_faults_test {
namespace {

namespace fs = std::filesystem;

class GlowTrainFault : public ::testing::Test {
 protected:
  Arguments flags(const fs::path& run) const {
    return Arguments{"--data", "npy:" + images_.string(), "--out", run.string(), "--log-every", "1", "--eval-every",
                     "2",      "--sample-every",          "5",     "--quiet"} +
           tiny_model() + Arguments{"--warmup-epochs", "0"};
  }

  /// Starts a run and pauses it at some point after its second checkpoint and its first model, between two saves. (A
  /// process paused after writing a file would finish that save on a full disk.)
  Process& paused_run() {
    process_.emplace(command("glow-train", flags(run_) + Arguments{"--checkpoint-every", "1", "--keep",
                                                                   std::to_string(kKeep), "--steps", "1000000"}));
    EXPECT_TRUE(process_->wait_until([&] { return newest_step(run_) >= 2; })) << process_->err();
    for (process_->pause(); is_saving(); process_->pause()) {
      process_->send(SIGCONT);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return *process_;
  }

  /// Whether the paused run is writing a file, or has not yet removed an old checkpoint.
  bool is_saving() const {
    for (const auto& entry : fs::directory_iterator(run_ / "checkpoints")) {
      if (entry.path().extension() == ".tmp") return true;
    }
    return checkpoints_of(run_).size() > kKeep;
  }

  /// The same for a run that will not save anything for a long time.
  Process& paused_run_that_saves_nothing() {
    EXPECT_TRUE(succeeded(run_to(4, run_)));
    const auto before = get(run_ / "metrics.jsonl");
    process_.emplace(
        command("glow-train", Arguments{"--resume", "--out", run_.string(), "--steps", "1000000", "--checkpoint-every",
                                        "0", "--eval-every", "0", "--sample-every", "0", "--quiet"}));
    EXPECT_TRUE(process_->wait_until([&] { return get(run_ / "metrics.jsonl").size() > before.size(); }));
    process_->pause();
    return *process_;
  }

  /// Continues the process. True if it then fails with an error about its directory.
  ::testing::AssertionResult fails(Process& process, const fs::path& path, const std::string& reason) const {
    process.send(SIGCONT);
    return failed(process.wait(), "glow-train", 1, {"cannot write " + path.string(), ": " + reason});
  }

  Outcome run_to(std::int64_t step, const fs::path& run, const Arguments& how = {}) const {
    return train(flags(run) + Arguments{"--checkpoint-every", "0", "--steps", std::to_string(step)} + how);
  }

  /// Expects that `run` can be resumed from its newest checkpoint normally.
  void expect_that_it_goes_on(const fs::path& run) const {
    const auto end = newest_step(run) + 2;
    ASSERT_TRUE(succeeded(run_to(end, run, {"--resume"})));
    ASSERT_TRUE(succeeded(run_to(end, undisturbed_)));
    for (const auto* file : {"metrics.jsonl", "model.safetensors"}) {
      EXPECT_EQ(get(run / file), get(undisturbed_ / file)) << file << " after " << end << " steps";
    }
  }

  static constexpr std::size_t kKeep = 2;
  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
  fs::path run_ = directory_ / "run", undisturbed_ = directory_ / "undisturbed";
  std::optional<Process> process_;
};

TEST_F(GlowTrainFault, ReadOnlyDirectoryEndsTheRunAndKeepsItsCheckpoints) {
  auto& process = paused_run();
  const auto before = checkpoints_of(run_);
  {
    const ReadOnly read_only(run_);
    if (!read_only.is_in_force()) GTEST_SKIP() << "this process cannot make it read-only: " << read_only.why_not();
    EXPECT_TRUE(fails(process, run_, read_only.complaint()));
    EXPECT_TRUE(checkpoints_of(run_) == before);
    EXPECT_TRUE(failed(run_to(1000, run_, {"--resume"}), "glow-train", 1,
                       {"cannot write " + run_.string(), ": " + read_only.complaint()}));
    EXPECT_TRUE(checkpoints_of(run_) == before);
  }
  expect_that_it_goes_on(run_);
}

TEST_F(GlowTrainFault, FullDiskEndsTheRunAndKeepsItsCheckpoints) {
  const SmallDisk disk(2 << 20);
  if (!disk.is_mounted()) GTEST_SKIP() << "this process must not mount a disk: " << disk.why_not();
  run_ = disk.path() / "run";
  auto& process = paused_run();
  const auto filler = disk.path() / "filler";
  std::ofstream(filler) << std::string(2 << 20, 'x');
  const auto before = checkpoints_of(run_);
  EXPECT_TRUE(fails(process, run_, "No space left on device"));
  EXPECT_TRUE(checkpoints_of(run_) == before);
  fs::remove(filler);
  expect_that_it_goes_on(run_);
}

TEST_F(GlowTrainFault, DoesNotStartInAReadOnlyDirectory) {
  fs::create_directory(directory_ / "closed");
  const ReadOnly read_only(directory_ / "closed");
  if (!read_only.is_in_force()) GTEST_SKIP() << "this process cannot make it read-only: " << read_only.why_not();
  const auto out = directory_ / "closed" / "run";
  EXPECT_TRUE(failed(run_to(1, out), "glow-train", 1, {"cannot write " + out.string() + ": " + read_only.complaint()}));
}

TEST_F(GlowTrainFault, RemovedDirectoryEndsTheRun) {
  auto& process = paused_run();
  fs::remove_all(run_);
  EXPECT_TRUE(fails(process, run_, "No such file or directory"));
  EXPECT_FALSE(fs::exists(run_));
}

TEST_F(GlowTrainFault, MovedDirectoryIsNoticedBeforeTheNextSave) {
  auto& process = paused_run_that_saves_nothing();
  fs::rename(run_, directory_ / "moved");
  EXPECT_TRUE(fails(process, run_, "No such file or directory"));
  expect_that_it_goes_on(directory_ / "moved");
}

TEST_F(GlowTrainFault, ReplacedDirectoryIsNotModified) {
  auto& process = paused_run_that_saves_nothing();
  fs::rename(run_, directory_ / "moved");
  for (const auto* folder : {"checkpoints", "samples"}) fs::create_directories(run_ / folder);
  EXPECT_TRUE(fails(process, run_, "another directory has taken its place"));
  EXPECT_EQ(count_files(run_), 2u);
  EXPECT_EQ(newest_step(run_), 0);
  expect_that_it_goes_on(directory_ / "moved");
}

class GlowTrainSubfolderFault : public GlowTrainFault, public ::testing::WithParamInterface<const char*> {};

TEST_P(GlowTrainSubfolderFault, RemovedSubfolderEndsTheRunAndKeepsOtherFiles) {
  auto& process = paused_run();
  fs::remove_all(run_ / GetParam());
  EXPECT_TRUE(fails(process, run_ / GetParam(), "No such file or directory"));
  EXPECT_FALSE(fs::exists(run_ / GetParam()));
  EXPECT_TRUE(succeeded(sample({"--model", run_ / "model.safetensors", "--out", directory_ / "samples.png"})));
  if (newest_step(run_) > 0) expect_that_it_goes_on(run_);
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainSubfolderFault, ::testing::Values("checkpoints", "samples"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace glow::testing::train_faults_test
