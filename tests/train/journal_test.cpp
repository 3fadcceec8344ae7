#include "train/journal.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/train/run_directory.h>

#include "support/files.h"
#include "support/temporary_directory.h"

namespace glow::train::journal_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::TemporaryDirectory;

TrainingProgress after(std::int64_t step, std::int64_t rollbacks = 0, bool unfinished = false) {
  TrainingProgress progress;
  progress.step = step;
  progress.rollbacks = rollbacks;
  progress.unfinished = unfinished;
  return progress;
}

StepReport report_of(std::int64_t step, double bits_per_dim = 3.25) {
  StepReport report;
  report.step = step;
  report.bits_per_dim = bits_per_dim;
  report.gradient_norm = 0.5;
  report.learning_rate = 1e-3;
  report.reconstruction_error = kNothingRebuilt;
  return report;
}

evaluate::ScoreSummary score_of(double bits_per_dim, std::int64_t non_finite = 0) {
  return {.images = 6, .non_finite = non_finite, .bits_per_dim = {.mean = bits_per_dim, .standard_error = 0.25}};
}

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open(const TrainingProgress& progress = {}) const { return open_journal(run_, progress); }
  std::string metrics() const { return get(run_.metrics()); }
  /// Checks that the report that the journal writes from memory equals the report made from the files.
  void expect_report_of_files(const Journal& journal) const {
    journal.write_report();
    const auto page = get(run_.report());
    write_report(run_);
    EXPECT_TRUE(get(run_.report()) == page);
  }

  TemporaryDirectory directory_;
  RunDirectory run_{directory_.path()};
};

TEST_F(JournalTest, WritesALineOfMetricsForEachStep) {
  auto report = report_of(1);
  const auto journal = open();
  journal->step(report);
  report.step = 2;
  report.bits_per_dim = std::nan("");
  report.reconstruction_error = 0.125;
  report.fell_back = report.skipped = true;
  journal->step(report);
  EXPECT_EQ(metrics(),
            "{\"step\":1,\"bits_per_dim\":3.25,\"class_bits\":0.0,\"gradient_norm\":0.5,\"learning_rate\":0.001}\n"
            "{\"step\":2,\"bits_per_dim\":null,\"class_bits\":0.0,\"gradient_norm\":0.5,\"learning_rate\":0.001,"
            "\"reconstruction_error\":0.125,\"fell_back\":true,\"skipped\":true}\n");
}

TEST_F(JournalTest, CountsTheTimeOfStepsThatARollbackUndoes) {
  const auto last_seconds = [&] {
    std::istringstream lines(get(run_.timing()));
    double seconds = 0;
    for (std::string line; std::getline(lines, line);) seconds = nlohmann::json::parse(line)["seconds"];
    return seconds;
  };
  const auto journal = open();
  journal->step(report_of(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  journal->step(report_of(2));
  const auto before = last_seconds();
  EXPECT_GE(before, 0.02);
  journal->cut_to(after(1, 1));
  EXPECT_LT(last_seconds(), before);
  journal->step(report_of(2));
  EXPECT_GE(last_seconds(), before);
}

TEST_F(JournalTest, WritesTheEvaluationsOfAStepTogetherOrNone) {
  const auto journal = open();
  journal->evaluation(4, "valid", score_of(3), 1, std::nullopt);
  EXPECT_EQ(metrics(), "");
  journal->forget_evaluations();
  journal->keep_evaluations();
  EXPECT_EQ(metrics(), "");
  journal->evaluation(4, "valid", score_of(3), 1, std::nullopt);
  journal->evaluation(4, "test", score_of(2), 1, std::nullopt);
  journal->keep_evaluations();
  EXPECT_EQ(metrics(),
            "{\"step\":4,\"valid_bits_per_dim\":3.0,\"valid_standard_error\":0.25,\"valid_images\":6,"
            "\"valid_non_finite\":0}\n"
            "{\"step\":4,\"test_bits_per_dim\":2.0,\"test_standard_error\":0.25,\"test_images\":6,"
            "\"test_non_finite\":0}\n");
}

TEST_F(JournalTest, ResumeKeepsTheLinesUpToItsState) {
  {
    const auto journal = open();
    for (std::int64_t step = 1; step <= 4; ++step) journal->step(report_of(step));
    journal->evaluation(4, "valid", score_of(3), 1, std::nullopt);
    journal->keep_evaluations();
    journal->rollback({.from_step = 9, .to_step = 2, .count = 1, .not_finite = "levels.0"});
    journal->step(report_of(5));
  }
  const auto whole = metrics();
  std::ofstream(run_.metrics(), std::ios::app) << "[1]\n{\"bits_per_dim\":1}\n{\"step\":\"2\"}\n{\"step\":3,\"bi";
  const auto lines_after = [&](const TrainingProgress& progress) {
    put(run_.metrics(), whole);
    open(progress);
    const auto text = metrics();
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(lines_after(after(5, 1)), 7);
  EXPECT_EQ(lines_after(after(5, 0)), 6) << "a rollback that the state does not know of";
  EXPECT_EQ(lines_after(after(4, 0)), 5);
  EXPECT_EQ(lines_after(after(4, 0, /*unfinished=*/true)), 4) << "its evaluation is still to come";
  EXPECT_EQ(lines_after(after(0)), 0);
}

TEST_F(JournalTest, ResumeRemovesTruncatedAndInvalidLines) {
  open()->step(report_of(1));
  const auto whole = metrics();
  std::ofstream(run_.metrics(), std::ios::app) << "[1]\n{\"bits_per_dim\":1}\n{\"step\":\"2\"}\n{\"step\":1,\"bi";
  open(after(1));
  EXPECT_EQ(metrics(), whole);
}

/// Logs everything that a run logs, with non-finite numbers, resumes and rollbacks.
TEST_F(JournalTest, ReportFromMemoryEqualsReportFromFiles) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::mt19937_64 random(1);
  const auto number = [&] {
    const auto kind = random() % 12;
    if (kind == 0) return std::nan("");
    if (kind == 1) return -kInfinity;
    if (kind == 2) return 5.0;
    return std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 200));
  };
  auto journal = open();
  std::int64_t step = 0, rollbacks = 0;
  for (int round = 0; round < 400; ++round) {
    ++step;
    auto report = report_of(step, number());
    report.gradient_norm = number();
    report.skipped = !std::isfinite(report.bits_per_dim);
    if (random() % 3 == 0) report.reconstruction_error = number();
    journal->count(4, 0.25);
    journal->step(report);
    if (random() % 5 == 0) {
      const Monitors monitors{.reconstruction_error = number(),
                              .smallest_singular_values = {{number(), number()}, {}, {number()}},
                              .largest_scale = number(),
                              .largest_scale_name = "levels." + std::to_string(random() % 3)};
      const auto non_finite = static_cast<std::int64_t>(random() % 2);
      journal->evaluation(step, "valid", score_of(number(), non_finite), 1, monitors);
      random() % 4 == 0 ? journal->forget_evaluations() : journal->keep_evaluations();
    }
    if (random() % 20 == 0) journal = open(after(step -= std::min<std::int64_t>(step, 3), rollbacks));
    if (random() % 20 == 0) {
      const auto from = step;
      step -= std::min<std::int64_t>(step, 7);
      journal->rollback({.from_step = from, .to_step = step, .count = ++rollbacks, .not_finite = "levels.0.\xc3\xa4"});
      journal->cut_to(after(step, rollbacks));
    }
    if (round % 10 == 0) expect_report_of_files(*journal);
  }
  EXPECT_GT(rollbacks, 5);
  expect_report_of_files(*journal);
}

/// Bytes that this process has read from files.
std::int64_t bytes_read() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  std::int64_t value = -1;
  counters >> name >> value;
  EXPECT_EQ(name, "rchar:");
  return value;
}

TEST_F(JournalTest, WritesTheReportWithoutReadingTheLog) {
  if (!std::filesystem::exists("/proc/self/io")) GTEST_SKIP() << "the system does not count bytes read";
  const auto journal = open();
  std::int64_t step = 0;
  while (std::filesystem::file_size(run_.metrics()) < 1'000'000) {
    for (int line = 0; line < 1000; ++line) journal->step(report_of(++step));
  }
  const auto before = bytes_read();
  journal->write_report();
  EXPECT_LT(bytes_read() - before, 100'000);
}

TEST_F(JournalTest, JournalOfOtherRanksWritesNothing) {
  Journal journal;
  journal.step(report_of(1));
  journal.evaluation(1, "valid", score_of(3), 1, std::nullopt);
  journal.keep_evaluations();
  journal.write_report();
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

}  // namespace
}  // namespace glow::train::journal_test
