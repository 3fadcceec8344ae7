#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include <glow/io/file.h>
#include <glow/io/safetensors.h>

#include "support/processes.h"
#include "support/runs.h"
#include "support/tools.h"

namespace glow::testing {

/// A run of glow-train in several processes.
class TrainRanks : public ::testing::Test {
 protected:
  Arguments flags(const Arguments& more = {}) const { return command("glow-train", train_flags(more)); }
  Arguments train_flags(const Arguments& more) const {
    return Arguments{"--data",
                     "npy:" + images_.string(),
                     "--out",
                     run_.string(),
                     "--log-every",
                     "1",
                     "--eval-every",
                     "0",
                     "--sample-every",
                     "0",
                     "--checkpoint-every",
                     "2",
                     "--quiet",
                     "--process-timeout",
                     "30"} +
           tiny_model() + Arguments{"--warmup-epochs", "0"} + more;
  }

  /// Starts `count` processes of a run of a million steps and waits until they train.
  void start(Ranks& ranks, std::int64_t count, const Arguments& more = {}) const {
    for (std::int64_t rank = 0; rank < count; ++rank) ranks.start(flags(Arguments{"--steps", "1000000"} + more));
    EXPECT_TRUE(ranks[0].wait_until([&] { return newest_step(run_) >= 4; })) << ranks[0].err();
  }

  /// Whether a process ended with `code` and one line that contains `part`.
  static ::testing::AssertionResult ended(const Outcome& outcome, int code, const std::string& part) {
    return failed(outcome, "glow-train", code, {part});
  }

  /// Expects that a single process resumes from the newest checkpoint, and that all files of the run are complete.
  void expect_that_it_goes_on() const {
    const auto newest = newest_step(run_);
    auto arguments = train_flags({"--resume", "--steps", std::to_string(newest + 2)});
    std::erase(arguments, "--quiet");
    const auto outcome = train(arguments);
    EXPECT_TRUE(succeeded(outcome));
    const auto begin = "going on from " + (run_ / "checkpoints" / checkpoint_name(newest)).string();
    EXPECT_NE(outcome.err.find(begin), std::string::npos) << outcome.err;
    EXPECT_EQ(newest_step(run_), newest + 2);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(run_)) {
      EXPECT_FALSE(io::is_temporary(entry.path())) << entry.path();
      if (entry.path().extension() == ".safetensors") io::SafetensorsReader reads_its_header(entry.path());
    }
  }

  TemporaryDirectory directory_;
  std::filesystem::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
  std::filesystem::path run_ = directory_ / "run";
};

}  // namespace glow::testing
