#include <algorithm>
#include <ostream>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "tools/common/command_line.h"
#include "tools/common/find_class.h"
#include "tools/common/image_output.h"
#include "tools/common/interruption.h"
#include "tools/common/open_model.h"
#include "tools/common/run_tool.h"
#include "tools/common/status_line.h"
#include "tools/common/text.h"
#include "tools/glow_tools.h"
#include "tools/sample/describe.h"
#include "tools/sample/sample_settings.h"

namespace glow::tools {
namespace {

ToolText sample_text() {
  return {.name = "glow-sample",
          .purpose = "Draws images from a Glow.",
          .closing =
              "Examples\n"
              "  glow-sample --model runs/demo/model.safetensors --out grid.png --temperature 0.7\n"
              "  glow-sample --model faces.safetensors --out faces/ --count 1000 --seed 7\n"};
}

nn::Glow open_sampled_model(const SampleSettings& settings, const Compute& compute) {
  auto model = open_model(settings.model, compute);
  for (std::int64_t level = 0; level < model->options().levels; ++level) {
    static_cast<void>(settings.sample.temperature.at(level, model->options().levels));
  }
  return model;
}

/// Samples into `output`; returns the number of images with a value that is not finite.
std::int64_t draw(const SampleSettings& settings, nn::Glow& model, ImageOutput& output, Console& console) {
  const torch::NoGradGuard no_grad;
  const auto class_index = find_class(settings.class_name, model);
  StatusLine status(console, /*quiet=*/false);
  std::int64_t not_finite = 0;
  for (std::int64_t first = 0; first < settings.count; first += settings.batch) {
    throw_if_interrupted();
    const auto count = std::min(settings.batch, settings.count - first);
    auto options = settings.sample;
    options.first_index = first;
    if (class_index >= 0) options.labels = torch::full({count}, class_index, torch::kLong);
    const auto images = model->sample(count, options);
    not_finite += images.isfinite().flatten(1).all(1).logical_not().sum().item<std::int64_t>();
    output.add(model->quantizer().to_bytes(images).cpu());
    const auto done = first + count;
    status.show(bar(static_cast<double>(done) / static_cast<double>(settings.count)) + " " + grouped(done) + "/" +
                grouped(settings.count) + " images");
  }
  output.finish();
  return not_finite;
}

int sample(const SampleSettings& settings, Console& console) {
  const auto compute = start_computing(settings.compute);
  auto model = open_sampled_model(settings, compute);
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
  const auto given = parse_command_line(sample_text(), flags, arguments, console.out);
  if (!given) return kSuccess;
  return flags.naming_flags([&] {
    flags.set(*given);
    check(settings);
    if (!settings.describe) return sample(settings, console);
    console.out << describe_model(settings.model);
    return static_cast<int>(kSuccess);
  });
}

}  // namespace

int run_glow_sample(Arguments arguments, Console& console) {
  return run_tool(sample_text().name, console, [&] { return sample_or_describe(arguments, console); });
}

}  // namespace glow::tools
