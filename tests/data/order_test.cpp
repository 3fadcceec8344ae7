#include <glow/data/order.h>

#include <algorithm>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"

namespace glow::data::order_test {
namespace {

using glow::testing::throws;

TEST(EpochOrderTest, IsAPermutation) {
  std::vector<std::int64_t> order = epoch_order(100, 1, 0);
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST(EpochOrderTest, DependsOnSeedAndEpochOnly) {
  const std::vector<std::int64_t> order = epoch_order(100, 1, 2);
  EXPECT_EQ(order, epoch_order(100, 1, 2));
  EXPECT_NE(order, epoch_order(100, 1, 3));
  EXPECT_NE(order, epoch_order(100, 2, 2));
}

class BatchOrderTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(BatchOrderTest, BatchesCoverEveryEpoch) {
  constexpr std::int64_t kSize = 10, kEpochs = 21;
  BatchOrder order(kSize, GetParam(), 5);
  std::map<std::int64_t, std::vector<std::int64_t>> epochs;
  for (std::int64_t step = 0; step < kSize * kEpochs / GetParam(); ++step) {
    const auto batch = order.batch(step);
    ASSERT_EQ(batch.size(), static_cast<std::size_t>(GetParam()));
    for (const auto& [index, epoch] : batch) epochs[epoch].push_back(index);
  }
  ASSERT_EQ(epochs.size(), static_cast<std::size_t>(kEpochs));
  for (const auto& [epoch, indices] : epochs) EXPECT_EQ(indices, epoch_order(kSize, 5, epoch)) << "epoch " << epoch;
}

INSTANTIATE_TEST_SUITE_P(Batches, BatchOrderTest, ::testing::Values(1, 3, 5, 7, 10));

TEST(BatchOrderTest, BatchDoesNotDependOnEarlierCalls) {
  BatchOrder in_order(10, 4, 5);
  for (std::int64_t step = 0; step < 12; ++step) in_order.batch(step);
  BatchOrder resumed(10, 4, 5);
  const auto expected = in_order.batch(12);
  const auto actual = resumed.batch(12);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(actual[i].index, expected[i].index);
    EXPECT_EQ(actual[i].epoch, expected[i].epoch);
  }
}

TEST(BatchOrderTest, RefusesAnInvalidBatchSize) {
  EXPECT_TRUE(throws<ConfigError>([] { BatchOrder(10, 11, 0); },
                                  {"batch: expected at most 10, the number of training images, got 11"}));
  EXPECT_TRUE(throws<ConfigError>([] { BatchOrder(10, 0, 0); }, {"batch: ", "at least 1", "got 0"}));
  EXPECT_TRUE(throws<ConfigError>([] { BatchOrder(0, 1, 0); },
                                  {"batch: expected at most 0, the number of training images, got 1"}));
}

}  // namespace
}  // namespace glow::data::order_test
