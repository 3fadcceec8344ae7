#include "bench/settings.h"

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <glow/distributed/launch.h>
#include <glow/error.h>

#include "bench/machine.h"
#include "tools/common/command_line.h"
#include "tools/common/flags.h"
#include "tools/common/presets.h"

namespace glow::bench {
namespace {

const std::vector<tools::FlagText>& flag_table() {
  static const std::vector<tools::FlagText> own{
      {"preset", "Model", "NAME", "the model of a preset of glow-train; the flags below change it"},
      {"image_size", "Model", "S|HxW", "height and width in pixels"},
      {"levels", "Model", "L", "scales"},
      {"depth", "Model", "K", "flow steps a level"},
      {"hidden_width", "Model", "W", "channels of the hidden layers", tools::Kept::kNo, "width"},
      {"coupling", "Model", "KIND", "affine or additive"},
      {"batch", "Measurement", "N", "images a step"},
      {"memory", "Measurement", "POLICY", "store, recompute or reversible"},
      {"cuda_graph", "Measurement", "", "do not capture steps as CUDA graphs", tools::Kept::kNo, "no-cuda-graph"},
      {"rounds", "Measurement", "N", "timings of each, of which the median counts"},
      {"json", "Measurement", "", "print one JSON object instead of a table"},
  };
  static const auto table = own + tools::compute_rows(tools::Launchable::kNo);
  return table;
}

/// The flags of the preset that configure the model.
tools::GivenFlags model_flags(const std::string& preset, const tools::Flags& flags) {
  tools::GivenFlags all;
  for (const auto& given : tools::preset_flags(preset)) {
    const auto* flag = flags.find(given.name);
    if (flag != nullptr && flag->text.group == "Model") all.push_back(given);
  }
  return all;
}

}  // namespace

void start(Settings& settings) {
  // A process that a launcher has started takes the GPU of its local rank.
  const auto launch = distributed::read_launch();
  if (launch.size > 1 && settings.compute.device == "cuda") {
    settings.compute.device = "cuda:" + std::to_string(launch.local_rank);
  }
  const auto compute = tools::start_computing(settings.compute);
  if (compute.dtype != torch::kFloat) throw ConfigError("precision", "expected fp32, tf32 or bf16, got fp64");
  settings.device = compute.device;
  settings.precision = compute.hidden;
}

Settings parse(int argc, char** argv, const std::string& name, const std::string& what) {
  Settings settings;
  tools::Flags flags(flag_table());
  flags.bind(settings);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const tools::ToolText text{.name = name, .purpose = what, .closing = tools::describe_presets(/*with_flags=*/true)};
  auto console = tools::Console::of_process();
  const auto given = tools::parse_command_line(text, flags, arguments, console);
  if (!given) std::exit(EXIT_SUCCESS);
  flags.naming_flags([&] {
    flags.set(*given);
    flags.set(model_flags(settings.preset, flags));
    flags.set(*given);
    start(settings);
  });
  if (settings.image_size != tools::ImageSize{}) {
    settings.model.height = settings.image_size.height;
    settings.model.width = settings.image_size.width;
  }
  return settings;
}

std::string describe(const Settings& settings) {
  const auto& model = settings.model;
  std::ostringstream text;
  text << "L" << model.levels << " K" << model.depth << " width " << model.hidden_width << " "
       << to_string(model.coupling) << ", " << model.height << "x" << model.width << ", batch " << settings.batch
       << ", " << to_string(settings.memory) << ", hidden tensors in " << c10::toString(settings.hidden_dtype())
       << (settings.precision == nn::HiddenPrecision::kTf32 ? " (TF32)" : "")
       << (settings.captures() ? ", CUDA graph" : "") << ", " << settings.device << ", " << at::get_num_threads()
       << " threads, LibTorch " << TORCH_VERSION << "\n"
       << describe_processor();
  return text.str();
}

tools::Json facts(const Settings& settings) {
  tools::Json json{{"model", tools::Json::parse(nn::to_json(settings.model))},
                   {"memory", to_string(settings.memory)},
                   {"precision", to_string(settings.precision)},
                   {"batch", settings.batch},
                   {"device", settings.device.str()},
                   {"cuda_graph", settings.captures()}};
  json.update(machine());
  return json;
}

}  // namespace glow::bench
