// Limits the memory, the stack and the threads of the programs. What a program takes depends on the machine and on
// LibTorch, so the tests look for the limit at which it succeeds: below it, each limit must end in one line.
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/tools.h"

namespace glow::testing::limits_test {
namespace {

class MemoryLimits : public ::testing::Test {
 protected:
  /// Runs a tool with a limit, as in "ulimit -v KILOBYTES".
  static Outcome limited(const std::string& flag, std::int64_t limit, const std::string& tool,
                         const Arguments& arguments) {
    const auto shell = "ulimit " + flag + " " + std::to_string(limit) + " && exec \"$@\"";
    // OpenBLAS takes memory for each of its threads, by default as many as there are cores.
    return run_process(Arguments{"/usr/bin/env", "OPENBLAS_NUM_THREADS=2", "/bin/sh", "-c", shell, "sh"} +
                       command(tool, arguments));
  }

  /// Expects that the program was not loaded, or said in one line that memory is short.
  static void expect_one_line(const Outcome& outcome, const std::string& tool, std::int64_t limit) {
    constexpr int kNotLoaded = 127;
    if (outcome.exit_code == kNotLoaded) return;
    EXPECT_TRUE(failed(outcome, tool, 1, {" memory", "ulimit -v " + std::to_string(limit)}));
  }

  /// The first of growing limits at which the program succeeds.
  std::int64_t first_sufficient(const std::string& tool, const Arguments& arguments, std::int64_t limit) {
    constexpr std::int64_t kLargest = 16'000'000;
    for (; limit < kLargest; limit += limit / 8) {
      const auto outcome = limited("-v", limit, tool, arguments);
      if (outcome.exit_code == 0) return limit;
      expect_one_line(outcome, tool, limit);
      messages_ += outcome.err;
    }
    ADD_FAILURE() << messages_;
    return limit;
  }

  Arguments sample(std::int64_t images, std::int64_t threads) const {
    const auto count = std::to_string(images);
    return {"--model",    kGreyModel, "--count",          count,       "--batch",
            count,        "--out",    path("images.npy"), "--threads", std::to_string(threads),
            "--overwrite"};
  }

  std::string path(const char* name) const { return (directory_ / name).string(); }

  TemporaryDirectory directory_;
  std::string messages_;
};

TEST_F(MemoryLimits, EndInOneLineOrInSuccess) {
  const auto sufficient = first_sufficient("glow-sample", sample(2, 2), 500'000);
  EXPECT_NE(messages_.find("LibTorch needs "), std::string::npos) << messages_;
  const auto data = put_images(directory_ / "data.npy", {600, 8, 8});
  const auto wide = Arguments{"--data", "npy:" + data.string(), "--out", path("run"), "--quiet"} + tiny_model() +
                    Arguments{"--width", "2048", "--batch", "500"};
  const auto outcome = limited("-v", sufficient + 100'000, "glow-train", wide);
  EXPECT_TRUE(failed(outcome, "glow-train", 1, {"out of memory (ulimit -v ", "--accumulate", "--batch", "--memory"}));
  EXPECT_TRUE(failed(limited("-v", sufficient + 100'000, "glow-sample", sample(200'000, 2)), "glow-sample", 1,
                     {"out of memory (ulimit -v ", "a smaller --batch needs less"}));
  EXPECT_TRUE(failed(limited("-v", sufficient, "glow-sample", sample(2, 1000)), "glow-sample", 1,
                     {"cannot start ", "fewer --threads"}));
}

TEST_F(MemoryLimits, OfTheDataEndInOneLine) {
  EXPECT_TRUE(failed(limited("-d", 100'000, "glow-eval", {"--version"}), "glow-eval", 1, {"ulimit -d 100000", "MB"}));
}

TEST_F(MemoryLimits, OfTheStackEndInOneLine) {
  EXPECT_TRUE(failed(limited("-s", 64, "glow-edit", {"--version"}), "glow-edit", 1, {"ulimit -s", "256 kB"}));
}

}  // namespace
}  // namespace glow::testing::limits_test
