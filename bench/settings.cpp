#include "bench/settings.h"

#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>

#include <ATen/Parallel.h>
#include <torch/version.h>
#include <cxxopts.hpp>

#include <glow/error.h>
#include <glow/ops/memory.h>
#include <glow/ops/threads.h>

namespace glow::bench {
namespace {

/// The paper's models of these names (Glow, tables 2 and 4, figure 4).
nn::GlowOptions preset(const std::string& name) {
  using nn::CouplingKind;
  const std::map<std::string, nn::GlowOptions> presets{
      {"cifar10", {.height = 32, .width = 32, .levels = 3, .depth = 32}},
      {"imagenet64", {.height = 64, .width = 64, .levels = 4, .depth = 48}},
      {"celeba-hq-256", {.height = 256, .width = 256, .levels = 6, .depth = 32, .coupling = CouplingKind::kAdditive}},
  };
  const auto found = presets.find(name);
  if (found == presets.end()) throw ConfigError("preset", "expected cifar10, imagenet64 or celeba-hq-256, got " + name);
  return found->second;
}

nn::HiddenPrecision precision_of(const std::string& name) {
  if (name == "fp32") return nn::HiddenPrecision::kFull;
  if (name == "tf32") return nn::HiddenPrecision::kTf32;
  if (name == "bf16") return nn::HiddenPrecision::kBf16;
  throw ConfigError("precision", "expected fp32, tf32 or bf16, got " + name);
}

}  // namespace

Settings parse(int argc, char** argv, const std::string& name, const std::string& what) {
  cxxopts::Options parser(name, what);
  parser.add_options()("preset", "cifar10, imagenet64 or celeba-hq-256; the next five flags override it",
                       cxxopts::value<std::string>()->default_value("cifar10"))(
      "size", "height and width", cxxopts::value<std::int64_t>())("levels", "L", cxxopts::value<std::int64_t>())(
      "depth", "K", cxxopts::value<std::int64_t>())("width", "hidden width", cxxopts::value<std::int64_t>())(
      "coupling", "affine or additive", cxxopts::value<std::string>())(
      "memory", "store, recompute or reversible", cxxopts::value<std::string>()->default_value("store"))(
      "precision", "of the coupling networks: fp32, bf16 or tf32",
      cxxopts::value<std::string>()->default_value("fp32"))("device", "cpu or cuda",
                                                            cxxopts::value<std::string>()->default_value("cpu"))(
      "cuda-graph", "capture the training step")("batch", "images a step",
                                                 cxxopts::value<std::int64_t>()->default_value("16"))(
      "threads", "0: all", cxxopts::value<int>()->default_value("0"))(
      "rounds", "timings of each operation; the median is shown", cxxopts::value<int>()->default_value("5"))(
      "json", "one JSON object instead of a table")("help", "print the flags");
  const auto given = parser.parse(argc, argv);
  if (given.count("help") > 0) {
    std::cout << parser.help();
    std::exit(EXIT_SUCCESS);
  }
  Settings settings;
  auto& model = settings.model;
  model = preset(given["preset"].as<std::string>());
  if (given.count("size") > 0) model.height = model.width = given["size"].as<std::int64_t>();
  if (given.count("levels") > 0) model.levels = given["levels"].as<std::int64_t>();
  if (given.count("depth") > 0) model.depth = given["depth"].as<std::int64_t>();
  if (given.count("width") > 0) model.hidden_width = given["width"].as<std::int64_t>();
  if (given.count("coupling") > 0) from_string(given["coupling"].as<std::string>(), model.coupling);
  from_string(given["memory"].as<std::string>(), settings.memory);
  settings.precision = precision_of(given["precision"].as<std::string>());
  settings.device = torch::Device(given["device"].as<std::string>());
  settings.cuda_graph = given.count("cuda-graph") > 0;
  settings.batch = given["batch"].as<std::int64_t>();
  settings.rounds = given["rounds"].as<int>();
  settings.json = given.count("json") > 0;
  ops::use_threads(given["threads"].as<int>());
  ops::keep_freed_memory();
  return settings;
}

std::string describe(const Settings& settings) {
  const auto& model = settings.model;
  std::ostringstream text;
  text << "L" << model.levels << " K" << model.depth << " width " << model.hidden_width << " "
       << to_string(model.coupling) << ", " << model.height << "x" << model.width << ", batch " << settings.batch
       << ", " << to_string(settings.memory) << ", hidden tensors in " << c10::toString(settings.hidden_dtype())
       << (settings.precision == nn::HiddenPrecision::kTf32 ? " (TF32)" : "")
       << (settings.cuda_graph ? ", CUDA graph" : "") << ", " << settings.device << ", " << at::get_num_threads()
       << " threads, LibTorch " << TORCH_VERSION;
  return text.str();
}

}  // namespace glow::bench
