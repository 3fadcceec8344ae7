#include <glow/train/trainer.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <tuple>
#include <utility>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/tensors.h"
#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::train::trainer_test {
namespace {

using glow::testing::close;
using glow::testing::started_tiny_model;
using glow::testing::throws;
using glow::testing::tiny_images;
using glow::testing::tiny_model;
using glow::testing::tiny_options;

const std::vector<std::int64_t> kIndices{0, 1, 2, 3, 4, 5, 6, 7};

torch::Tensor bytes() { return tiny_images(8)->bytes(kIndices); }
torch::Tensor labels() { return tiny_images(8)->labels(kIndices); }

torch::Tensor weights(nn::Glow& model) { return model->flat_parameters().values(); }

TEST(Trainer, LossDecreases) {
  auto options = tiny_options();
  options.learning_rate = 1e-2;
  Trainer trainer(started_tiny_model(), options);
  double first = 0, last = 0;
  for (int step = 1; step <= 60; ++step) {
    const auto report = trainer.step(bytes());
    EXPECT_EQ(report.step, step);
    EXPECT_EQ(report.class_bits, 0);
    EXPECT_GT(report.gradient_norm, 0);
    if (step <= 5) first += report.bits_per_dim / 5;
    if (step > 55) last += report.bits_per_dim / 5;
  }
  EXPECT_EQ(trainer.steps_done(), 60);
  EXPECT_LT(last, first - 0.5);
}

TEST(Trainer, UpdatesRunningMomentsUnlessTheStepIsSkipped) {
  auto options = nn::GlowOptions::of_family(nn::Family::kRealNVP);
  options.channels = 1;
  options.height = options.width = 4;
  options.levels = 2;
  options.hidden_width = 3;
  options.residual_blocks = 1;
  nn::Glow model(options, 1);
  model->initialize(model->quantizer().dequantize(bytes(), 0));
  Trainer trainer(model, tiny_options());
  const auto mean = model->named_parameters()["levels.0.steps.0.batch_norm.running_mean"];
  const auto before = mean.clone();
  EXPECT_FALSE(trainer.step(bytes()).skipped);
  EXPECT_FALSE(mean.equal(before));
  EXPECT_TRUE(mean.grad().eq(0).all().item<bool>());

  // A skipped step changes nothing.
  const torch::NoGradGuard no_grad;
  model->named_parameters()["levels.1.steps.3.network.bound"].fill_(std::numeric_limits<float>::quiet_NaN());
  const auto weights_before = weights(model).clone();
  EXPECT_TRUE(trainer.step(bytes()).skipped);
  EXPECT_TRUE(weights(model).nan_to_num(7).equal(weights_before.nan_to_num(7)));
}

TEST(Trainer, DensitiesUseTheWeightsAfterTheStep) {
  auto options = tiny_options();
  auto model = started_tiny_model();
  Trainer trainer(model, options);
  const auto x = model->quantizer().center(bytes());
  const auto density = [&] {
    const torch::NoGradGuard no_grad;
    return model->log_prob(x);
  };
  auto before = density();
  for (int step = 0; step < 3; ++step) {
    trainer.step(bytes());
    const auto after = density();
    EXPECT_EQ(after.equal(before), trainer.schedule().learning_rate(step) == 0);
    before = after;
  }
}

/// Gradient and loss of the first step, computed here from the definition.
TEST(Trainer, ReportsTheLossAndItsGradientNorm) {
  auto options = tiny_options();
  options.weight_y = 0.25;
  options.seed = 9;
  auto model = started_tiny_model(3);
  model->to(at::kDouble);
  nn::Glow twin(std::dynamic_pointer_cast<nn::GlowImpl>(model->clone()));
  const auto x = twin->quantizer().dequantize(
      bytes(), 1, {.seed = 9, .stream = ops::Stream::kTrainingNoise, .indices = kIndices, .dtype = at::kDouble});
  const auto encoding = twin->evaluate(x, labels());
  const auto bits = twin->quantizer().bits_per_dim(encoding.log_prob).mean();
  const auto chosen = encoding.class_logits.log_softmax(1).gather(1, labels().view({-1, 1}));
  const auto class_bits = -chosen.mean() / std::numbers::ln2;
  twin->flat_parameters().gradients();
  (bits + 0.25 * class_bits).backward();

  Trainer trainer(model, options);
  const auto report = trainer.step(bytes(), labels());
  EXPECT_NEAR(report.bits_per_dim, bits.item<double>(), 1e-10);
  EXPECT_NEAR(report.class_bits, class_bits.item<double>(), 1e-10);
  EXPECT_NEAR(report.gradient_norm, twin->flat_parameters().gradients().norm().item<double>(), 1e-10);
  EXPECT_EQ(report.learning_rate, options.learning_rate);
}

TEST(Trainer, DuplicateImagesOfABatchGetDifferentNoise) {
  // A batch can contain an image twice when it crosses the end of an epoch.
  auto model = started_tiny_model();
  model->to(at::kDouble);
  nn::Glow twin(std::dynamic_pointer_cast<nn::GlowImpl>(model->clone()));
  const auto twice = tiny_images(8)->bytes({3, 3});
  auto options = tiny_options();
  options.batch = 2;
  const auto bits = Trainer(model, options).step(twice).bits_per_dim;
  const auto bits_with = [&](const std::vector<std::int64_t>& places) {
    const torch::NoGradGuard no_grad;
    const auto x = twin->quantizer().dequantize(
        twice, 1, {.stream = ops::Stream::kTrainingNoise, .indices = places, .dtype = at::kDouble});
    return twin->quantizer().bits_per_dim(twin->log_prob(x)).mean().item<double>();
  };
  EXPECT_NEAR(bits, bits_with({0, 1}), 1e-10);
  EXPECT_GT(std::abs(bits - bits_with({0, 0})), 1e-6);
  EXPECT_GT(std::abs(bits - bits_with({1, 1})), 1e-6);
}

TEST(Trainer, LearnsToClassify) {
  auto options = tiny_options();
  options.weight_y = 100;  // makes the classification loss dominate
  options.learning_rate = 1e-2;
  Trainer trainer(started_tiny_model(3), options);
  const double before = trainer.step(bytes(), labels()).class_bits;
  EXPECT_NEAR(before, std::log2(3), 1e-5);
  double after = 0;
  for (int step = 0; step < 60; ++step) after = trainer.step(bytes(), labels()).class_bits;
  EXPECT_LT(after, before - 0.1);
}

TEST(Trainer, LearningRateZeroLeavesTheWeights) {
  auto options = tiny_options();
  options.warmup_epochs = 10;
  auto model = started_tiny_model();
  const auto before = weights(model).clone();
  Trainer trainer(model, options);
  EXPECT_EQ(trainer.step(bytes()).learning_rate, 0);
  EXPECT_TRUE(weights(model).equal(before));
  EXPECT_GT(trainer.step(bytes()).learning_rate, 0);
  EXPECT_FALSE(weights(model).equal(before));
}

TEST(Trainer, ReportsTheGradientNormBeforeClipping) {
  auto options = tiny_options();
  options.clip_norm = 1e-3;
  auto model = started_tiny_model();
  const double norm = Trainer(model, tiny_options()).step(bytes()).gradient_norm;
  auto clipped = started_tiny_model();
  const auto report = Trainer(clipped, options).step(bytes());
  EXPECT_GT(report.gradient_norm, 0.01);
  EXPECT_DOUBLE_EQ(report.gradient_norm, norm);
  EXPECT_NEAR(clipped->flat_parameters().gradients().norm().item<double>(), 1e-3, 1e-8);
}

/// A deep copy: the tensors of Trainer::state are the trainer's own.
TrainingState copied(TrainingState state) {
  for (auto* tensor : {&state.parameters, &state.first_moment, &state.second_moment, &state.average}) {
    *tensor = tensor->clone();
  }
  for (auto& [name, buffer] : state.buffers) buffer = buffer.clone();
  return state;
}

TEST(Trainer, SkippedStepChangesOnlyTheCounters) {
  auto model = started_tiny_model();
  const auto options = tiny_options();
  Trainer trainer(model, options);
  trainer.step(bytes());
  const auto broken = weights(model).select(0, 0);
  const auto sound = broken.clone();
  const auto set_to = [&](const torch::Tensor& value) {
    const torch::NoGradGuard no_grad;
    broken.copy_(value);
  };
  set_to(torch::tensor(std::numeric_limits<float>::infinity()));
  const auto before = copied(trainer.state());
  const auto report = trainer.step(bytes());
  EXPECT_TRUE(report.skipped);
  EXPECT_EQ(report.step, 2);
  const auto after = trainer.state();
  EXPECT_TRUE(after.parameters.equal(before.parameters));
  EXPECT_TRUE(after.first_moment.equal(before.first_moment));
  EXPECT_TRUE(after.second_moment.equal(before.second_moment));
  EXPECT_TRUE(after.average.equal(before.average));
  EXPECT_EQ(std::tuple(after.step, after.skipped, after.skipped_in_a_row), std::tuple(2, 1, 1));

  set_to(sound);
  auto expected = before;
  expected.parameters = weights(model).clone();
  EXPECT_EQ(expected.updates(), 1);
  Optimizer twin(options.optimizer, trainer.schedule().beta2(), trainer.schedule().ema_decay(),
                 expected.parameters.options());
  EXPECT_FALSE(trainer.step(bytes()).skipped);
  twin.apply(expected, model->flat_parameters().gradients(), at::ones({}), options.learning_rate);
  EXPECT_TRUE(weights(model).equal(expected.parameters));
  const auto end = trainer.state();
  EXPECT_EQ(std::tuple(end.step, end.skipped, end.skipped_in_a_row), std::tuple(3, 1, 0));
}

TEST(Trainer, NamesTheNonFiniteGradientOrLayer) {
  auto model = started_tiny_model(3);
  Trainer trainer(model, tiny_options());
  EXPECT_EQ(trainer.first_not_finite(), "");
  trainer.step(bytes(), labels());
  EXPECT_EQ(trainer.first_not_finite(), "");
  // The first one in the order of the backward pass is reported.
  for (const auto* name : {"levels.0.steps.0.actnorm.bias", "levels.1.steps.0.coupling.net.conv2.weight"}) {
    model->named_parameters()[name].mutable_grad().view(-1)[0] = std::nan("");
    EXPECT_EQ(trainer.first_not_finite(), std::string("the gradient of ") + name);
  }
  const torch::NoGradGuard no_grad;
  model->named_parameters()["levels.0.steps.0.coupling.net.conv2.weight"].view(-1)[0] = std::nan("");
  EXPECT_EQ(trainer.first_not_finite(), "levels.0.steps.0.coupling.net.conv2");
}

TEST(Trainer, HalvesTheLearningRatePerRollback) {
  Trainer trainer(started_tiny_model(), tiny_options());
  auto state = copied(trainer.state());
  for (const auto& [rollbacks, part] : {std::pair{0, 1.0}, {1, 0.5}, {2, 0.25}}) {
    state.rollbacks = rollbacks;
    trainer.restore(state);
    EXPECT_EQ(trainer.state().rollbacks, rollbacks);
    EXPECT_EQ(trainer.step(bytes()).learning_rate, part * tiny_options().learning_rate);
  }
}

TEST(Trainer, AveragedModelIsASeparateModel) {
  auto options = tiny_options();
  options.ema_decay = 0.5;
  auto model = started_tiny_model();
  Trainer trainer(model, options);
  EXPECT_TRUE(weights(model).equal(trainer.averaged_model()->flat_parameters().values()));
  trainer.step(bytes());
  const auto first = weights(model).clone();
  trainer.step(bytes());
  auto averaged = trainer.averaged_model();
  EXPECT_TRUE(close(weights(averaged), (first + 2 * weights(model)) / 3, 1e-6));
  EXPECT_FALSE(averaged->is_training());
  EXPECT_TRUE(averaged->initialized());
  EXPECT_NE(weights(averaged).data_ptr(), weights(model).data_ptr());
}

TEST(Trainer, AveragedModelHasTheLatestWeightsWithoutDecay) {
  auto options = tiny_options();
  options.ema_decay = 0;
  auto model = started_tiny_model();
  Trainer trainer(model, options);
  for (int step = 0; step < 3; ++step) trainer.step(bytes());
  EXPECT_TRUE(weights(model).equal(trainer.averaged_model()->flat_parameters().values()));
}

class TrainerRestore : public ::testing::TestWithParam<OptimizerKind> {};

TEST_P(TrainerRestore, ContinuesBitForBit) {
  auto options = tiny_options();
  options.optimizer = GetParam();
  auto model = started_tiny_model();
  Trainer trainer(model, options);
  for (int step = 0; step < 3; ++step) trainer.step(bytes());
  const auto state = copied(trainer.state());
  for (int step = 0; step < 3; ++step) trainer.step(bytes());

  auto other = tiny_model(0, /*seed=*/77);
  other->mark_initialized();
  Trainer continued(other, options);
  continued.averaged_model();
  continued.restore(state);
  EXPECT_EQ(continued.steps_done(), 3);
  for (int step = 0; step < 3; ++step) continued.step(bytes());
  EXPECT_TRUE(weights(other).equal(weights(model)));
  auto average = trainer.averaged_model(), continued_average = continued.averaged_model();
  EXPECT_TRUE(weights(continued_average).equal(weights(average)));
  const torch::NoGradGuard no_grad;
  const auto x = model->quantizer().center(bytes());
  EXPECT_TRUE(continued_average->log_prob(x).equal(average->log_prob(x)));
}

TEST_P(TrainerRestore, RefusesAStateOfOtherOptions) {
  auto options = tiny_options();
  options.optimizer = GetParam();
  Trainer trainer(started_tiny_model(), options);
  trainer.step(bytes());
  const auto state = copied(trainer.state());
  const auto restore_with = [&](const std::function<void(TrainOptions&)>& change, const TrainingState& from) {
    auto changed = options;
    change(changed);
    auto model = started_tiny_model();
    const auto before = weights(model).clone();
    Trainer other(model, changed);
    try {
      other.restore(from);
    } catch (const ConfigError&) {
      EXPECT_TRUE(weights(model).equal(before));
      EXPECT_EQ(other.steps_done(), 0);
      throw;
    }
  };
  const std::vector<std::pair<std::string, std::function<void(TrainOptions&)>>> changes{
      {"batch", [](TrainOptions& changed) { changed.batch = 8; }},
      {"seed", [](TrainOptions& changed) { changed.seed = 1; }},
      {"optimizer",
       [](TrainOptions& changed) {
         changed.optimizer = changed.optimizer == OptimizerKind::kAdam ? OptimizerKind::kAdamax : OptimizerKind::kAdam;
       }},
      {"beta2", [](TrainOptions& changed) { changed.beta2 = 0.98; }},
      {"ema_decay", [](TrainOptions& changed) { changed.ema_decay = 0.7; }},
  };
  for (const auto& [name, change] : changes) {
    EXPECT_TRUE(throws<ConfigError>([&, &change = change] { restore_with(change, state); },
                                    {name + ": the state to continue from was trained with "}));
  }
  restore_with([](TrainOptions& changed) { changed.learning_rate = 1e-4; }, state);
  // A state without options, of an earlier version, is not checked.
  auto silent = state;
  silent.options.reset();
  restore_with(changes[0].second, silent);
}

INSTANTIATE_TEST_SUITE_P(Optimizers, TrainerRestore, ::testing::Values(OptimizerKind::kAdamax, OptimizerKind::kAdam),
                         [](const auto& test) { return to_string(test.param); });

nn::Glow model_of_two_steps() {
  const nn::GlowOptions options{.channels = 1, .height = 4, .width = 4, .levels = 1, .depth = 2, .hidden_width = 4};
  nn::Glow model(options, 1);
  model->initialize(model->quantizer().dequantize(bytes(), 0));
  return model;
}

/// A model with a map that cannot be inverted in float32.
nn::Glow nearly_singular_model() {
  auto model = model_of_two_steps();
  const torch::NoGradGuard no_grad;
  auto weight = model->named_parameters()["levels.0.steps.0.permutation.weight"];
  weight[0].copy_(weight[1] + 1e-6 * weight[0]);
  return model;
}

TEST(Trainer, FallsBackToRecomputeIfReconstructionIsInaccurate) {
  auto options = tiny_options();
  auto stored = nearly_singular_model(), rebuilt = nearly_singular_model();
  Trainer expected(stored, options);
  options.memory = nn::MemoryPolicy::kReversible;
  Trainer trainer(rebuilt, options);
  const auto report = trainer.step(bytes());
  EXPECT_TRUE(report.fell_back);
  EXPECT_GT(report.reconstruction_error, largest_reconstruction_error(torch::kFloat, nn::HiddenPrecision::kFull));
  EXPECT_EQ(report.bits_per_dim, expected.step(bytes()).bits_per_dim);
  EXPECT_TRUE(weights(rebuilt).equal(weights(stored)));
  // All later steps use recompute too, also after a restart.
  Trainer restarted(nearly_singular_model(), options);
  restarted.restore(trainer.state());
  for (auto* later : {&trainer, &restarted}) {
    const auto next = later->step(bytes());
    EXPECT_FALSE(next.fell_back);
    EXPECT_FALSE(next.has_rebuilt());
  }
}

TEST(Trainer, ReversiblePolicyReconstructsAccurately) {
  auto options = tiny_options();
  options.memory = nn::MemoryPolicy::kReversible;
  Trainer trainer(model_of_two_steps(), options);
  for (int step = 0; step < 3; ++step) {
    const auto report = trainer.step(bytes());
    EXPECT_FALSE(report.fell_back);
    EXPECT_GT(report.reconstruction_error, 0);
    EXPECT_LT(report.reconstruction_error, 1e-5);
  }
}

/// A short form of the comparison in docs/performance.md: the demo preset with and without --precision bf16.
TEST(Trainer, Bf16TrainingReachesTheSameLoss) {
  auto options = tiny_options();
  options.learning_rate = 2e-3;
  const auto learned = [&](nn::HiddenPrecision precision) {
    nn::Glow model(nn::GlowOptions{.channels = 1, .height = 4, .width = 4, .levels = 2, .depth = 6, .hidden_width = 24},
                   1);
    model->initialize(model->quantizer().dequantize(tiny_images(32)->bytes({0, 1, 2, 3, 4, 5, 6, 7}), 0));
    model->set_hidden_precision(precision);
    Trainer trainer(model, options);
    for (int step = 0; step < 60; ++step) trainer.step(bytes());
    return trainer.averaged_model();
  };
  const auto bits = [](nn::Glow model, nn::HiddenPrecision precision) {
    const torch::NoGradGuard no_grad;
    model->set_hidden_precision(precision);
    const auto x = model->quantizer().dequantize(bytes(), 0, {.seed = 5});
    return model->quantizer().bits_per_dim(model->log_prob(x)).mean().item<double>();
  };
  const auto full = learned(nn::HiddenPrecision::kFull), bf16 = learned(nn::HiddenPrecision::kBf16);
  EXPECT_EQ(bf16->hidden_precision(), nn::HiddenPrecision::kBf16);
  const double expected = bits(full, nn::HiddenPrecision::kFull);
  EXPECT_NE(bits(full, nn::HiddenPrecision::kBf16), expected);
  EXPECT_NEAR(bits(full, nn::HiddenPrecision::kBf16), expected, 0.01);
  // The weights trained in bf16 differ, because of rounding.
  EXPECT_NEAR(bits(bf16, nn::HiddenPrecision::kBf16), expected, 0.05);
}

TEST(Trainer, RestoreRefusesAnInvalidStateAndChangesNothing) {
  auto model = started_tiny_model();
  Trainer trainer(model, tiny_options());
  const auto before = weights(model).clone();
  const auto refuses = [&](auto spoil, std::initializer_list<std::string_view> parts) {
    auto state = copied(trainer.state());
    state.parameters.fill_(1);
    spoil(state);
    return throws<FormatError>([&] { trainer.restore(state); }, parts);
  };
  EXPECT_TRUE(refuses([](auto& state) { state.average = at::zeros({3}); }, {"'average'", "[3]"}));
  EXPECT_TRUE(refuses([](auto& state) { state.second_moment = state.second_moment.to(at::kDouble); },
                      {"'second_moment'", "Float", "Double"}));
  EXPECT_TRUE(refuses([](auto& state) { state.buffers.clear(); }, {"missing tensor 'buffers.levels.0.steps.0"}));
  EXPECT_TRUE(
      refuses([](auto& state) { state.buffers["extra"] = at::zeros(1); }, {"unknown tensor \"buffers.extra\""}));
  EXPECT_TRUE(refuses([](auto& state) { state.step = -1; }, {"step", "-1"}));
  EXPECT_TRUE(refuses([](auto& state) { state.skipped = state.step + 1; }, {"skipped", "expected 0 to 0, got 1"}));
  EXPECT_TRUE(refuses([](auto& state) { state.rollbacks = -1; }, {"rollbacks", "-1"}));
  EXPECT_TRUE(weights(model).equal(before));
}

TEST(Trainer, RefusesAModelItCannotTrain) {
  EXPECT_TRUE(throws<ConfigError>([] { Trainer(tiny_model(), tiny_options()); }, {"not initialised"}));
  auto options = tiny_options();
  options.weight_y = 0.1;
  EXPECT_TRUE(throws<ConfigError>([&] { Trainer(started_tiny_model(), options); }, {"weight_y", "unconditional"}));
  options.batch = 0;
  EXPECT_TRUE(throws<ConfigError>([&] { Trainer(started_tiny_model(3), options); }, {"batch"}));
}

TEST(Trainer, RefusesWrongLabelsAndGoesOn) {
  Trainer trainer(started_tiny_model(3), tiny_options());
  const auto wrong = at::full_like(labels(), 3);
  EXPECT_TRUE(throws<ConfigError>([&] { trainer.step(bytes(), wrong); }, {"labels", "0 to 2", "3"}));
  EXPECT_TRUE(throws<ShapeError>([&] { trainer.step(bytes(), at::zeros({2}, at::kLong)); }, {"labels", "[2]"}));
  EXPECT_TRUE(trainer.is_sound());
  EXPECT_FALSE(trainer.step(bytes(), labels()).skipped);
  EXPECT_EQ(trainer.steps_done(), 1);
}

}  // namespace
}  // namespace glow::train::trainer_test
