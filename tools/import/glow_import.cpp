#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/evaluate/round_trip.h>
#include <glow/import/import_model.h>
#include <glow/io/file.h>
#include <glow/nn/model_file.h>
#include <glow/ops/runtime.h>

#include "tools/common/command_line.h"
#include "tools/common/compute.h"
#include "tools/common/console.h"
#include "tools/common/files.h"
#include "tools/common/flags.h"
#include "tools/common/interruption.h"
#include "tools/common/processes.h"
#include "tools/common/text.h"
#include "tools/glow_tools.h"

namespace glow::tools {
namespace {

/// The values of glow-import's flags.
struct ImportSettings {
  std::string checkpoint;
  std::string out;
  CodeBase from = CodeBase::kAuto;
  ImportOptions options;
  /// Empty: not given.
  std::string permutation;
  /// A file with the name of a class a line.
  std::string classes;
  bool overwrite = false;
  bool dry_run = false;
};

template <class Visitor>
void visit_fields(ImportSettings& settings, Visitor&& visit) {
  visit("checkpoint", settings.checkpoint);
  visit("out", settings.out);
  visit("from", settings.from);
  visit("height", settings.options.height);
  visit("width", settings.options.width);
  visit("bits", settings.options.bits);
  visit("permutation", settings.permutation);
  visit("class_vector", settings.options.class_vector);
  visit("classes", settings.classes);
  visit("average", settings.options.average);
  visit("overwrite", settings.overwrite);
  visit("dry_run", settings.dry_run);
}

const std::vector<FlagText>& import_flag_table() {
  static const std::vector<FlagText> table{
      {"checkpoint", "Import", "PATH",
       "the index, prefix or folder of a TensorFlow checkpoint, a file of torch.save (.pt, .pth, .pkg ...), or a tar "
       "or zip of one of these"},
      {"out", "Import", "FILE.safetensors", "the model file to write"},
      {"from", "Import", "KIND",
       "the code base: openai, rosinality, y0ast, chaiyujin or normflows; auto: recognised by the tensors"},
      {"height", "Images", "H|auto",
       "pixels, which no checkpoint says; auto: as a file of its code base beside it says", Kept::kNo, "",
       number_word("auto", 0)},
      {"width", "Images", "W|auto", "pixels; auto: as for --height", Kept::kNo, "", number_word("auto", 0)},
      {"bits", "Images", "B|auto",
       "bits per channel value that the model was trained with, 1 to 8; auto: as for --height", Kept::kNo, "",
       number_word("auto", 0)},
      {"permutation", "Model", "reverse",
       "y0ast, chaiyujin without 1x1 convolutions: the channels are reversed; the order of shuffled ones is not saved"},
      {"class_vector", "Model", "Y0,Y1,...",
       "chaiyujin with several labels at once: the value of each; the imported model is unconditional, for them"},
      {"classes", "Model", "FILE", "names of the classes, one a line; stored in the model"},
      {"average", "Model", "", "openai: the moving averages instead of the weights"},
      overwrite_row("Import", "the model file"),
      {"dry_run", "Import", "", "read and check everything, print what would be written, and write nothing"},
  };
  return table;
}

ToolText import_text() {
  return {.name = "glow-import",
          .purpose = "Converts a Glow that another code base has trained to a model file.",
          .closing =
              "Examples\n"
              "  glow-import abl-1x1-aff.tar abl-1x1-aff.safetensors\n"
              "  glow-import glow_affine_coupling.pt cifar10.safetensors --height 32 --width 32 --bits 8\n"
              "  glow-eval cifar10.safetensors --data cifar10:PATH\n",
          .saves_memory = "a smaller model",
          .positional = {"checkpoint", "out"}};
}

/// The lines of a file of class names. Throws IoError; ConfigError for no name, an empty one, and one that is there
/// twice.
std::vector<std::string> class_names(const std::string& path) {
  if (path.empty()) return {};
  constexpr std::uint64_t kMostBytes = 1 << 20;
  std::istringstream lines(io::read_file(path, kMostBytes));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const bool is_there = std::ranges::find(names, line) != names.end();
    if (line.empty() || is_there) {
      throw ConfigError("classes", path + ": line " + std::to_string(names.size() + 1) +
                                       (line.empty() ? " is empty" : " has the same name as another"));
    }
    names.push_back(line);
  }
  if (names.empty()) throw ConfigError("classes", path + " is empty");
  return names;
}

void check(ImportSettings& settings) {
  require_given("checkpoint", settings.checkpoint, "a checkpoint");
  if (!settings.dry_run) require_given("out", settings.out, "a model file");
  if (!settings.out.empty()) {
    InputFiles inputs;
    inputs.add(settings.checkpoint);
    inputs.add(settings.classes);
    check_output_file(
        {.path = settings.out, .extensions = {".safetensors"}, .overwrite = settings.overwrite, .inputs = inputs});
  }
  for (const auto& [name, value] :
       {std::pair{"height", settings.options.height}, std::pair{"width", settings.options.width},
        std::pair{"bits", settings.options.bits}}) {
    require_at_least(name, value, 0);
  }
  if (!settings.permutation.empty()) {
    if (settings.permutation != "reverse") {
      throw ConfigError("permutation", "expected reverse, got '" + settings.permutation + "'");
    }
    settings.options.permutation = nn::PermutationKind::kReverse;
  }
  settings.options.class_names = class_names(settings.classes);
}

std::string description(const ImportedModel& imported) {
  const auto& options = imported.model->options();
  Listing listing;
  listing.add("from", to_string(imported.code_base));
  listing.add("model", nn::describe(options) +
                           (options.num_classes > 0 ? ", " + grouped(options.num_classes) + " classes" : "") + "\n" +
                           grouped(nn::parameter_count(options)) + " parameters");
  listing.add("images", std::to_string(options.height) + "x" + std::to_string(options.width) + ", " +
                            count_text(options.channels, "channel") + ", " + count_text(options.bits, "bit") +
                            (imported.images_from.empty() ? "" : ", as " + imported.images_from + " says"));
  if (!imported.assumed.empty()) listing.add("assumed", imported.assumed);
  std::string dropped;
  for (const auto& group : imported.dropped) dropped += (dropped.empty() ? "" : "\n") + group;
  listing.add("not used", dropped.empty() ? "nothing" : dropped);
  return listing.text();
}

/// Samples of a model, to check it with.
struct Samples {
  /// uint8 [N, C, H, W]; undefined if the images are too large for a quick check.
  torch::Tensor bytes;
  torch::Tensor labels;
};

constexpr double kTemperature = 0.7;

/// Throws NumericalError when their density is not finite.
Samples draw_samples(const nn::Glow& model) {
  const torch::NoGradGuard no_grad;
  // Seconds on a CPU for the models that the code bases have published.
  constexpr std::int64_t kMostImages = 4, kManyWeights = std::int64_t{1} << 22, kMostNumbers = std::int64_t{1} << 24;
  if (model->options().dimensions() > kMostNumbers) return {};
  const auto images = nn::parameter_count(model->options()) > kManyWeights ? 1 : kMostImages;
  const auto labels = model->sample_labels(images, {});
  const auto x = model->sample(images, {.temperature = kTemperature, .labels = labels});
  const Samples samples{model->quantizer().to_bytes(x), labels};
  if (!model->log_prob(model->quantizer().center(samples.bytes), labels).isfinite().all().item<bool>()) {
    throw NumericalError("the density of samples of the imported model is not finite");
  }
  return samples;
}

/// The result of encoding and decoding samples with the model.
std::string round_trip_text(const nn::Glow& model, const Samples& samples) {
  if (!samples.bytes.defined()) return "none: the images are too large for a quick one";
  const torch::NoGradGuard no_grad;
  const auto encoding = model->evaluate(model->quantizer().center(samples.bytes), samples.labels);
  const auto result = evaluate::returned(model, samples.bytes, encoding.latents, samples.labels);
  const auto images = samples.bytes.size(0), changed = result.changed.sum().item<std::int64_t>();
  const auto bits = model->quantizer().bits_per_dim(encoding.log_prob).mean().item<double>();
  const auto verdict = changed == 0 ? std::string(images == 1 ? "it comes back" : "all come back")
                       : changed == images
                           ? std::string("none comes back exactly; the model is hardly invertible in float32")
                           : std::to_string(changed) + " do not come back exactly";
  return count_text(images, "sample") + " (temperature " + brief(kTemperature) + ", " + fixed(bits, 3) +
         " bits/dim) encoded and decoded: " + verdict;
}

int convert(ImportSettings& settings, Console& console) {
  check(settings);
  start_computing({.device = "cpu"});
  // What is computed is lost after a signal in any case.
  note_interruptions(std::chrono::seconds(1));
  auto imported = import_model(settings.checkpoint, settings.options, settings.from);
  console.out << description(imported) << std::flush;
  throw_if_interrupted();
  const auto samples = draw_samples(imported.model);
  throw_if_interrupted();
  if (!settings.dry_run) {
    nn::save_model(imported.model, settings.out);
    imported.model = nullptr;  // one of the two is in memory at a time
    ops::return_freed_memory();
    imported.model = nn::load_model(settings.out);
  }
  Listing listing;
  listing.add("check", round_trip_text(imported.model, samples));
  const auto size = bytes(static_cast<double>(nn::parameter_count(imported.model->options())) * sizeof(float));
  listing.add("file", settings.dry_run ? "about " + size + ", not written: this is a dry run" : settings.out);
  console.out << listing.text();
  return kSuccess;
}

int import_with_flags(Arguments arguments, Console& console) {
  ImportSettings settings;
  Flags flags(import_flag_table());
  flags.bind(settings);
  const auto given = parse_command_line(import_text(), flags, arguments, console);
  if (!given) return kSuccess;
  return flags.naming_flags([&] {
    flags.set(*given);
    return convert(settings, console);
  });
}

}  // namespace

int run_glow_import(Arguments arguments, Console& console) {
  return run_tool(import_text(), console, [&] { return import_with_flags(arguments, console); });
}

}  // namespace glow::tools
