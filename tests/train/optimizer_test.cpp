#include <glow/train/optimizer.h>

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/train/options.h>

#include "support/reference.h"
#include "support/tensors.h"
#include "train/optimizer_elements.h"

namespace glow::train::optimizer_test {
namespace {

using glow::testing::close;
using glow::testing::expected_tensors;
using glow::testing::random_normal;

/// The optimiser and average of a run, with the state that they change.
class Updates {
 public:
  Updates(OptimizerKind kind, const torch::Tensor& parameters, double beta2, double ema_decay)
      : state_(initial_state(parameters.clone())), optimizer_(kind, beta2, ema_decay, parameters.options()) {}

  void update(const torch::Tensor& gradients, double learning_rate, bool wanted = true) {
    optimizer_.apply(state_, gradients, at::full({}, wanted, at::kBool), learning_rate);
    ++state_.step;
    state_.skipped += wanted ? 0 : 1;
  }
  /// Sets the parameters to `values`, then updates with a zero gradient, which leaves them.
  void update_at(const torch::Tensor& values) {
    state_.parameters.copy_(values);
    update(at::zeros_like(values), 0);
  }
  const TrainingState& state() const { return state_; }
  const torch::Tensor& parameters() const { return state_.parameters; }
  torch::Tensor average() const { return optimizer_.averaged_parameters(state_); }

 private:
  TrainingState state_;
  Optimizer optimizer_;
};

class OptimizerAgainstReference : public ::testing::TestWithParam<OptimizerKind> {};

TEST_P(OptimizerAgainstReference, EqualsTheReferenceFor1000Steps) {
  auto reference = expected_tensors("optimizer");
  const auto& gradients = reference.at("gradients");
  const auto& rates = reference.at("lr");
  const auto& expected = reference.at(to_string(GetParam()));
  const Schedule schedule({.batch = 256, .learning_rate = 1e-3}, 64, 64);

  Updates updates(GetParam(), reference.at("initial"), schedule.beta2(), schedule.ema_decay());
  for (std::int64_t t = 0; t < gradients.size(0); ++t) {
    EXPECT_DOUBLE_EQ(schedule.learning_rate(t), rates[t].item<double>());
    updates.update(gradients[t], schedule.learning_rate(t));
    ASSERT_TRUE(close(updates.parameters(), expected[t], 1e-12)) << "step " << t;
  }
}

/// In float32 the path deviates by no more than the rounding errors of a thousand updates.
TEST_P(OptimizerAgainstReference, Float32StaysCloseToTheReference) {
  auto reference = expected_tensors("optimizer");
  const auto gradients = reference.at("gradients").to(at::kFloat);
  const Schedule schedule({.batch = 256, .learning_rate = 1e-3}, 64, 64);
  Updates updates(GetParam(), reference.at("initial").to(at::kFloat), schedule.beta2(), schedule.ema_decay());
  for (std::int64_t t = 0; t < gradients.size(0); ++t) updates.update(gradients[t], schedule.learning_rate(t));
  EXPECT_TRUE(close(updates.parameters(), reference.at(to_string(GetParam()))[-1], 1e-4));
}

/// The average follows the weights after each update; an update with `wanted` 0 changes nothing.
TEST_P(OptimizerAgainstReference, AveragesWeightsAndSkipsUnwantedUpdates) {
  for (const double decay : {0.0, 0.3, 0.9}) {
    const auto initial = random_normal({9000}, 1), gradients = random_normal({9000}, 2);
    Updates all_wanted(GetParam(), initial, 0.99, decay), some_wanted(GetParam(), initial, 0.99, decay);
    auto average = at::zeros_like(initial);
    for (int step = 0; step < 3; ++step) {
      all_wanted.update(gradients, 1e-2);
      average.lerp_(all_wanted.parameters(), 1 - decay);
      some_wanted.update(gradients, 1e-2, /*wanted=*/false);
      some_wanted.update(gradients, 1e-2);
      EXPECT_TRUE(some_wanted.parameters().equal(all_wanted.parameters()));
      EXPECT_TRUE(some_wanted.state().second_moment.equal(all_wanted.state().second_moment));
      EXPECT_TRUE(some_wanted.average().equal(all_wanted.average()));
      EXPECT_TRUE(close(all_wanted.state().average, average, 1e-15));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OptimizerAgainstReference,
                         ::testing::Values(OptimizerKind::kAdamax, OptimizerKind::kAdam),
                         [](const auto& test) { return to_string(test.param); });

/// The update by the threads of a GPU, of packs of kCount numbers of type T, or of one number each.
template <class T, int kCount>
void update_by_packs(const OptimizerUpdate& update) {
  dispatch_update(update, [&]<class Number, class Element>(Number, const Element& element) {
    if constexpr (std::is_same_v<Number, T>) {
      const auto count = static_cast<std::uint32_t>(update.parameters.numel());
      const UpdatePack<T, Element, kCount> pack{
          update.parameters.data_ptr<T>(),
          update.gradients.data_ptr<T>(),
          update.first_moment.data_ptr<T>(),
          update.second_moment.data_ptr<T>(),
          update.average.data_ptr<T>(),
          T(update.average_gain),
          reinterpret_cast<const StepFactors<T>*>(update.step_factors.data_ptr<T>()),
          element,
          count};
      for (std::uint32_t index = 0; index < pack.threads(); ++index) pack(index);
    }
  });
}

/// An update of `count` numbers from the number `offset` of longer tensors on.
OptimizerUpdate random_update(OptimizerKind kind, torch::Dtype dtype, std::int64_t count, std::int64_t offset) {
  const auto random = [&](std::uint64_t seed) {
    const auto values = torch::empty({offset + count}, dtype).narrow(0, offset, count);
    return values.copy_(random_normal({count}, seed));
  };
  OptimizerUpdate update{.kind = kind,
                         .beta1 = 0.9,
                         .beta2 = 0.99,
                         .epsilon = 1e-8,
                         .average_gain = 0.1,
                         .parameters = random(1),
                         .gradients = random(2),
                         .first_moment = random(3),
                         .second_moment = random(4).abs(),
                         .average = random(5),
                         .step_factors = torch::tensor({1e-2, 1.5, 1.0}, dtype)};
  update.gradients[count / 2] = std::nan("");
  return update;
}

template <class T>
void expect_packs_match_the_cpu(OptimizerKind kind) {
  constexpr auto kType = c10::CppTypeToScalarType<T>::value;
  const auto expect_equal = [](const OptimizerUpdate& actual, const OptimizerUpdate& expected) {
    for (const auto tensor : {&OptimizerUpdate::parameters, &OptimizerUpdate::first_moment,
                              &OptimizerUpdate::second_moment, &OptimizerUpdate::average}) {
      EXPECT_TRUE(at::allclose(actual.*tensor, expected.*tensor, 1e-6, 1e-7, /*equal_nan=*/true));
    }
  };
  for (const std::int64_t count : {1, 4, 6, 11, 64}) {
    const auto expected = random_update(kind, kType, count, 0), packed = random_update(kind, kType, count, 0),
               single = random_update(kind, kType, count, 1);
    cpu::update(expected);
    update_by_packs<T, 16 / sizeof(T)>(packed);
    expect_equal(packed, expected);
    update_by_packs<T, 1>(single);
    expect_equal(single, expected);
    const auto unwanted = random_update(kind, kType, count, 0);
    unwanted.step_factors[2] = 0;
    update_by_packs<T, 16 / sizeof(T)>(unwanted);
    expect_equal(unwanted, random_update(kind, kType, count, 0));
  }
}

TEST_P(OptimizerAgainstReference, PacksOfAGpuMatchTheCpu) {
  expect_packs_match_the_cpu<float>(GetParam());
  expect_packs_match_the_cpu<double>(GetParam());
}

class WeightAverage : public ::testing::TestWithParam<OptimizerKind> {};

TEST_P(WeightAverage, EqualsTheReferenceFor1000Steps) {
  const auto reference = expected_tensors("optimizer");
  const auto& path = reference.at("adamax");
  const auto& expected = reference.at("ema");
  Updates updates(GetParam(), path[0], 0.99, Schedule({.batch = 256}, 64, 64).ema_decay());
  for (std::int64_t t = 0; t < path.size(0); ++t) {
    updates.update_at(path[t]);
    ASSERT_TRUE(updates.parameters().equal(path[t]));
    ASSERT_TRUE(close(updates.average(), expected[t], 1e-12)) << "step " << t;
  }
}

TEST_P(WeightAverage, OfConstantWeightsEqualsThem) {
  const auto value = random_normal({10}, 1);
  Updates updates(GetParam(), value, 0.99, 0.999);
  for (int t = 0; t < 5; ++t) updates.update_at(value);
  EXPECT_TRUE(close(updates.average(), value, 1e-12));
}

TEST_P(WeightAverage, WithZeroDecayEqualsTheLatestWeights) {
  Updates updates(GetParam(), at::zeros({10}, at::kFloat), 0.99, 0);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const auto value = random_normal({10}, seed).to(at::kFloat);
    updates.update_at(value);
    EXPECT_TRUE(updates.average().equal(value));
  }
}

TEST_P(WeightAverage, BeforeTheFirstUpdateEqualsTheParameters) {
  const auto value = random_normal({10}, 1);
  EXPECT_TRUE(Updates(GetParam(), value, 0.99, 0.9).average().equal(value));
}

INSTANTIATE_TEST_SUITE_P(Kinds, WeightAverage, ::testing::Values(OptimizerKind::kAdamax, OptimizerKind::kAdam),
                         [](const auto& test) { return to_string(test.param); });

class FlatNorm : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(FlatNorm, IsTheEuclideanNorm) {
  const auto values = random_normal({GetParam()}, 1);
  EXPECT_TRUE(close(flat_norm(values), values.square().sum().sqrt(), 1e-14));
}

INSTANTIATE_TEST_SUITE_P(Sizes, FlatNorm, ::testing::Values(1, 4095, 4096, 4097, 10'000));

TEST(FlatNorm, IsAccurateForManyFloat32Elements) {
  const auto values = at::full({20'000'000}, 1e-3F);
  EXPECT_NEAR(flat_norm(values).item<double>() / (double{1e-3F} * std::sqrt(2e7)), 1, 1e-5);
}

TEST(ClipNorm, ScalesLongGradientsToTheLimit) {
  const auto gradients = random_normal({5000}, 2);
  const double before = gradients.norm().item<double>();
  auto clipped = gradients.clone();
  clip_norm(clipped, gradients.norm(), 1.5);
  EXPECT_TRUE(close(clipped, gradients * (1.5 / before), 1e-14));
}

TEST(ClipNorm, LeavesShortGradientsUnchanged) {
  for (const auto& gradients : {random_normal({100}, 3), at::zeros({100})}) {
    auto clipped = gradients.clone();
    clip_norm(clipped, gradients.norm(), gradients.norm().item<double>() + 1e-6);
    EXPECT_TRUE(clipped.equal(gradients));
  }
}

TEST(ClipNorm, LeavesFiniteElementsUnchangedIfTheNormIsNotFinite) {
  for (const double broken : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    auto gradients = torch::tensor({1.0, broken, 3.0});
    clip_norm(gradients, gradients.norm(), 1);
    EXPECT_EQ(gradients[0].item<double>(), 1);
    EXPECT_FALSE(gradients[1].isfinite().item<bool>());
    EXPECT_EQ(gradients[2].item<double>(), 3);
  }
}

}  // namespace
}  // namespace glow::train::optimizer_test
