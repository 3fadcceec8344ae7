// Checkpoints of 44 million weights, the size of the published ones.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/nn/model_file.h>

#include "support/files.h"
#include "support/subprocess.h"
#include "support/temporary_directory.h"
#include "support/tensor_bundle.h"
#include "support/torch_files.h"

namespace glow::tools_import_full_size_test {
namespace {

using glow::testing::Outcome;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
namespace pickles = glow::testing::pickles;
namespace torch_files = glow::testing::torch_files;

using Sizes = std::vector<std::int64_t>;

/// The options of the published models of CIFAR-10.
const nn::GlowOptions kOptions{.height = 32, .width = 32, .levels = 3, .depth = 32, .hidden_width = 512};

/// float32 numbers by their names, with their shapes.
struct Numbers {
  Sizes shape;
  std::string bytes;
};
using NumbersByName = std::map<std::string, Numbers>;

std::string floats(std::int64_t count, float value) {
  const auto size = static_cast<std::size_t>(count) * sizeof value;
  std::string all(reinterpret_cast<const char*>(&value), sizeof value);
  all.reserve(size);
  while (all.size() < size) all.append(all, 0, size - all.size());
  return all;
}

Numbers filled(const Sizes& shape, float value) {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  return {shape, floats(count, value)};
}

Numbers identity(std::int64_t size) {
  Numbers matrix = filled({size, size}, 0);
  for (std::int64_t i = 0; i < size; ++i) {
    matrix.bytes.replace(static_cast<std::size_t>(i * (size + 1)) * sizeof(float), sizeof(float), floats(1, 1));
  }
  return matrix;
}

/// Weights that leave the values of a network small.
constexpr float kSmall = 1e-3F;

/// A model of y0ast's code base with 1x1 convolutions in LU form.
NumbersByName y0ast_model() {
  const auto width = kOptions.hidden_width;
  NumbersByName all;
  std::int64_t c = kOptions.channels, index = 0;
  const auto layer = [&] { return "flow.layers." + std::to_string(index) + "."; };
  const auto add_actnorm = [&](const std::string& name, std::int64_t channels) {
    all[name + "bias"] = all[name + "logs"] = filled({1, channels, 1, 1}, kSmall);
  };
  const auto add_zero_conv = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    all[name + "conv.weight"] = filled({outputs, inputs, 3, 3}, kSmall / 100);
    all[name + "conv.bias"] = filled({outputs}, kSmall);
    all[name + "logs"] = filled({outputs, 1, 1}, kSmall);
  };
  for (std::int64_t l = 0; l < kOptions.levels; ++l) {
    c *= 4;
    ++index;
    for (std::int64_t k = 0; k < kOptions.depth; ++k, ++index) {
      const auto map = layer() + "invconv.", net = layer() + "block.";
      add_actnorm(layer() + "actnorm.", c);
      all[map + "p"] = identity(c);
      all[map + "lower"] = all[map + "upper"] = filled({c, c}, kSmall);
      all[map + "log_s"] = filled({c}, kSmall);
      all[map + "sign_s"] = filled({c}, 1);
      all[net + "0.conv.weight"] = filled({width, c / 2, 3, 3}, kSmall);
      all[net + "2.conv.weight"] = filled({width, width, 1, 1}, kSmall);
      add_actnorm(net + "0.actnorm.", width);
      add_actnorm(net + "2.actnorm.", width);
      add_zero_conv(net + "4.", c, width);
    }
    if (l + 1 == kOptions.levels) break;
    c /= 2;
    add_zero_conv(layer() + "conv.", 2 * c, c);
    ++index;
  }
  all["prior_h"] = filled({1, 2 * c, 4, 4}, 0);
  add_zero_conv("learn_top_fn.", 2 * c, 2 * c);
  return all;
}

/// A model of openai's code base with 1x1 convolutions.
NumbersByName openai_model() {
  const auto width = kOptions.hidden_width;
  NumbersByName all;
  const auto add_actnorm = [&](const std::string& name, std::int64_t channels) {
    all[name + "actnorm_center/b"] = all[name + "actnorm_scale/logs"] = filled({1, 1, 1, channels}, kSmall);
  };
  const auto add_zero_conv = [&](const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    all[name + "W"] = filled({3, 3, inputs + 1, outputs}, kSmall / 100);
    all[name + "b"] = filled({1, 1, 1, outputs}, kSmall);
    all[name + "logs"] = filled({1, outputs}, kSmall);
  };
  std::int64_t c = kOptions.channels;
  for (std::int64_t l = 0; l < kOptions.levels; ++l) {
    c *= 4;
    for (std::int64_t k = 0; k < kOptions.depth; ++k) {
      const auto step = "model/" + std::to_string(l) + "/" + std::to_string(k) + "/";
      add_actnorm(step, c);
      all[step + "invconv/W"] = identity(c);
      all[step + "f1/l_1/W"] = filled({3, 3, c / 2 + 1, width}, kSmall);
      all[step + "f1/l_2/W"] = filled({1, 1, width, width}, kSmall);
      add_actnorm(step + "f1/l_1/", width);
      add_actnorm(step + "f1/l_2/", width);
      add_zero_conv(step + "f1/l_last/", width, c);
    }
    if (l + 1 == kOptions.levels) break;
    c /= 2;
    add_zero_conv("model/pool" + std::to_string(l) + "/conv/", c, 2 * c);
  }
  add_zero_conv("model/prior/p/", 2 * c, 2 * c);
  return all;
}

/// The pickle of a state_dict, and its storages.
std::pair<std::string, torch_files::Storages> state_dict(NumbersByName all) {
  std::vector<std::pair<std::string, std::string>> tensors;
  torch_files::Storages storages;
  for (auto& [name, numbers] : all) {
    Sizes strides(numbers.shape.size(), 1);
    for (auto i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * numbers.shape[i];
    const auto key = std::to_string(storages.size());
    const auto count = static_cast<std::int64_t>(numbers.bytes.size() / sizeof(float));
    tensors.emplace_back(name, torch_files::tensor({.storage = torch_files::storage(key, count),
                                                    .shape = torch_files::tuple(numbers.shape),
                                                    .strides = torch_files::tuple(strides)}));
    storages.emplace_back(key, std::move(numbers.bytes));
  }
  return {pickles::dict(tensors), std::move(storages)};
}

class ImportFullSize : public ::testing::Test {
 protected:
  static Outcome glow_import(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{std::string(GLOW_TOOLS_DIR) + "/glow-import"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return testing::run_process(command);
  }

  /// Imports the checkpoint and compares the memory with that of a small one.
  void expect_little_memory(const std::string& file, std::uintmax_t size) const {
    const auto fixture = std::filesystem::path(GLOW_TEST_FIXTURES) / "../../import/fixtures/classes.ckpt";
    const auto small = glow_import({fixture.string(), "--dry-run", "--height", "16", "--width", "16", "--bits", "8"});
    ASSERT_EQ(small.exit_code, 0) << small.err;
    const auto out = (directory_ / "model.safetensors").string();
    const auto large =
        glow_import({(directory_ / file).string(), out, "--height", "32", "--width", "32", "--bits", "8"});
    ASSERT_EQ(large.exit_code, 0) << large.err;
    EXPECT_NE(large.out.find("it comes back"), std::string::npos) << large.out;
    const auto options = nn::read_model_info(out).options;
    EXPECT_EQ(options.depth, kOptions.depth);
    EXPECT_EQ(options.hidden_width, kOptions.hidden_width);
    // The model, its folded weights, and the self-check's activations.
    EXPECT_LT(static_cast<double>(large.peak_bytes - small.peak_bytes), 3.0 * static_cast<double>(size));
    RecordProperty("peak_bytes", std::to_string(large.peak_bytes));
  }

  TemporaryDirectory directory_;
};

TEST_F(ImportFullSize, TorchZip) {
  const auto [pickle, storages] = state_dict(y0ast_model());
  put(directory_ / "model.pt", torch_files::zip_file(pickle, storages));
  expect_little_memory("model.pt", std::filesystem::file_size(directory_ / "model.pt"));
}

TEST_F(ImportFullSize, OldTorchFormat) {
  const auto [pickle, storages] = state_dict(y0ast_model());
  put(directory_ / "model.pt", torch_files::old_file(pickle, storages).bytes());
  expect_little_memory("model.pt", std::filesystem::file_size(directory_ / "model.pt"));
}

TEST_F(ImportFullSize, ASignalEndsItAndNothingIsWritten) {
  const auto [pickle, storages] = state_dict(y0ast_model());
  const auto file = (directory_ / "model.pt").string(), out = (directory_ / "model.safetensors").string();
  put(file, torch_files::zip_file(pickle, storages));
  testing::Process process(
      {std::string(GLOW_TOOLS_DIR) + "/glow-import", file, out, "--height", "32", "--width", "32", "--bits", "8"});
  // The weights are read then, and the self-check begins.
  ASSERT_TRUE(process.wait_until([&] { return process.out().find("not used") != std::string::npos; }));
  process.send(SIGINT);
  const auto outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.out << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(ImportFullSize, TensorFlowBundle) {
  std::vector<testing::BundleInput> tensors;
  for (auto& [name, numbers] : openai_model()) tensors.push_back({name, numbers.shape, numbers.bytes});
  const auto files = testing::tensor_bundle(tensors);
  put(directory_ / "model.ckpt.index", files.index);
  put(directory_ / "model.ckpt.data-00000-of-00001", files.shards[0]);
  expect_little_memory("model.ckpt.index", files.shards[0].size());
}

}  // namespace
}  // namespace glow::tools_import_full_size_test
