// Applies operations of LibTorch's module API to a model that a Trainer trains. After each operation the score, the
// model file, the trainer and the averaged model must agree with the current weights.
#include <cstring>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/nn/cloneable.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/serialize.h>

#include <glow/error.h>
#include <glow/nn/model_file.h>
#include <glow/train/trainer.h>

#include "support/temporary_directory.h"
#include "support/tensors.h"
#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::train::module_use_test {
namespace {

using glow::testing::close;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using glow::testing::tiny_images;
using glow::testing::tiny_options;

torch::Tensor bytes() { return tiny_images(8)->bytes({0, 1, 2, 3, 4, 5, 6, 7}); }

nn::GlowOptions options_of(const std::string& kind) {
  auto options = nn::GlowOptions::of_family(kind == "realnvp" ? nn::Family::kRealNVP : nn::Family::kGlow);
  options.channels = 1;
  options.height = options.width = 4;
  options.levels = 2;
  options.hidden_width = 4;
  if (kind == "realnvp") {
    options.residual_blocks = 1;
  } else {
    options.depth = 1;
    options.permutation = kind == "lu" ? nn::PermutationKind::kLU : nn::PermutationKind::kConv1x1;
  }
  return options;
}

nn::Glow started(const nn::GlowOptions& options, std::uint64_t seed) {
  nn::Glow model(options, seed);
  model->initialize(model->quantizer().dequantize(bytes(), 0));
  return model;
}

/// A copy of all parameters and buffers.
std::vector<torch::Tensor> contents(const nn::GlowImpl& model) {
  std::vector<torch::Tensor> all;
  for (const auto& tensors : {model.parameters(), model.buffers()}) {
    for (const auto& tensor : tensors) all.push_back(tensor.detach().clone());
  }
  return all;
}

/// A new model with these parameters and buffers, whose caches are empty.
nn::Glow fresh(const nn::GlowOptions& options, const std::vector<torch::Tensor>& contents) {
  const torch::NoGradGuard no_grad;
  nn::Glow model(options, 99);
  model->to(contents.front().scalar_type());
  std::size_t i = 0;
  for (const auto& tensors : {model->parameters(), model->buffers()}) {
    for (auto tensor : tensors) tensor.copy_(contents[i++]);
  }
  model->mark_initialized();
  model->eval();
  return model;
}

/// Density and sample; both use cached weights.
std::vector<torch::Tensor> results(const nn::Glow& model) {
  const auto x = model->quantizer().center(bytes(), model->dtype());
  return {model->log_prob(x), model->sample(3, {.seed = 5})};
}

std::vector<torch::Tensor> results_without_graph(const nn::Glow& model) {
  const torch::NoGradGuard no_grad;
  return results(model);
}

bool equal(const std::vector<torch::Tensor>& one, const std::vector<torch::Tensor>& other) {
  bool all = one.size() == other.size();
  for (std::size_t i = 0; all && i < one.size(); ++i) all = one[i].equal(other[i]);
  return all;
}

struct Parent : torch::nn::Cloneable<Parent> {
  explicit Parent(nn::Glow child) : model(std::move(child)) { register_module("model", model); }
  void reset() override {}
  nn::Glow model;
};

class ModuleUse : public ::testing::TestWithParam<std::string> {
 protected:
  ModuleUse() {
    options_.ema_decay = 0.5;
    options_.learning_rate = 1e-2;
    // Fills the caches, which must not be used for later weights.
    results_without_graph(model_);
    trainer_ = std::make_unique<Trainer>(model_, options_);
    expect_agreement("at the start");
    take_step("at the start");
  }

  /// Compares the score, model file, trainer and averaged model with the weights.
  void expect_agreement(const std::string& after) {
    SCOPED_TRACE(after);
    const auto now = contents(*model_);
    const auto twin = fresh(options_of(GetParam()), now);
    const auto expected = results_without_graph(twin);
    // The two modes share caches: alternate the mode that fills them.
    for (const bool inference_first : {is_odd_, !is_odd_}) {
      const c10::InferenceMode inference(inference_first);
      const torch::NoGradGuard no_grad;
      EXPECT_TRUE(equal(results(model_), expected));
    }
    is_odd_ = !is_odd_;
    auto averaged = trainer_->averaged_model();
    const auto average_twin = results_without_graph(fresh(options_of(GetParam()), contents(*averaged)));
    EXPECT_TRUE(equal(results_without_graph(averaged), average_twin));
    {
      const c10::InferenceMode inference;
      EXPECT_TRUE(equal(results(model_), expected));
      EXPECT_TRUE(equal(results(averaged), average_twin));
      EXPECT_TRUE(equal(results(trainer_->averaged_model()), average_twin));
    }
    EXPECT_TRUE(equal(results_without_graph(trainer_->averaged_model()), average_twin));
    if (model_->dtype() == torch::kFloat) {
      nn::save_model(model_, file_);
      EXPECT_TRUE(equal(results_without_graph(nn::load_model(file_)), expected));
    }
    EXPECT_TRUE(equal(contents(*model_), now));
    // The expected average is that of the weights after each step.
    const auto flat = model_->flat_parameters().values();
    const auto state = trainer_->state();
    EXPECT_TRUE(state.parameters.equal(flat));
    if (average_sum_.defined()) {
      EXPECT_TRUE(close(averaged->flat_parameters().values(), average_sum_ / (1 - std::pow(0.5, updates_)), 1e-6));
    } else {
      EXPECT_TRUE(averaged->flat_parameters().values().equal(flat));
    }
  }

  /// Takes a step, which must equal that of a new trainer with the same state.
  void take_step(const std::string& after) {
    SCOPED_TRACE(after);
    auto twin = fresh(options_of(GetParam()), contents(*model_));
    Trainer expected(twin, options_);
    auto state = trainer_->state();
    for (auto* tensor : {&state.parameters, &state.first_moment, &state.second_moment, &state.average}) {
      *tensor = tensor->clone();
    }
    expected.restore(state);
    const auto before = contents(*model_);
    const auto report = trainer_->step(bytes());
    const auto twin_report = expected.step(bytes());
    EXPECT_FALSE(report.skipped);
    EXPECT_GT(report.gradient_norm, 0);
    EXPECT_EQ(report.gradient_norm, twin_report.gradient_norm);
    EXPECT_EQ(report.bits_per_dim, twin_report.bits_per_dim);
    EXPECT_FALSE(equal(contents(*model_), before));
    EXPECT_TRUE(equal(contents(*model_), contents(*twin)));
    const auto flat = model_->flat_parameters().values().clone();
    average_sum_ = average_sum_.defined() ? 0.5 * average_sum_ + 0.5 * flat : 0.5 * flat;
    ++updates_;
  }

  /// Calls `act` and compares, at once and after two more steps.
  void after(const std::string& name, const std::function<void()>& act) {
    act();
    expect_agreement(name);
    take_step(name);
    expect_agreement(name + ", a step later");
    take_step(name + ", a step later");
  }

  nn::Glow other() const { return started(options_of(GetParam()), 7); }
  torch::Tensor& parameter(std::size_t index) { return parameters_[index]; }

  TemporaryDirectory directory_;
  std::filesystem::path file_ = directory_ / "model.safetensors";
  nn::Glow model_ = started(options_of(GetParam()), 3);
  std::vector<torch::Tensor> parameters_ = model_->parameters();
  TrainOptions options_ = tiny_options();
  std::unique_ptr<Trainer> trainer_;
  torch::Tensor average_sum_;
  std::int64_t updates_ = 0;
  bool is_odd_ = false;
};

TEST_P(ModuleUse, LoadingWeights) {
  after("torch::load", [&] {
    std::stringstream archive;
    torch::save(other(), archive);
    torch::load(model_, archive);
  });
  EXPECT_TRUE(model_->initialized());
}

TEST_P(ModuleUse, ReplacingTensorStorage) {
  const torch::NoGradGuard no_grad;
  after("set_data", [&] { parameter(0).set_data(parameter(0) * 1.1 + 0.01); });
  after("set_", [&] { parameter(1).set_(parameter(1) * 0.9 + 0.01); });
  after("set_data of all", [&] {
    for (auto& each : parameters_) each.set_data(each.clone());
  });
  after("set_data of buffers", [&] {
    for (auto& buffer : model_->buffers()) buffer.set_data(buffer.flip({0}));
  });
  after("another dtype and back", [&] {
    parameter(2).set_data(parameter(2).to(torch::kDouble));
    parameter(2).set_data(parameter(2).to(torch::kFloat));
  });
  after("memory of another parameter", [&] {
    // Exchanges two parameters of equal shape; running moments cannot be exchanged.
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      for (std::size_t j = i + 1; j < parameters_.size(); ++j) {
        auto &one = parameters_[i], &two = parameters_[j];
        if (one.sizes() != two.sizes() || !one.requires_grad() || !two.requires_grad()) continue;
        const auto of_one = one.detach();
        one.set_data(two.detach());
        two.set_data(of_one);
        return;
      }
    }
    FAIL() << "no two parameters of one shape";
  });
}

TEST_P(ModuleUse, WritingWithoutAutograd) {
  const torch::NoGradGuard no_grad;
  after("data().mul_", [&] {
    for (auto& each : parameters_) each.data().mul_(1.02);
  });
  after("data() of one number", [&] { parameters_.back().data().view({-1})[0] += 0.03; });
  after("a pointer", [&] {
    const auto& last = parameters_[parameters_.size() / 2];
    last.data_ptr<float>()[last.numel() - 1] += 0.05F;
  });
  after("detach().copy_", [&] { parameter(0).detach().copy_(parameter(0) + 0.01); });
  std::int64_t written = 0;
  for (const auto& item : model_->named_buffers()) {
    after(item.key() + " through data()", [&] {
      item.value().data().copy_(item.key().ends_with("indices") ? item.value().roll(1) : item.value().neg());
      ++written;
    });
  }
  EXPECT_EQ(written > 0, GetParam() != "conv1x1");
}

TEST_P(ModuleUse, ClearingAndReplacingGradients) {
  after("zero_grad()", [&] { model_->zero_grad(); });
  after("zero_grad(true)", [&] { model_->zero_grad(true); });
  after("gradients of one's own", [&] {
    for (auto& each : parameters_) each.mutable_grad() = torch::ones_like(each);
  });
  after("a backward pass of one's own", [&] {
    model_->zero_grad(true);
    model_->log_prob(model_->quantizer().center(bytes())).mean().backward();
  });
}

TEST_P(ModuleUse, ChangingModes) {
  after("eval()", [&] { model_->eval(); });
  EXPECT_FALSE(model_->is_training());
  after("train()", [&] { model_->train(); });
  EXPECT_TRUE(model_->is_training());
  {
    const torch::NoGradGuard no_grad;
    after("NoGradGuard", [] {});
    EXPECT_FALSE(torch::GradMode::is_enabled());
  }
  const c10::InferenceMode inference;
  after("InferenceMode", [] {});
  EXPECT_TRUE(c10::InferenceMode::is_enabled());
  after("a write under InferenceMode", [&] { parameter(0).mul_(1.05); });
}

TEST_P(ModuleUse, ChangingDtypeAndDevice) {
  after("to() of the same", [&] { model_->to(torch::kCPU); });
  after("to() and back", [&] {
    model_->to(torch::kDouble);
    model_->to(torch::kFloat);
  });
  const auto parent = std::make_shared<Parent>(model_);
  after("to() of a parent", [&] {
    parent->to(torch::kCPU, torch::kDouble);
    parent->to(torch::kCPU, torch::kFloat);
  });
  after("eval() and zero_grad() of a parent", [&] {
    parent->eval();
    parent->zero_grad(true);
  });
  model_->to(torch::kDouble);
  for (const auto& use : std::vector<std::function<void()>>{
           [&] { trainer_->step(bytes()); }, [&] { trainer_->averaged_model(); }, [&] { trainer_->state(); }}) {
    EXPECT_TRUE(throws<ConfigError>(use, {"trainer: the model was in Float on cpu and is now in Double on cpu"}));
  }
  after("back where it was", [&] { model_->to(torch::kFloat); });
}

TEST_P(ModuleUse, TorchOptimizers) {
  const auto loss = [&] { return -model_->log_prob(model_->quantizer().center(bytes())).mean(); };
  after("SGD", [&] {
    torch::optim::SGD optimizer(model_->parameters(), 1e-4);
    optimizer.zero_grad();
    loss().backward();
    optimizer.step();
  });
  after("Adam", [&] {
    torch::optim::Adam optimizer(model_->parameters(), torch::optim::AdamOptions(1e-3));
    for (int step = 0; step < 2; ++step) {
      model_->zero_grad(true);
      loss().backward();
      optimizer.step();
    }
  });
}

TEST_P(ModuleUse, RefusesParametersOfWrongShapeOrDtype) {
  const torch::NoGradGuard no_grad;
  const auto first = parameter(0).detach();
  parameter(0).set_data(torch::zeros({2, 3}));
  EXPECT_TRUE(throws<ShapeError>([&] { results(model_); }, {"levels.0", "was replaced by [2, 3]"}));
  EXPECT_TRUE(throws<ShapeError>([&] { trainer_->step(bytes()); }, {"levels.0", "was replaced by [2, 3]"}));
  parameter(0).set_data(first.to(torch::kDouble));
  EXPECT_TRUE(throws<ConfigError>([&] { trainer_->step(bytes()); }, {"of one dtype"}));
  parameter(0).set_data(first);
  after("put right", [] {});
}

INSTANTIATE_TEST_SUITE_P(, ModuleUse, ::testing::Values("conv1x1", "lu", "realnvp"),
                         [](const auto& test) { return test.param; });

TEST(ModuleLifecycle, ModelsCreatedUnderInferenceModeAreTrainable) {
  const TemporaryDirectory directory;
  const auto file = directory / "model.safetensors";
  std::vector<nn::Glow> models;
  {
    const c10::InferenceMode inference;
    models.push_back(started(options_of("conv1x1"), 1));
    nn::save_model(models[0], file);
    models.push_back(nn::load_model(file));
    models.emplace_back(std::dynamic_pointer_cast<nn::GlowImpl>(models[0]->clone()));
    models.push_back(started(options_of("conv1x1"), 1));
    models[3]->to(torch::kDouble);
    models[3]->to(torch::kFloat);
  }
  std::vector<torch::Tensor> losses;
  for (auto& model : models) {
    for (const auto& parameter : model->parameters()) EXPECT_FALSE(parameter.is_inference());
    model->log_prob(model->quantizer().center(bytes())).mean().backward();
    Trainer trainer(model, tiny_options());
    losses.push_back(torch::tensor(trainer.step(bytes()).bits_per_dim));
    EXPECT_TRUE(losses.back().equal(losses.front()));
  }
}

TEST(ModuleLifecycle, TrainerCreatedUnderInferenceModeTrains) {
  auto model = started(options_of("conv1x1"), 1);
  std::unique_ptr<Trainer> trainer;
  {
    const c10::InferenceMode inference;
    trainer = std::make_unique<Trainer>(model, tiny_options());
    trainer->averaged_model();
  }
  const auto before = model->flat_parameters().values().clone();
  EXPECT_FALSE(trainer->step(bytes()).skipped);
  EXPECT_FALSE(model->flat_parameters().values().equal(before));
  trainer->restore(trainer->state());
  trainer->averaged_model();
}

TEST(ModuleLifecycle, ClonesConversionsAndArchivesOfOuterModulesKeepTheInitializedFlag) {
  for (const bool is : {false, true}) {
    const auto model = is ? started(options_of("lu"), 1) : nn::Glow(options_of("lu"), 1);
    const auto outer = std::make_shared<Parent>(model);
    std::stringstream archive;
    torch::save(outer, archive);
    auto loaded = std::make_shared<Parent>(is ? nn::Glow(options_of("lu"), 2) : started(options_of("lu"), 2));
    torch::load(loaded, archive);
    EXPECT_EQ(loaded->model->initialized(), is);
    loaded->to(torch::kDouble);
    EXPECT_EQ(loaded->model->initialized(), is);
    EXPECT_EQ(dynamic_cast<nn::GlowImpl&>(*model->clone()).initialized(), is);
  }
}

TEST(ModuleLifecycle, TorchSaveStoresTheInitializedFlag) {
  for (const bool is : {false, true}) {
    const auto model = is ? started(options_of("lu"), 1) : nn::Glow(options_of("lu"), 1);
    std::stringstream archive;
    torch::save(model, archive);
    auto loaded = started(options_of("lu"), 2);
    torch::load(loaded, archive);
    EXPECT_EQ(loaded->initialized(), is);
    EXPECT_TRUE(equal(contents(*loaded), contents(*model)));
  }
}

}  // namespace
}  // namespace glow::train::module_use_test
