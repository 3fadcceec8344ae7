#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "support/processes.h"
#include "support/runs.h"
#include "support/tools.h"

namespace glow::testing {

/// A run of glow-train in several processes.
class TrainRanks : public ::testing::Test {
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
  std::filesystem::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
  std::filesystem::path run_ = directory_ / "run";
};

}  // namespace glow::testing
