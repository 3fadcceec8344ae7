#include "train/journal.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/files.h"
#include "support/temporary_directory.h"

namespace glow::train::run_record_test {
namespace {

using glow::testing::put;
using glow::testing::TemporaryDirectory;
using Steps = std::vector<std::int64_t>;
using Values = std::vector<double>;

TEST(ReadRecord, ReadsMetricsAndTiming) {
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  put(run.metrics(),
      R"({"step":1,"bits_per_dim":5.5,"largest_scale_name":"a"})"
      "\n"
      R"({"step":2,"bits_per_dim":null,"skipped":true})"
      "\n"
      R"({"step":2,"valid_bits_per_dim":5.25,"smallest_singular_values":[[0.5,0.25],[1.5]],"largest_scale_name":"b"})"
      "\n"
      R"({"step":2,"rollbacks":1,"from_step":4,"not_finite":"x"})"
      "\n");
  put(run.timing(), "{\"step\":1,\"seconds\":0.5}\n{\"step\":2,\"seconds\":1}\n");
  const auto record = read_record(run);
  EXPECT_EQ(record.curves.at("bits_per_dim").steps, Steps{1});
  EXPECT_EQ(record.curves.at("bits_per_dim").values, Values{5.5});
  EXPECT_EQ(record.curves.at("bits_per_dim").missing, 1);
  EXPECT_EQ(record.curves.at("valid_bits_per_dim").values, Values{5.25});
  EXPECT_EQ(record.curves.at("smallest_singular_value").values, Values{0.25});
  EXPECT_EQ(record.curves.at("seconds").values, (Values{0.5, 1}));
  EXPECT_EQ(record.texts.at("largest_scale_name"), "b");
  EXPECT_EQ(record.skipped_steps, Steps{2});
  ASSERT_EQ(record.rollbacks.size(), 1U);
  EXPECT_EQ(record.rollbacks[0].at("from_step"), 4);
  EXPECT_EQ(record.last_step, 2);
}

TEST(ReadRecord, BestStepFollowsTheRulesOfTheRun) {
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  const auto best_of = [&](const char* lines) {
    put(run.metrics(), lines);
    return read_record(run).best_step;
  };
  EXPECT_EQ(best_of(""), std::nullopt);
  EXPECT_EQ(best_of("{\"step\":4,\"valid_bits_per_dim\":null,\"valid_non_finite\":6}\n"), 4);
  // An equal score is not better, and a score without all images does not count.
  EXPECT_EQ(best_of("{\"step\":4,\"valid_bits_per_dim\":null,\"valid_non_finite\":6}\n"
                    "{\"step\":8,\"valid_bits_per_dim\":3,\"valid_non_finite\":0}\n"
                    "{\"step\":12,\"valid_bits_per_dim\":3,\"valid_non_finite\":0}\n"
                    "{\"step\":16,\"valid_bits_per_dim\":2,\"valid_non_finite\":1}\n"),
            8);
}

TEST(ReadRecord, IgnoresMissingFilesAndInvalidLines) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(read_record(RunDirectory(directory.path())).curves.empty());
  put(RunDirectory(directory.path()).metrics(),
      "[1]\n{\"bits_per_dim\":1}\n{\"step\":\"2\",\"a\":1}\n{\"step\":3,\"smallest_singular_values\":[[],7]}\n"
      "\xff\n{\"step\":4,\"bits_per_dim\":2}\n{\"step\":5,\"bits_per_d");
  const auto record = read_record(RunDirectory(directory.path()));
  EXPECT_EQ(record.curves.size(), 1U);
  EXPECT_EQ(record.curves.at("bits_per_dim").values, Values{2});
}

TEST(ReadRecord, IgnoresALineWithoutANewline) {
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  const std::string line = "{\"step\":1,\"a\":2}";
  for (const auto* before : {"", "{\"step\":0,\"a\":1}\n"}) {
    for (std::size_t length = 0; length <= line.size(); ++length) {
      put(run.metrics(), before + line.substr(0, length));
      EXPECT_EQ(read_record(run).last_step, 0) << length;
    }
    put(run.metrics(), before + line + "\n");
    EXPECT_EQ(read_record(run).last_step, 1);
  }
}

/// A wave with a high and a low spike.
Curve long_curve(std::int64_t count) {
  Curve curve;
  for (std::int64_t i = 0; i < count; ++i) {
    curve.steps.push_back(10 * i);
    curve.values.push_back(std::sin(static_cast<double>(i) / 1000));
  }
  curve.values[7777] = 50;
  curve.values[8888] = -50;
  return curve;
}

TEST(Thinned, KeepsEndsAndExtremesInOrder) {
  const auto curve = long_curve(100'003);
  const auto thin = thinned(curve, 2000);
  EXPECT_LE(thin.values.size(), 2000U);
  EXPECT_GE(thin.values.size(), 1900U);
  EXPECT_EQ(thin.steps.size(), thin.values.size());
  EXPECT_EQ(thin.steps.front(), 0);
  EXPECT_EQ(thin.steps.back(), 1'000'020);
  EXPECT_TRUE(std::ranges::is_sorted(thin.steps, std::ranges::less_equal()));
  for (std::size_t i = 0; i < thin.steps.size(); ++i) {
    EXPECT_EQ(thin.values[i], curve.values[static_cast<std::size_t>(thin.steps[i] / 10)]);
  }
  EXPECT_EQ(std::ranges::max(thin.values), 50);
  EXPECT_EQ(std::ranges::min(thin.values), -50);
}

TEST(Thinned, LeavesShortCurvesUnchanged) {
  const Curve curve{.steps = {1, 2, 3, 4, 5}, .values = {3, 1, 4, 1, 5}, .missing = 2};
  for (const std::size_t most : {5, 6, 2000}) EXPECT_EQ(thinned(curve, most).values, curve.values);
  const auto thin = thinned(curve, 4);
  EXPECT_EQ(thin.steps, (Steps{1, 2, 3, 5}));
  EXPECT_EQ(thin.missing, 2);
}

TEST(Smoothed, KeepsASlopeAndReducesNoise) {
  Curve slope, noisy;
  for (std::int64_t i = 0; i < 4000; ++i) {
    slope.steps.push_back(i);
    slope.values.push_back(0.25 * static_cast<double>(i));
  }
  noisy = slope;
  for (std::size_t i = 0; i < noisy.values.size(); ++i) noisy.values[i] += i % 2 == 0 ? 1 : -1;
  const auto same = smoothed(slope), calm = smoothed(noisy);
  for (std::size_t i = 0; i < slope.values.size(); ++i) {
    EXPECT_NEAR(same.values[i], slope.values[i], 1e-9) << i;
    const auto reach = std::min({std::size_t{100}, i, slope.values.size() - 1 - i});
    EXPECT_LE(std::abs(calm.values[i] - slope.values[i]), 1.01 / static_cast<double>(2 * reach + 1)) << i;
  }
}

TEST(Smoothed, UsesAWindowOfFivePointsForAShortCurve) {
  const Curve curve{.steps = {1, 2, 3, 4, 5, 6}, .values = {6, 0, 3, 6, 15, 0}};
  EXPECT_EQ(smoothed(curve).values, (Values{6, 3, 6, 4.8, 7, 0}));
  EXPECT_EQ(smoothed(curve).steps, curve.steps);
}

}  // namespace
}  // namespace glow::train::run_record_test
