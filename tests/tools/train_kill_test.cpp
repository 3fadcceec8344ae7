// Kills training at random moments and resumes it. GLOW_TEST_KILLS is the number of kills, 8 by default.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <glow/io/safetensors.h>

#include "support/runs.h"
#include "support/tools.h"

namespace glow::testing::train_kill_test {
namespace {

namespace fs = std::filesystem;

int kills() {
  const char* wanted = std::getenv("GLOW_TEST_KILLS");
  return wanted != nullptr ? std::stoi(wanted) : 8;
}

class GlowTrainKill : public ::testing::Test {
 protected:
  Arguments flags(const fs::path& run) const {
    return Arguments{"--data", "npy:" + images_.string(), "--out", run.string(), "--log-every", "1", "--eval-every",
                     "3",      "--sample-every",          "5"} +
           tiny_model() + Arguments{"--warmup-epochs", "0"};
  }
  /// Continues a run that saves after every step, until `text` appears on its standard error.
  Process& go_on(const Arguments& how, const std::string& text) {
    process_.emplace(
        command("glow-train", flags(run_) + Arguments{"--checkpoint-every", "1", "--steps", "1000000"} + how));
    EXPECT_TRUE(process_->wait_for(text));
    return *process_;
  }
  void run_to(std::int64_t step, const fs::path& run, const Arguments& how) const {
    ASSERT_TRUE(
        succeeded(train(flags(run) + Arguments{"--checkpoint-every", "0", "--steps", std::to_string(step)} + how)));
  }

  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
  fs::path run_ = directory_ / "run", undisturbed_ = directory_ / "undisturbed";
  std::optional<Process> process_;
};

TEST_F(GlowTrainKill, NoSavedStepIsLost) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> microseconds(0, 150'000);
  auto* process = &go_on({}, "step 2/1,000,000: ");
  for (int kill = 0; kill < kills(); ++kill) {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds(random)));
    const auto saved = newest_step(run_);
    ASSERT_GE(saved, 1);
    process->send(SIGKILL);
    process->wait();
    const auto left = newest_step(run_);
    ASSERT_GE(left, saved);
    // The newest checkpoint, which must be intact.
    process = &go_on({"--resume"}, "going on from " + (run_ / "checkpoints" / checkpoint_name(left)).string());
  }
  process->send(SIGTERM);
  EXPECT_EQ(process->wait().exit_code, 143);

  const auto end = newest_step(run_) + 2;
  run_to(end, run_, {"--resume"});
  run_to(end, undisturbed_, {});
  for (const auto* file : {"metrics.jsonl", "model.safetensors"}) {
    EXPECT_EQ(get(run_ / file), get(undisturbed_ / file)) << file << " after " << end << " steps";
  }
  const io::SafetensorsReader last(run_ / "checkpoints" / checkpoint_name(end)),
      undisturbed(undisturbed_ / "checkpoints" / checkpoint_name(end));
  ASSERT_EQ(last.entries().size(), undisturbed.entries().size());
  for (std::size_t i = 0; i < last.entries().size(); ++i) {
    EXPECT_TRUE(last.entries()[i].data == undisturbed.entries()[i].data) << last.entries()[i].name;
  }
  std::cout << kills() << " kills survived, " << end << " steps\n";
}

TEST_F(GlowTrainKill, RepeatedSignalsOfALauncherStopTheRunOnce) {
  auto& process = go_on({}, "step 2/1,000,000: ");
  for (const int signal : {SIGINT, SIGINT, SIGTERM}) process.send(signal);
  const auto outcome = process.wait();
  EXPECT_TRUE(outcome.exit_code == 130 || outcome.exit_code == 143) << outcome.exit_code;
  EXPECT_NE(outcome.err.find("--resume continues"), std::string::npos) << outcome.err;
  const auto end = newest_step(run_) + 2;
  run_to(end, run_, {"--resume"});
  run_to(end, undisturbed_, {});
  EXPECT_EQ(get(run_ / "metrics.jsonl"), get(undisturbed_ / "metrics.jsonl"));
}

}  // namespace
}  // namespace glow::testing::train_kill_test
