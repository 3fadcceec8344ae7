// Trains one model in several processes, which are simulated by threads.
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/train/trainer.h>

#include "support/process_threads.h"
#include "support/random_weights.h"
#include "support/tensors.h"
#include "support/throws.h"
#include "support/tiny_training.h"
#include "train/gradient_sum.h"

namespace glow::train::processes_test {
namespace {

using namespace glow::testing;
using CommunicatorPointer = std::shared_ptr<distributed::Communicator>;

class ProcessesByMemoryPolicy : public ::testing::TestWithParam<nn::MemoryPolicy> {};

TEST_P(ProcessesByMemoryPolicy, SlicedGradientSumEqualsTheGradientOfOneProcess) {
  const nn::GlowOptions options{.channels = 3, .height = 8, .width = 8, .levels = 3, .depth = 2, .hidden_width = 4};
  const auto x = random_images(options, 7, 1);
  const auto gradients = [&](nn::Glow& model, const torch::Tensor& images) {
    model->flat_parameters().gradients().zero_();
    model->log_prob(images).sum().backward();
    return model->flat_parameters().gradients();
  };
  auto alone = random_model(options);
  const auto expected = gradients(alone, x);
  as_processes(3, [&](const CommunicatorPointer& processes) {
    auto model = random_model(options);
    model->set_memory_policy(GetParam());
    constexpr std::int64_t kSliceBytes = 512;
    GradientSum sum(model, processes, kSliceBytes);
    EXPECT_GT(expected.numel() * static_cast<std::int64_t>(expected.element_size()), 7 * kSliceBytes);
    const auto shard = processes->shard();
    for (int step = 0; step < 2; ++step) {
      sum.expect();
      const auto summed = gradients(model, x.narrow(0, shard.begin(7), shard.size(7)));
      sum.finish();
      EXPECT_LT((summed - expected).abs().max().item<double>(), 1e-12 * expected.abs().max().item<double>());
    }
  });
}

INSTANTIATE_TEST_SUITE_P(, ProcessesByMemoryPolicy,
                         ::testing::Values(nn::MemoryPolicy::kStore, nn::MemoryPolicy::kRecompute,
                                           nn::MemoryPolicy::kReversible),
                         [](const auto& test) { return to_string(test.param); });

/// One step of a trainer on this process's shard of eight images.
StepReport take_step(Trainer& trainer, const distributed::Communicator& processes, const TrainOptions& options) {
  const auto shard = processes.shard();
  std::vector<std::int64_t> indices(static_cast<std::size_t>(shard.size(options.batch)));
  std::iota(indices.begin(), indices.end(), shard.begin(options.batch));
  return trainer.step(tiny_images(options.batch)->bytes(indices), {}, options.batch);
}

TEST(Processes, AllRanksStopAfterTheSameStep) {
  auto options = tiny_options();
  options.batch = 8;
  std::vector<std::int64_t> stopped_after(3);
  as_processes(3, [&](const CommunicatorPointer& processes) {
    Trainer trainer(started_tiny_model(), options, processes);
    EXPECT_FALSE(take_step(trainer, *processes, options).stop_asked);
    if (processes->rank() == 2) processes->ask_to_stop();
    while (!take_step(trainer, *processes, options).stop_asked) EXPECT_LT(trainer.steps_done(), 10);
    stopped_after[static_cast<std::size_t>(processes->rank())] = trainer.steps_done();
  });
  // Rank 2 knows of the request at once, but all ranks stop after the same step.
  EXPECT_EQ(stopped_after, (std::vector<std::int64_t>(3, 2)));
}

TEST(Processes, ResyncCorrectsRoundingAndRefusesLargerDifferences) {
  auto options = tiny_options();
  options.batch = 8;
  as_processes(3, [&](const CommunicatorPointer& processes) {
    auto model = started_tiny_model();
    Trainer trainer(model, options, processes);
    take_step(trainer, *processes, options);
    EXPECT_FALSE(trainer.resync_replicas());
    const torch::NoGradGuard no_grad;
    const auto& weights = model->flat_parameters().values();
    const auto before = weights.clone();
    // First a difference as small as rounding errors, then larger ones.
    if (processes->rank() == 1) weights.mul_(1 + 1e-6);
    EXPECT_TRUE(trainer.resync_replicas());
    EXPECT_TRUE(weights.equal(before));
    for (const double broken : {0.999, std::nan("")}) {
      if (processes->rank() == 1) weights.mul_(1 + 1e-6);
      if (processes->rank() == 2) weights.mul_(broken);
      EXPECT_TRUE(throws<Error>([&] { trainer.resync_replicas(); }, {"after step 1 rank 2 has other weights"}));
    }
  });
}

TEST(Processes, TrainingEqualsOneProcessAfterAnyModuleOperation) {
  auto options = tiny_options();
  options.batch = 8;
  const auto in_float64 = [] {
    auto model = started_tiny_model();
    model->to(torch::kDouble);
    return model;
  };
  const std::vector<std::function<void(nn::GlowImpl&)>> acts{
      [](nn::GlowImpl&) {},
      [](nn::GlowImpl& model) { model.zero_grad(true); },
      [](nn::GlowImpl& model) {
        // Gives the parameters new autograd nodes.
        for (auto& parameter : model.parameters()) {
          const auto values = parameter.detach().clone();
          parameter.set_data(values.to(torch::kFloat));
          parameter.set_data(values);
        }
      },
      [](nn::GlowImpl& model) { model.eval(); },
      [](nn::GlowImpl&) {},
  };
  auto alone = in_float64();
  Trainer expected(alone, options);
  for (std::size_t step = 0; step < acts.size(); ++step) expected.step(tiny_images(8)->bytes({0, 1, 2, 3, 4, 5, 6, 7}));
  const auto weights = alone->flat_parameters().values();
  as_processes(2, [&](const CommunicatorPointer& processes) {
    auto model = in_float64();
    Trainer trainer(model, options, processes);
    for (const auto& act : acts) {
      const torch::NoGradGuard no_grad;
      act(*model);
      EXPECT_FALSE(take_step(trainer, *processes, options).skipped);
    }
    EXPECT_LT((model->flat_parameters().values() - weights).abs().max().item<double>(), 1e-9);
  });
}

TEST(Processes, StepRequiresTheGlobalBatchSize) {
  const auto options = tiny_options();
  as_processes(2, [&](const CommunicatorPointer& processes) {
    Trainer trainer(started_tiny_model(), options, processes);
    EXPECT_TRUE(throws<ConfigError>([&] { trainer.step(tiny_images(2)->bytes({0, 1})); }, {"batch", "got 0"}));
  });
}

TEST(Processes, ModelStopsSummingAfterItsTrainerIsDestroyed) {
  auto options = tiny_options();
  options.batch = 8;
  auto realnvp = nn::GlowOptions::of_family(nn::Family::kRealNVP);
  realnvp.channels = 1;
  realnvp.height = realnvp.width = kTinySize;
  realnvp.levels = 1;
  realnvp.hidden_width = 4;
  realnvp.residual_blocks = 1;
  as_processes(2, [&](const CommunicatorPointer& processes) {
    nn::Glow batch_norms(realnvp, 1);
    auto model = started_tiny_model();
    const auto x = model->quantizer().center(tiny_images(4)->bytes({0, 1, 2, 3}));
    batch_norms->initialize(x);
    torch::Tensor late;
    {
      Trainer trainer(batch_norms, options, processes), other(model, options, processes);
      take_step(trainer, *processes, options);
      take_step(other, *processes, options);
      late = model->log_prob(x).sum();
    }
    // The destructor of the first trainer does not unregister the sums of the second.
    auto replaced = std::make_unique<Trainer>(batch_norms, options, processes);
    replaced = std::make_unique<Trainer>(batch_norms, options, processes);
    EXPECT_TRUE(batch_norms->sum_over_processes());
    replaced = nullptr;
    // Neither model may still sum over the processes, because the other process has returned.
    if (processes->rank() == 1) return;
    late.backward();
    batch_norms->log_prob(x).sum().backward();
  });
}

}  // namespace
}  // namespace glow::train::processes_test
