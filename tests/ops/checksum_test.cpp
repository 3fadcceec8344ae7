#include "ops/checksum.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace glow::ops::checksum_test {
namespace {

using Function = std::function<std::uint64_t(const at::Tensor&)>;

class Checksum : public ::testing::TestWithParam<Function> {
 protected:
  std::uint64_t of(const at::Tensor& tensor) const { return GetParam()(tensor); }
};

TEST_P(Checksum, ChangesWithEveryBitOfEveryValue) {
  // More than one block, and the last row is not full.
  const auto numbers = at::arange(40'001, at::kFloat);
  const auto before = of(numbers);
  const auto words = numbers.view(at::kInt);
  for (const std::int64_t place : {0, 1, 15, 16, 16'383, 16'384, 16'385, 39'999, 40'000}) {
    for (int bit = 0; bit < 32; ++bit) {
      words[place].bitwise_xor_(std::int64_t{1} << bit);
      EXPECT_NE(of(numbers), before) << place << ", bit " << bit;
      words[place].bitwise_xor_(std::int64_t{1} << bit);
    }
  }
  EXPECT_EQ(of(numbers), before);
}

TEST_P(Checksum, ChangesWithTypicalWrites) {
  at::manual_seed(0);
  const auto numbers = at::randn({96, 64});
  std::set<std::uint64_t> seen{of(numbers)};
  const std::vector<std::function<void()>> writes{
      [&] { numbers.neg_(); },
      [&] { numbers.slice(1, 1, 64, 2).neg_(); },
      [&] { numbers.mul_(1.01); },
      [&] { numbers.copy_(numbers.flip({0})); },
      [&] { numbers.copy_(numbers.roll(1)); },
      [&] { numbers.copy_(numbers.index_select(0, at::arange(96).roll(16))); },
      [&] { std::swap(numbers.data_ptr<float>()[3], numbers.data_ptr<float>()[19]); },
      [&] { numbers[5].zero_(); },
      [&] { numbers.zero_(); },
      [&] { numbers.fill_(-0.0); },
  };
  for (std::size_t i = 0; i < writes.size(); ++i) {
    writes[i]();
    EXPECT_TRUE(seen.insert(of(numbers)).second) << "write " << i;
  }
}

/// Changes that a sum of index times value would miss.
TEST_P(Checksum, ChangesWithEveryPermutation) {
  EXPECT_NE(of(at::tensor({1.0F, -1.0F, -1.0F, 1.0F})), of(at::tensor({-1.0F, 1.0F, 1.0F, -1.0F})));
  std::set<std::uint64_t> seen;
  std::vector<std::int64_t> order{0, 1, 2, 3, 4, 5};
  std::size_t permutations = 0;
  do {
    seen.insert(of(at::tensor(order)));
    seen.insert(of(at::eye(6).index_select(0, at::tensor(order))));
    permutations += 2;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(seen.size(), permutations);
}

/// Changes that a linear sum would miss, because they cancel.
TEST_P(Checksum, ChangesWhenAColumnIsNegated) {
  for (const auto& [rows, columns] : {std::pair{4, 16}, {8, 16}, {2, 2}, {12, 48}, {4, 1}}) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      at::manual_seed(seed);
      const auto weight = at::randn({rows, columns});
      const auto before = of(weight);
      weight.select(1, static_cast<std::int64_t>(seed) % columns).neg_();
      ASSERT_NE(of(weight), before) << rows << "x" << columns << ", seed " << seed;
    }
  }
}

TEST_P(Checksum, DependsOnTheValuesOnly) {
  const auto numbers = at::randn({3, 5, 7, 9});
  EXPECT_EQ(of(numbers), of(numbers.clone()));
  const auto last = numbers.contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(of(last), of(last.clone()));
  // Memory between the rows of a strided view must not matter.
  const auto wide = at::randn({4, 10});
  const auto narrow = wide.narrow(1, 0, 5);
  const auto before = of(narrow);
  wide.narrow(1, 5, 5).zero_();
  EXPECT_EQ(of(narrow), before);
  for (const auto type : {at::kDouble, at::kLong, at::kByte, at::kBool}) {
    const auto ones = at::ones({5}, type), other = ones.clone();
    other[4].zero_();
    EXPECT_NE(of(ones), of(other)) << type;
  }
  EXPECT_NE(of(at::zeros({2})), of(at::zeros({3})));
  of(at::empty({0}));
}

TEST_P(Checksum, DoesNotDependOnTheNumberOfThreads) {
  const auto numbers = at::randn({1 << 18});
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = of(numbers);
  at::set_num_threads(3);
  EXPECT_EQ(of(numbers), one);
  at::set_num_threads(threads);
}

TEST(ChecksumOfTensors, DependsOnTheOrderOfTensors) {
  const auto one = at::randn({5}), two = at::randn({5});
  EXPECT_NE(checksum({one, two}), checksum({two, one}));
  EXPECT_EQ(checksum({one, two}), checksum({one.clone(), two.clone()}));
}

const Function kLoops = [](const at::Tensor& tensor) { return checksum({tensor}); };
const Function kOperators = [](const at::Tensor& tensor) {
  return static_cast<std::uint64_t>(checksum_by_operators(tensor).item<std::int64_t>());
};

INSTANTIATE_TEST_SUITE_P(, Checksum, ::testing::Values(kLoops, kOperators),
                         [](const auto& test) { return test.index == 0 ? "Loops" : "Operators"; });

}  // namespace
}  // namespace glow::ops::checksum_test
