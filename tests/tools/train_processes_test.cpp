// Checks that glow-train computes the same in several processes as in one. If GLOW_TEST_PROCESSES is set, every number
// of processes is tested with every memory policy; otherwise some numbers with one policy.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/safetensors.h>

#include "support/processes.h"
#include "support/runs.h"

namespace glow::testing::train_processes_test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSteps = 20;

std::vector<double> numbers_of(const io::TensorEntry& tensor) {
  std::vector<double> numbers(tensor.data.size() / sizeof(double));
  std::memcpy(numbers.data(), tensor.data.data(), tensor.data.size());
  return numbers;
}

double largest(const std::vector<double>& numbers) {
  double result = 0;
  for (const auto number : numbers) result = std::max(result, std::abs(number));
  return result;
}

class GlowTrainProcesses : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string(GLOW_MPIRUN).empty()) GTEST_SKIP() << "there is no mpirun (Debian's openmpi-bin)";
  }

  /// The batch size is not divisible by 2 or 4 processes.
  Arguments flags(const std::string& name, const Arguments& more = {}) const {
    const bool is_glow = std::find(more.begin(), more.end(), "--family") == more.end();
    return (is_glow ? Arguments{"--depth", "2"} : Arguments{}) +
           Arguments{"--data",
                     "fashion-mnist:" + data_.string(),
                     "--out",
                     (directory_ / name).string(),
                     "--levels",
                     "2",
                     "--width",
                     "4",
                     "--batch",
                     "9",
                     "--precision",
                     "fp64",
                     "--threads",
                     "1",
                     "--steps",
                     std::to_string(kSteps),
                     "--valid-images",
                     "13",
                     "--lr",
                     "0.01",
                     "--warmup-epochs",
                     "0.0001",
                     "--log-every",
                     "1",
                     "--eval-every",
                     "5",
                     "--sample-every",
                     "0",
                     "--checkpoint-every",
                     "10",
                     "--quiet"} +
           more;
  }

  Outcome train_in(std::int64_t processes, const std::string& name, const Arguments& more = {}) const {
    const auto arguments = flags(name, more);
    return processes == 1 ? train(arguments) : run_process(by_mpirun(processes, command("glow-train", arguments)));
  }

  static bool all_counts() { return std::getenv("GLOW_TEST_PROCESSES") != nullptr; }

  static void expect_near(const std::vector<double>& a, const std::vector<double>& b, const std::string& what) {
    ASSERT_EQ(a.size(), b.size());
    double difference = 0;
    for (std::size_t k = 0; k < a.size(); ++k) difference = std::max(difference, std::abs(a[k] - b[k]));
    EXPECT_LE(difference, 1e-10 * largest(a)) << what;
  }

  std::string metrics(const std::string& name) const { return get(directory_ / name / "metrics.jsonl"); }
  fs::path last_checkpoint(const std::string& name) const {
    return directory_ / name / "checkpoints" / checkpoint_name(kSteps);
  }

  /// Compares weights, moments and average of two runs, relative to the largest value of each tensor.
  void expect_equal(const std::string& one, const std::string& other) const {
    const io::SafetensorsReader expected(last_checkpoint(one)), actual(last_checkpoint(other));
    ASSERT_EQ(actual.entries().size(), expected.entries().size());
    std::size_t compared = 0;
    for (std::size_t i = 0; i < expected.entries().size(); ++i) {
      if (expected.entries()[i].dtype != "F64") continue;
      expect_near(numbers_of(expected.entries()[i]), numbers_of(actual.entries()[i]),
                  other + ": " + expected.entries()[i].name);
      ++compared;
    }
    EXPECT_GE(compared, 4u);
  }

  /// Trains in one process and in each of the numbers of processes, and compares.
  void expect_same_of(const std::vector<std::int64_t>& counts, const Arguments& how) const {
    ASSERT_TRUE(succeeded(train_in(1, "one", how)));
    for (const auto count : counts) {
      const auto name = std::to_string(count) + "-processes";
      ASSERT_TRUE(succeeded(train_in(count, name, how)));
      expect_equal("one", name);
      expect_same_scores("one", name);
    }
  }

  /// Compares the scores of two logs to nine digits.
  void expect_same_scores(const std::string& one, const std::string& other) const {
    const auto a = scores(metrics(one)), b = scores(metrics(other));
    ASSERT_EQ(a.size(), b.size());
    ASSERT_GT(a.size(), static_cast<std::size_t>(kSteps));
    for (std::size_t i = 0; i < a.size(); ++i)
      EXPECT_NEAR(b[i], a[i], 1e-9 * std::abs(a[i])) << other << ", line " << i;
  }

  /// The numbers that follow "bits_per_dim": in a log.
  static std::vector<double> scores(const std::string& log) {
    const std::string key = "bits_per_dim\":";
    std::vector<double> all;
    for (auto at = log.find(key); at != std::string::npos; at = log.find(key, at + 1)) {
      all.push_back(std::stod(log.substr(at + key.size())));
    }
    return all;
  }

  TemporaryDirectory directory_;
  fs::path data_ = put_fashion_mnist(directory_ / "data");
};

class GlowTrainProcessesByMemoryPolicy : public GlowTrainProcesses,
                                         public ::testing::WithParamInterface<const char*> {};

TEST_P(GlowTrainProcessesByMemoryPolicy, SeveralProcessesEqualOne) {
  const bool with_all = std::string(GetParam()) == "store" || all_counts();
  expect_same_of(with_all ? std::vector<std::int64_t>{2, 3, 4} : std::vector<std::int64_t>{2},
                 {"--memory", GetParam()});
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainProcessesByMemoryPolicy, ::testing::Values("store", "recompute", "reversible"),
                         [](const auto& test) { return test.param; });

TEST_P(GlowTrainProcessesByMemoryPolicy, BatchNormUsesTheGlobalBatch) {
  expect_same_of(all_counts() ? std::vector<std::int64_t>{2, 3} : std::vector<std::int64_t>{2},
                 {"--family", "realnvp", "--residual-blocks", "1", "--memory", GetParam()});
}

TEST_F(GlowTrainProcesses, ClassLossClippingAndAugmentationEqualOneProcess) {
  expect_same_of({3}, {"--conditional", "--weight-y", "0.5", "--clip-norm", "0.5", "--shift", "--permutation", "lu"});
}

TEST_P(GlowTrainProcessesByMemoryPolicy, AccumulationEqualsTheWholeBatch) {
  const Arguments how{"--memory", GetParam(), "--conditional", "--weight-y", "0.5", "--clip-norm", "0.5"};
  ASSERT_TRUE(succeeded(train_in(1, "whole", how)));
  ASSERT_TRUE(succeeded(train_in(1, "parts", how + Arguments{"--accumulate", "4"})));
  expect_equal("whole", "parts");
  ASSERT_TRUE(succeeded(train_in(2, "parts-of-shares", how + Arguments{"--accumulate", "3"})));
  expect_equal("whole", "parts-of-shares");
}

TEST_F(GlowTrainProcesses, RepeatsBitForBitWithTheSameNumber) {
  ASSERT_TRUE(succeeded(train_in(3, "first")));
  ASSERT_TRUE(succeeded(train_in(3, "second")));
  for (const auto* file : {"metrics.jsonl", "model.safetensors"}) {
    EXPECT_EQ(get(directory_ / "first" / file), get(directory_ / "second" / file)) << file;
  }
}

TEST_F(GlowTrainProcesses, ResumesWithAnotherNumber) {
  ASSERT_TRUE(succeeded(train_in(1, "one")));
  ASSERT_TRUE(succeeded(train_in(2, "changing", {"--steps", "10"})));
  const auto resumed = train_in(3, "changing", {"--steps", std::to_string(kSteps), "--resume"});
  ASSERT_TRUE(succeeded(resumed));
  expect_equal("one", "changing");
}

TEST_F(GlowTrainProcesses, FewerInitImagesThanProcessesEqualOneProcess) { expect_same_of({3}, {"--init-images", "2"}); }

TEST_F(GlowTrainProcesses, AllRanksSkipTheSameSteps) {
  // Training diverges at this learning rate: all processes must skip steps, roll back and fail together.
  const Arguments how{"--lr", "1e30", "--skip-limit", "2", "--checkpoint-every", "1"};
  const auto one = train_in(1, "one", how), two = train_in(2, "two", how);
  EXPECT_EQ(one.exit_code, 1);
  EXPECT_NE(one.err.find("did not help"), std::string::npos) << one.err;
  EXPECT_NE(two.exit_code, 0);
  EXPECT_NE(two.err.find("did not help"), std::string::npos) << two.err;
  // The lines of skipped steps and rollbacks contain no number that rounding changes.
  const auto events = [](const std::string& log) {
    std::vector<std::string> lines;
    std::istringstream text(log);
    for (std::string line; std::getline(text, line);) {
      if (line.find("skipped") != std::string::npos || line.find("rollback") != std::string::npos)
        lines.push_back(line);
    }
    return lines;
  };
  EXPECT_EQ(events(metrics("one")), events(metrics("two")));
  EXPECT_FALSE(events(metrics("one")).empty());
}

TEST_F(GlowTrainProcesses, InvalidFlagsAreRefusedOnce) {
  const auto refused = [&](std::int64_t count, const Arguments& how, const std::string& reason) {
    const auto outcome = train_in(count, "refused", how);
    EXPECT_NE(outcome.exit_code, 0);
    const auto at = outcome.err.find(reason);
    EXPECT_NE(at, std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find(reason, at + 1), std::string::npos) << outcome.err;
    EXPECT_FALSE(fs::exists(directory_ / "refused" / "metrics.jsonl"));
  };
  refused(3, {"--batch", "2"}, "--batch: expected at least an image for each of the 3 processes, got 2");
  refused(1, {"--accumulate", "10"},
          "--accumulate: expected at most the number of images of a step in a process, 9, got 10");
  refused(2, {"--accumulate", "5"},
          "--accumulate: expected at most the number of images of a step in a process, 4, got 5");
  refused(1, {"--family", "realnvp", "--accumulate", "2"}, "--accumulate: expected 1 for a realnvp");
  refused(2, {"--lrr", "1"}, "lrr");
  refused(2, {"--process-timeout", "0"}, "--process-timeout: expected 1 to 604800, got 0");
  refused(2, {"--start-timeout", "0"}, "--start-timeout: expected 1 to 604800, got 0");
  refused(2, {"--data", "npy:/nowhere.npy"}, "/nowhere.npy");
}

TEST_F(GlowTrainProcesses, ShardedScoresEqualOneProcess) {
  ASSERT_TRUE(succeeded(train_in(1, "one")));
  const auto scored = [&](std::int64_t processes) {
    const auto scores = directory_ / (std::to_string(processes) + ".csv");
    // Batches of 6, 6, 6 and 2 images: fewer batches than 5 processes.
    const Arguments arguments{"--model",      (directory_ / "one" / "model.safetensors").string(),
                              "--data",       "fashion-mnist:" + data_.string(),
                              "--draws",      "2",
                              "--importance", "3",
                              "--batch",      "6",
                              "--threads",    "1",
                              "--scores",     scores.string(),
                              "--worst",      "3",
                              "--json"};
    const auto outcome =
        processes == 1 ? eval(arguments) : run_process(by_mpirun(processes, command("glow-eval", arguments)));
    EXPECT_TRUE(succeeded(outcome));
    return get(scores) + outcome.out;
  };
  const auto alone = scored(1);
  for (const auto processes : {2, 5}) EXPECT_EQ(scored(processes), alone) << processes << " processes";
}

TEST_F(GlowTrainProcesses, OnlyRank0Prints) {
  const auto outcome = run_process(by_mpirun(
      2, command("glow-train", {"--data", "fashion-mnist:" + data_.string(), "--out", (directory_ / "run").string(),
                                "--batch", "8", "--levels", "1", "--depth", "1", "--width", "4", "--valid-images", "8",
                                "--steps", "2", "--log-every", "1"})));
  ASSERT_TRUE(succeeded(outcome));
  const auto count = [](const std::string& text, const std::string& part) {
    int found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count(outcome.err, "2 on 1 host, started by mpirun"), 1) << outcome.err;
  EXPECT_EQ(count(outcome.err, "step 2/2"), 1) << outcome.err;
  EXPECT_EQ(count(outcome.out, "metrics.jsonl"), 1) << outcome.out;
}

}  // namespace
}  // namespace glow::testing::train_processes_test
