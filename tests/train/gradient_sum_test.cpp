#include "train/gradient_sum.h"

#include <gtest/gtest.h>

#include "support/alike_processes.h"
#include "support/random_weights.h"
#include "support/tensors.h"

namespace glow::train::gradient_sum_test {
namespace {

using namespace glow::testing;

/// Notes the slices that are summed, and the waits for them.
class NotedProcesses : public AlikeProcesses {
 public:
  Wait start_sum(const torch::Tensor& tensor) override {
    AlikeProcesses::start_sum(tensor);
    offsets.push_back(tensor.storage_offset());
    ends.push_back(tensor.storage_offset() + tensor.numel());
    return [this] { ++waits; };
  }

  std::vector<std::int64_t> offsets, ends;
  std::size_t waits = 0;
};

class GradientSumTest : public ::testing::TestWithParam<nn::MemoryPolicy> {};

TEST_P(GradientSumTest, SumsEachSliceOnceAfterItsGradientsAreComplete) {
  const nn::GlowOptions options{
      .channels = 3, .height = 8, .width = 8, .levels = 3, .depth = 2, .hidden_width = 4, .num_classes = 2};
  auto model = random_model(options);
  model->set_memory_policy(GetParam());
  auto& gradients = model->flat_parameters();
  const auto x = random_images(options, 3, 1);
  const auto labels = torch::tensor({0, 1, 1});
  const auto backward = [&] {
    gradients.gradients().zero_();
    // The loss does not contain the classifier, whose weights therefore get no gradient.
    model->log_prob(x, labels).sum().backward();
  };
  backward();
  const auto alone = gradients.gradients().clone();

  const auto processes = std::make_shared<NotedProcesses>();
  GradientSum sum(model, processes, /*slice_bytes=*/512);
  for (int step = 0; step < 2; ++step) {
    *processes = NotedProcesses();
    // A backward pass before expect(), like that of the first part of an accumulated batch, starts no sum.
    backward();
    EXPECT_TRUE(processes->offsets.empty());
    sum.expect();
    backward();
    const auto started = processes->offsets.size();
    sum.finish();
    EXPECT_TRUE(gradients.gradients().equal(alone * 2)) << "step " << step;
    // The slices go from the end of the buffer to its beginning, without gaps.
    EXPECT_EQ(processes->ends.front(), alone.numel());
    EXPECT_EQ(processes->offsets.back(), 0);
    for (std::size_t i = 1; i < processes->ends.size(); ++i) EXPECT_EQ(processes->ends[i], processes->offsets[i - 1]);
    EXPECT_GT(processes->offsets.size(), 6u);
    EXPECT_EQ(processes->waits, processes->offsets.size());
    // Only the first step shows that the classifier gets no gradients: its sums start in finish().
    EXPECT_EQ(started == 0, step == 0);
  }
}

TEST_P(GradientSumTest, StartsDeeperLevelsBeforeTheFirstLevelIsComplete) {
  const nn::GlowOptions options{.channels = 3, .height = 8, .width = 8, .levels = 3, .depth = 2, .hidden_width = 4};
  auto model = random_model(options);
  model->set_memory_policy(GetParam());
  std::int64_t first_level = 0;
  for (const auto& parameter : model->named_parameters()) {
    if (parameter.key().starts_with("levels.0.")) first_level += parameter.value().numel();
  }
  const auto processes = std::make_shared<NotedProcesses>();
  GradientSum sum(model, processes, /*slice_bytes=*/512);
  // The gradient of the images is computed after those of all steps and before that of the first level's fold().
  auto x = (random_images(options, 3, 1).requires_grad_()) * 1;
  std::int64_t done = model->flat_parameters().values().numel();
  x.register_hook([&](const torch::Tensor&) {
    if (!processes->offsets.empty()) done = processes->offsets.back();
  });
  sum.expect();
  model->log_prob(x).sum().backward();
  sum.finish();
  // Everything above the first level, except less than a slice.
  EXPECT_LE(done, first_level + 2 * 512 / 8);
}

TEST_P(GradientSumTest, StartsAllSumsAfterTheBackwardPassIfWanted) {
  const nn::GlowOptions options{.channels = 3, .height = 8, .width = 8, .levels = 3, .depth = 2, .hidden_width = 4};
  auto model = random_model(options);
  model->set_memory_policy(GetParam());
  const auto gradients = model->flat_parameters().gradients();
  const auto x = random_images(options, 3, 1);
  model->log_prob(x).sum().backward();
  const auto alone = gradients.clone();
  const auto processes = std::make_shared<NotedProcesses>();
  GradientSum sum(model, processes, /*slice_bytes=*/512, /*during_backward=*/false);
  for (int step = 0; step < 2; ++step) {
    *processes = NotedProcesses();
    gradients.zero_();
    sum.expect();
    model->log_prob(x).sum().backward();
    EXPECT_TRUE(processes->offsets.empty());
    sum.finish();
    EXPECT_TRUE(gradients.equal(alone * 2)) << "step " << step;
    EXPECT_GT(processes->offsets.size(), 6u);
    EXPECT_EQ(processes->waits, processes->offsets.size());
  }
}

INSTANTIATE_TEST_SUITE_P(, GradientSumTest,
                         ::testing::Values(nn::MemoryPolicy::kStore, nn::MemoryPolicy::kRecompute,
                                           nn::MemoryPolicy::kReversible),
                         [](const auto& test) { return to_string(test.param); });

}  // namespace
}  // namespace glow::train::gradient_sum_test
