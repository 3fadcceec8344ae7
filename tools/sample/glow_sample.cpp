#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/io/safetensors.h>
#include <glow/latent/codec.h>
#include <glow/nn/latents.h>
#include <glow/nn/model_file.h>

#include "tools/common/command_line.h"
#include "tools/common/compute.h"
#include "tools/common/console.h"
#include "tools/common/flags.h"
#include "tools/common/image_output.h"
#include "tools/common/interruption.h"
#include "tools/common/processes.h"
#include "tools/common/text.h"
#include "tools/glow_tools.h"

namespace glow::tools {
namespace {

/// The values of glow-sample's flags.
struct SampleSettings {
  std::string model;
  std::string out;
  std::int64_t count = 64;
  /// Columns of a grid; 0: as square as possible.
  std::int64_t columns = 0;
  /// Only temperature and seed are flags.
  nn::SampleOptions sample;
  /// Name or index; empty: a class is drawn for every image.
  std::string class_name;
  std::int64_t batch = 32;
  ComputeSettings compute;
  bool overwrite = false;
  bool describe = false;
};

template <class Visitor>
void visit_fields(SampleSettings& settings, Visitor&& visit) {
  visit("model", settings.model);
  visit("out", settings.out);
  visit("count", settings.count);
  visit("columns", settings.columns);
  visit("temperature", settings.sample.temperature);
  visit("class", settings.class_name);
  visit("seed", settings.sample.seed);
  visit("batch", settings.batch);
  visit("overwrite", settings.overwrite);
  visit("describe", settings.describe);
  visit_fields(settings.compute, visit);
}

/// Rows for the fields of SampleSettings.
const std::vector<FlagText>& sample_flag_table() {
  static const std::vector<FlagText> own{
      model_row("Sampling"),
      {"out", "Sampling", "OUT",
       "FILE.png: one grid; FILE.npy: uint8 [N,H,W,C], grey [N,H,W]; a folder: 000000.png ..."},
      {"count", "Sampling", "N", "number of images"},
      {"columns", "Sampling", "N|auto", "images per row of a grid; auto: as square as possible", Kept::kNo, "",
       number_word("auto", 0)},
      {"temperature", "Sampling", "T|T0,T1,...",
       "factor of the latents: one number, or one per level from the finest; 0: the image of zero latents"},
      {"class", "Sampling", "NAME|I",
       "class of all images, by name or index; not given: drawn at random for each image"},
      seed_row("Sampling", "the latents; those of image I do not depend on --count and --batch"),
      overwrite_row("Sampling", "a file, or the numbered pictures in a folder"),
      {"describe", "Sampling", "", "print a description of the model file, then stop"},
      batch_row(),
  };
  static const auto table = own + compute_rows(Launchable::kNo);
  return table;
}

/// Throws ConfigError naming a field that is missing or out of range.
void check(const SampleSettings& settings) {
  require_given("model", settings.model, "a model file");
  if (settings.describe && !settings.out.empty()) {
    throw ConfigError("out", "nothing is written with --describe, which prints and stops");
  }
  if (!settings.describe) require_given("out", settings.out, "a file or folder");
  require_range("count", settings.count, 1, kMostImages);
  require_range("columns", settings.columns, 0, kMostImages);
  require_range("batch", settings.batch, 1, kMostImages);
}

std::string class_text(const nn::ModelInfo& info) {
  if (info.options.num_classes == 0) return "none";
  std::string text = std::to_string(info.options.num_classes);
  for (std::size_t i = 0; i < info.class_names.size(); ++i) text += (i == 0 ? ": " : ", ") + info.class_names[i];
  return text;
}

/// Describes a model file in lines "label   value". Throws IoError, and FormatError when the file is damaged.
std::string describe_model(const std::filesystem::path& path) {
  const auto info = nn::read_model_info(path);
  io::SafetensorsReader(path).verify_checksum();
  Listing listing;
  listing.add("file", path.string());
  const auto options = Json::parse(nn::to_json(info.options));
  for (const auto& option : options.items()) listing.add(option.key(), to_text(option.value()));
  listing.add("classes", class_text(info));
  listing.add("parameters", grouped(nn::parameter_count(info.options)));
  listing.add("written by", "Glow " + info.version);
  listing.add("checksum", info.checksum);
  return listing.text();
}

ToolText sample_text() {
  return {.name = "glow-sample",
          .purpose = "Draws images from a Glow.",
          .closing =
              "Examples\n"
              "  glow-sample runs/demo/model.safetensors --out grid.png --temperature 0.7\n"
              "  glow-sample faces.safetensors -o faces/ -n 1000 --seed 7\n",
          .saves_memory = "a smaller --batch",
          .positional = {"model"},
          .common = {"model", "out", "count", "temperature", "class", "seed", "columns", "overwrite", "describe",
                     "threads"}};
}

nn::Glow open_sampled_model(const SampleSettings& settings, const Compute& compute) {
  auto model = open_model(settings.model, compute);
  for (std::int64_t level = 0; level < model->options().levels; ++level) {
    static_cast<void>(settings.sample.temperature.at(level, model->options().levels));
  }
  return model;
}

/// Samples into `output`; returns the number of images with a value that is not finite.
std::int64_t draw(const SampleSettings& settings, const nn::Glow& model, ImageOutput& output, Console& console) {
  const auto class_index = find_class(settings.class_name, model);
  StatusLine status(console, /*quiet=*/false);
  latent::Codec codec(model, settings.batch,
                      [&](std::int64_t done, std::int64_t total) { status.show_images("sampled", done, total); });
  codec.in_batches(settings.count, [&](std::int64_t first, std::int64_t count) {
    throw_if_interrupted();
    auto options = settings.sample;
    options.first_index = first;
    if (class_index >= 0) options.labels = torch::full({count}, class_index, torch::kLong);
    output.add(codec.sample_batch(count, options));
  });
  output.finish();
  return std::ssize(codec.not_finite());
}

int sample(const SampleSettings& settings, const std::vector<std::string>& notes, Console& console) {
  const auto compute = start_computing(settings.compute);
  const auto model = open_sampled_model(settings, compute);
  for (const auto& note : notes) console.err << note << std::endl;
  if (!compute.note.empty()) console.err << compute.note << std::endl;
  InputFiles inputs;
  inputs.add(settings.model);
  note_interruptions();
  const auto output = open_image_output({.path = settings.out,
                                         .count = settings.count,
                                         .shape = image_shape(model->options()),
                                         .columns = settings.columns,
                                         .overwrite = settings.overwrite,
                                         .inputs = inputs});
  const auto not_finite = draw(settings, model, *output, console);
  console.out << count_text(settings.count, "image") << " in " << settings.out << "\n";
  if (not_finite == 0) return kSuccess;
  throw NumericalError(grouped(not_finite) + " of " + grouped(settings.count) + " images in " + settings.out +
                       " have values that are not finite");
}

int sample_or_describe(Arguments arguments, Console& console) {
  SampleSettings settings;
  Flags flags(sample_flag_table());
  flags.bind(settings);
  const auto given = parse_command_line(sample_text(), flags, arguments, console);
  if (!given) return kSuccess;
  return flags.naming_flags([&] {
    flags.set(*given);
    check(settings);
    if (!settings.describe) return sample(settings, notes_on_decimal_commas(flags, *given), console);
    console.out << describe_model(settings.model);
    return static_cast<int>(kSuccess);
  });
}

}  // namespace

int run_glow_sample(Arguments arguments, Console& console) {
  return run_tool(sample_text(), console, [&] { return sample_or_describe(arguments, console); });
}

}  // namespace glow::tools
