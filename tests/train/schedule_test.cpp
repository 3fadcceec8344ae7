#include <glow/train/options.h>

#include <cmath>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"

namespace glow::train::schedule_test {
namespace {

using glow::testing::throws;

TEST(Schedule, WarmsUpLinearlyOverTenEpochsOf50000Images) {
  const Schedule schedule({.batch = 50, .learning_rate = 1e-3}, 32, 32);
  EXPECT_EQ(schedule.learning_rate(0), 0);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(1), 1e-7);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(5'000), 5e-4);
  EXPECT_EQ(schedule.learning_rate(10'000), 1e-3);
  EXPECT_EQ(schedule.learning_rate(1'000'000'000), 1e-3);
}

TEST(Schedule, CountsImagesInUnitsOf32x32Pixels) {
  // 64 x 32 pixels are two images.
  const Schedule schedule({.batch = 50, .learning_rate = 1e-3}, 64, 32);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(2'500), 5e-4);
  EXPECT_EQ(schedule.learning_rate(5'000), 1e-3);
}

TEST(Schedule, ZeroWarmupEpochsDisableTheWarmUp) {
  EXPECT_EQ(Schedule({.learning_rate = 2e-3, .warmup_epochs = 0}, 32, 32).learning_rate(0), 2e-3);
}

struct WarmUpOf {
  TrainOptions options;
  std::int64_t height, width, steps;
};

class ScheduleWarmUp : public ::testing::TestWithParam<WarmUpOf> {};

TEST_P(ScheduleWarmUp, HasSteps) {
  const auto& [options, height, width, steps] = GetParam();
  const Schedule schedule(options, height, width);
  EXPECT_EQ(schedule.warmup_steps(), steps);
  EXPECT_DOUBLE_EQ(schedule.learning_rate(steps), options.learning_rate);
  if (steps > 0) {
    EXPECT_EQ(schedule.learning_rate(0), 0);
    EXPECT_LT(schedule.learning_rate(steps - 1), (1 - 1e-9) * options.learning_rate);
  }
}

// 10 epochs of 50,000 images of 32x32 are 7,812.5 batches of 64, and 1,953.1 of 64x64.
INSTANTIATE_TEST_SUITE_P(, ScheduleWarmUp,
                         ::testing::Values(WarmUpOf{{.batch = 64, .steps = 254}, 64, 64, 25},
                                           WarmUpOf{{.batch = 64, .steps = 9}, 64, 64, 0},
                                           WarmUpOf{{.batch = 64, .steps = 10}, 64, 64, 1},
                                           WarmUpOf{{.batch = 7, .steps = 3333}, 28, 36, 333},
                                           WarmUpOf{{.batch = 64, .steps = 19'530}, 64, 64, 1953},
                                           WarmUpOf{{.batch = 64, .steps = 1'000'000}, 64, 64, 1954},
                                           WarmUpOf{{.batch = 64, .steps = 1'000'000}, 32, 32, 7813},
                                           // The length is not known here.
                                           WarmUpOf{{.batch = 64, .steps = 0}, 64, 64, 1954},
                                           // A given number is taken as it is.
                                           WarmUpOf{{.batch = 64, .steps = 254, .warmup_epochs = 10}, 64, 64, 1954},
                                           WarmUpOf{{.batch = 50, .steps = 254, .warmup_epochs = 0.02}, 32, 32, 20},
                                           WarmUpOf{{.batch = 64, .steps = 254, .warmup_epochs = 0}, 64, 64, 0}));

TEST(WithLengths, ChoosesNumbersOnce) {
  const TrainOptions given{.batch = 64, .epochs = 100};
  const auto chosen = with_lengths(given, 162, 18, 64, 64);
  EXPECT_DOUBLE_EQ(chosen.warmup_epochs, 25 * 64 * 4 / 50'000.0);
  EXPECT_EQ(chosen.steps, 0);
  for (const auto every : {chosen.eval_every, chosen.sample_every, chosen.checkpoint_every}) EXPECT_EQ(every, 25);
  auto longer = chosen;
  longer.steps = 1'000'000;
  const auto again = with_lengths(longer, 162, 18, 64, 64);
  EXPECT_EQ(again.warmup_epochs, chosen.warmup_epochs);
  EXPECT_EQ(again.eval_every, 25);
  const auto kept = with_lengths({.warmup_epochs = 3, .eval_every = 0, .sample_every = 7}, 162, 18, 64, 64);
  EXPECT_EQ(kept.warmup_epochs, 3);
  EXPECT_EQ(kept.eval_every, 0);
  EXPECT_EQ(kept.sample_every, 7);
}

TEST(AutomaticInterval, IsATenthOfTheRun) {
  EXPECT_EQ(automatic_interval(254, 64, 18), 25);
  EXPECT_EQ(automatic_interval(1, 64, 18), 10);
  EXPECT_EQ(automatic_interval(1'000'000, 64, 5000), 2000);
  // Evaluations do not take longer than the steps between them.
  EXPECT_EQ(automatic_interval(100, 64, 5000), 79);
  EXPECT_EQ(automatic_interval(100, 1, 50'000), 2000);
}

struct Decay {
  std::int64_t batch, height, width;
  double steps_an_epoch;
};

class ScheduleDecay : public ::testing::TestWithParam<Decay> {};

TEST_P(ScheduleDecay, AveragesOverOneEpoch) {
  const auto [batch, height, width, steps] = GetParam();
  const Schedule schedule({.batch = batch}, height, width);
  EXPECT_DOUBLE_EQ(schedule.beta2(), 1 - 1 / steps);
  EXPECT_EQ(schedule.ema_decay(), schedule.beta2());
  EXPECT_FALSE(schedule.is_floored());
}

INSTANTIATE_TEST_SUITE_P(Batches, ScheduleDecay,
                         ::testing::Values(Decay{64, 32, 32, 782}, Decay{50, 32, 32, 1000}, Decay{64, 64, 64, 196},
                                           Decay{4, 256, 256, 196}, Decay{64, 28, 28, 1021}, Decay{5'000, 32, 32, 10}));

TEST(Schedule, AveragesOverAtLeastTenSteps) {
  // With 49 images of 1024x1024 or more an epoch is one step, whose decay would be 0.
  for (const std::int64_t batch : {6, 49, 1'000'000}) {
    const Schedule schedule({.batch = batch}, 1024, 1024);
    EXPECT_DOUBLE_EQ(schedule.beta2(), 0.9) << batch;
    EXPECT_EQ(schedule.ema_decay(), schedule.beta2()) << batch;
    EXPECT_TRUE(schedule.is_floored()) << batch;
  }
  EXPECT_EQ(Schedule({.batch = 49, .beta2 = 0.5, .ema_decay = 0}, 1024, 1024).beta2(), 0.5);
}

TEST(TotalSteps, RoundDecimalEpochsUpToSteps) {
  const auto steps = [](double epochs, std::int64_t images, std::int64_t batch) {
    return total_steps({.batch = batch, .epochs = epochs}, images);
  };
  EXPECT_EQ(steps(1.1, 100, 1), 110);
  EXPECT_EQ(steps(0.1, 30, 1), 3);
  EXPECT_EQ(steps(1.15, 100, 5), 23);
  EXPECT_EQ(steps(2.3, 100, 10), 23);
  EXPECT_EQ(steps(0.07, 100, 1), 7);
  // A fraction of a step is rounded up.
  EXPECT_EQ(steps(1, 100, 64), 2);
  EXPECT_EQ(steps(1.001, 100, 1), 101);
  EXPECT_EQ(steps(1e-9, 100, 1), 1);
  // A multiple of 0.001 epochs of a million images is a whole number of images.
  for (int thousandths = 1; thousandths <= 20'000; ++thousandths) {
    const auto text = std::to_string(thousandths / 1000) + "." + std::to_string(1000 + thousandths % 1000).substr(1);
    ASSERT_EQ(steps(std::stod(text), 1'000'000, 1), thousandths * 1000) << text;
    ASSERT_EQ(steps(std::stod(text), 1'000'000, 1000), thousandths) << text;
  }
}

TEST(Schedule, GivenDecaysOverrideTheDefaults) {
  const Schedule both({.batch = 64, .beta2 = 0.99, .ema_decay = 0.5}, 32, 32);
  EXPECT_EQ(both.beta2(), 0.99);
  EXPECT_EQ(both.ema_decay(), 0.5);
  // The default of ema_decay does not depend on beta2.
  EXPECT_DOUBLE_EQ(Schedule({.batch = 64, .beta2 = 0.99}, 32, 32).ema_decay(), 1 - 1 / 782.0);
  EXPECT_EQ(Schedule({.ema_decay = 0}, 32, 32).ema_decay(), 0);
}

TEST(InitImages, HaveThePixelsOf256ImagesOf32x32ButAreAtLeast32) {
  EXPECT_EQ(init_images(0, 10'000, 32, 32), 256);
  EXPECT_EQ(init_images(0, 10'000, 64, 64), 64);
  EXPECT_EQ(init_images(0, 10'000, 256, 256), 32);
  EXPECT_EQ(init_images(0, 10'000, 16, 32), 512);
  EXPECT_EQ(init_images(0, 100, 32, 32), 100);
  EXPECT_EQ(init_images(7, 100, 32, 32), 7);
  EXPECT_EQ(init_images(700, 100, 32, 32), 100);
}

TEST(OptimizerKind, RoundTripsThroughText) {
  for (const auto kind : {OptimizerKind::kAdamax, OptimizerKind::kAdam}) {
    auto read = kind == OptimizerKind::kAdam ? OptimizerKind::kAdamax : OptimizerKind::kAdam;
    from_string(to_string(kind), read);
    EXPECT_EQ(read, kind);
  }
  OptimizerKind kind{};
  EXPECT_TRUE(throws<ConfigError>([&] { from_string("sgd", kind); }, {"optimizer", "'sgd'", "adamax, adam"}));
}

struct BadOption {
  const char* field;
  void (*spoil)(TrainOptions&);
  const char* seen;
};

class BadTrainOptions : public ::testing::TestWithParam<BadOption> {};

TEST_P(BadTrainOptions, AreRefusedWithTheNameOfTheField) {
  TrainOptions options;
  EXPECT_NO_THROW(options.validate());
  GetParam().spoil(options);
  EXPECT_TRUE(throws<ConfigError>([&] { options.validate(); }, {GetParam().field, GetParam().seen}));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadTrainOptions,
    ::testing::Values(BadOption{"batch: ", [](TrainOptions& o) { o.batch = 0; }, "got 0"},
                      BadOption{"steps: ", [](TrainOptions& o) { o.steps = -1; }, "got -1"},
                      BadOption{"epochs: ", [](TrainOptions& o) { o.epochs = 0; }, "got 0"},
                      BadOption{"lr: ", [](TrainOptions& o) { o.learning_rate = std::nan(""); }, "got nan"},
                      BadOption{"warmup_epochs: ", [](TrainOptions& o) { o.warmup_epochs = std::nan(""); }, "got nan"},
                      BadOption{"beta2: ", [](TrainOptions& o) { o.beta2 = 1; }, "got 1"},
                      BadOption{"ema_decay: ", [](TrainOptions& o) { o.ema_decay = 1; }, "got 1"},
                      BadOption{"ema_decay: ", [](TrainOptions& o) { o.ema_decay = std::nan(""); }, "got nan"},
                      BadOption{"clip_norm: ", [](TrainOptions& o) { o.clip_norm = -0.5; }, "got -0.5"},
                      BadOption{"log_every: ", [](TrainOptions& o) { o.log_every = 0; }, "got 0"},
                      BadOption{"keep: ", [](TrainOptions& o) { o.keep = 0; }, "got 0"}));

}  // namespace
}  // namespace glow::train::schedule_test
