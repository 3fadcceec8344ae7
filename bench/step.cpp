// Training, log_prob and sampling of a model's shape, beside its convolutions alone: bench_step --help
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/version.h>
#include <cxxopts.hpp>
#include <nlohmann/json.hpp>

#include <glow/glow.h>
#include <glow/train/trainer.h>

#include "bench/convolutions.h"
#include "bench/timing.h"
#include "compat/counting_allocator.h"

namespace glow::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Settings {
  GlowOptions model;
  nn::MemoryPolicy memory = nn::MemoryPolicy::kStore;
  std::int64_t batch = 16;
  int rounds = 5;
  bool json = false;
};

Settings parse(int argc, char** argv) {
  cxxopts::Options parser("bench_step", "Images a second, as such and as a share of the convolutions alone.");
  parser.add_options()("size", "height and width", cxxopts::value<std::int64_t>()->default_value("32"))(
      "channels", "of the images", cxxopts::value<std::int64_t>()->default_value("3"))(
      "levels", "L", cxxopts::value<std::int64_t>()->default_value("3"))(
      "depth", "K", cxxopts::value<std::int64_t>()->default_value("32"))(
      "width", "hidden width", cxxopts::value<std::int64_t>()->default_value("512"))(
      "coupling", "affine or additive", cxxopts::value<std::string>()->default_value("affine"))(
      "memory", "store, recompute or reversible", cxxopts::value<std::string>()->default_value("store"))(
      "batch", "images a step", cxxopts::value<std::int64_t>()->default_value("16"))(
      "threads", "0: all", cxxopts::value<int>()->default_value("0"))(
      "rounds", "timings of each, of which the median counts", cxxopts::value<int>()->default_value("5"))(
      "json", "one JSON object instead of a table")("help", "print this");
  const auto given = parser.parse(argc, argv);
  if (given.count("help") > 0) {
    std::cout << parser.help();
    std::exit(EXIT_SUCCESS);
  }
  Settings settings;
  auto& model = settings.model;
  model.channels = given["channels"].as<std::int64_t>();
  model.height = model.width = given["size"].as<std::int64_t>();
  model.levels = given["levels"].as<std::int64_t>();
  model.depth = given["depth"].as<std::int64_t>();
  model.hidden_width = given["width"].as<std::int64_t>();
  nn::from_string(given["coupling"].as<std::string>(), model.coupling);
  nn::from_string(given["memory"].as<std::string>(), settings.memory);
  settings.batch = given["batch"].as<std::int64_t>();
  settings.rounds = given["rounds"].as<int>();
  settings.json = given.count("json") > 0;
  use_threads(given["threads"].as<int>());
  return settings;
}

struct Row {
  std::string name;
  double images_per_second;
  double convolutions_per_second;
};

/// A step, a density and a sample, each beside the convolutions that it cannot do without.
std::vector<Row> measure(const Settings& settings, Glow& model) {
  const auto& options = settings.model;
  const auto bytes =
      torch::randint(0, 256, {settings.batch, options.channels, options.height, options.width}, torch::kByte);
  const auto x = model->quantizer().dequantize(bytes);
  model->initialize(x);
  train::Trainer trainer(model, {.batch = settings.batch, .memory = settings.memory});
  std::vector<std::int64_t> indices(static_cast<std::size_t>(settings.batch));
  std::iota(indices.begin(), indices.end(), 0);
  // What is trained must not be what is asked for densities, whose folded weights would be made anew each time.
  Glow fixed(std::dynamic_pointer_cast<nn::GlowImpl>(model->clone()));
  const Convolutions convolutions(options, settings.batch);
  const torch::NoGradGuard no_grad;
  const auto seconds = median_seconds({[&] {
                                         const torch::AutoGradMode graph(true);
                                         trainer.step(bytes, {}, indices);
                                       },
                                       [&] { convolutions.train(); }, [&] { fixed->log_prob(x); },
                                       [&] { fixed->sample(settings.batch); }, [&] { convolutions.forward(); }},
                                      settings.rounds);
  const auto rate = [&](std::size_t i) { return static_cast<double>(settings.batch) / seconds[i]; };
  return {{"training", rate(0), rate(1)}, {"log_prob", rate(2), rate(4)}, {"sampling", rate(3), rate(4)}};
}

/// Bytes of a training step beyond what the trainer holds between steps.
std::int64_t peak_of_a_step(const Settings& settings, Glow& model) {
  const auto& options = settings.model;
  const auto bytes = torch::zeros({settings.batch, options.channels, options.height, options.width}, torch::kByte);
  train::Trainer trainer(model, {.batch = settings.batch, .memory = settings.memory});
  const std::vector<std::int64_t> indices(static_cast<std::size_t>(settings.batch), 0);
  const auto before = compat::cpu_memory();
  compat::reset_peak_cpu_memory();
  trainer.step(bytes, {}, indices);
  return compat::peak_cpu_memory() - before;
}

void print(const Settings& settings, const std::vector<Row>& rows, std::int64_t peak) {
  if (settings.json) {
    Json json{{"model", Json::parse(nn::to_json(settings.model))},
              {"memory", nn::to_string(settings.memory)},
              {"batch", settings.batch},
              {"threads", at::get_num_threads()},
              {"libtorch", TORCH_VERSION},
              {"peak_bytes_of_a_step", peak}};
    for (const auto& row : rows) {
      json[row.name] = {{"images_per_second", row.images_per_second},
                        {"convolutions_alone", row.convolutions_per_second},
                        {"share", row.images_per_second / row.convolutions_per_second}};
    }
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << "L" << settings.model.levels << " K" << settings.model.depth << " width " << settings.model.hidden_width
            << " " << nn::to_string(settings.model.coupling) << ", " << settings.model.height << "x"
            << settings.model.width << ", batch " << settings.batch << ", " << nn::to_string(settings.memory)
            << ", float32, " << at::get_num_threads() << " threads, LibTorch " << TORCH_VERSION << "\n"
            << std::fixed << std::setprecision(2) << "            images/s   convolutions alone   share\n";
  for (const auto& row : rows) {
    std::cout << std::left << std::setw(10) << row.name << std::right << std::setw(10) << row.images_per_second
              << std::setw(21) << row.convolutions_per_second << std::setw(8)
              << row.images_per_second / row.convolutions_per_second << "\n";
  }
  std::cout << "peak of a training step, beyond parameters and moments: " << static_cast<double>(peak) / 1e6 << " MB\n";
}

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  try {
    using namespace glow::bench;
    glow::compat::count_cpu_memory();
    const auto settings = parse(argc, argv);
    glow::Glow model(settings.model, 1);
    const auto rows = measure(settings, model);
    print(settings, rows, peak_of_a_step(settings, model));
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    const std::string message = error.what();
    std::cerr << "bench_step: " << message.substr(0, message.find('\n')) << "\n";
    return EXIT_FAILURE;
  }
}
