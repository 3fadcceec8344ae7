#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <glow/latent/arrange.h>
#include <glow/latent/interpolate.h>

#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct InterpolateSettings {
  EditSettings common;
  ImageSettings images;
  latent::InterpolationKind kind = latent::InterpolationKind::kSpherical;
  /// Pictures of a leg, both images counted.
  std::int64_t points = 8;
  std::vector<double> middle_temperature = {1.0};
  bool closed = false;
  std::int64_t frame_milliseconds = 100;
  std::int64_t scale = 1;
};

template <class Visitor>
void visit_fields(InterpolateSettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit_fields(settings.images, visit);
  visit("kind", settings.kind);
  visit("points", settings.points);
  visit("middle_temperature", settings.middle_temperature);
  visit("closed", settings.closed);
  visit("frame_milliseconds", settings.frame_milliseconds);
  visit("scale", settings.scale);
}

const std::vector<FlagText>& interpolate_rows() {
  static const std::vector<FlagText> rows{
      {"kind", "Way", "KIND", "spherical (eps in between is as long as that of images) or linear"},
      {"points", "Way", "N", "pictures on the way from an image to the next, these two among them", Kept::kNo,
       "frames"},
      {"middle_temperature", "Way", "T|T0,T1,...", "what eps is multiplied by half-way; at the images it is 1"},
      {"closed", "Way", "", "go back to the first image at the end", Kept::kNo, "loop"},
      {"frame_milliseconds", "Output", "MS", "how long an animation shows each picture"},
      {"scale", "Output", "S", "pixels of a grid that each pixel is wide and high"},
  };
  return rows;
}

/// The position above each column; beside the rows, where there are several, the images that they join.
data::GridLabels interpolate_labels(const EditImages& images, std::int64_t legs, std::int64_t points) {
  data::GridLabels labels;
  for (std::int64_t i = 0; i < points; ++i) {
    const bool is_end = i == 0 || i == points - 1;
    labels.columns.push_back(fixed(static_cast<double>(i) / static_cast<double>(points - 1), is_end ? 0 : 2));
  }
  const auto place = [&](std::int64_t image) {
    return std::to_string(images.places[static_cast<std::size_t>(image % images.size())]);
  };
  for (std::int64_t i = 0; legs > 1 && i < legs; ++i) labels.rows.push_back(place(i) + " to " + place(i + 1));
  return labels;
}

/// As a grid, every leg with both its ends; as frames, each point once: a loop begins again where it would end.
std::int64_t picture_count(const InterpolateSettings& settings, std::int64_t legs, bool as_grid) {
  return as_grid ? legs * settings.points : legs * (settings.points - 1) + (settings.closed ? 0 : 1);
}

nn::Latents pictures_of(const latent::LatentPath& path, const InterpolateSettings& settings, bool as_grid) {
  if (!as_grid) return path.points(0, picture_count(settings, path.legs(), as_grid));
  std::vector<nn::Latents> legs;
  for (std::int64_t i = 0; i < path.legs(); ++i)
    legs.push_back(path.points(i * (settings.points - 1), settings.points));
  return latent::concatenate(legs);
}

void interpolate(const InterpolateSettings& settings) {
  Editor editor(settings.common);
  require_range("frame_milliseconds", settings.frame_milliseconds, 1, 65535);
  const latent::PathOptions options{.kind = settings.kind,
                                    .points = settings.points,
                                    .middle_temperature = settings.middle_temperature,
                                    .closed = settings.closed};
  options.validate(editor.options().levels);
  const auto images = open_few_images(settings.images, editor.options(), editor.inputs());
  if (images.size() < 2) throw ConfigError("images: expected at least 2, got " + std::to_string(images.size()));
  const auto labels = editor.common_labels(images);
  const bool as_grid = std::filesystem::path(settings.common.out).extension() == ".png";
  const auto legs = images.size() - (settings.closed ? 0 : 1);
  const auto pictures = picture_count(settings, legs, as_grid);
  const auto output = editor.output(pictures, settings.points, interpolate_labels(images, legs, settings.points),
                                    settings.scale, settings.frame_milliseconds);
  const latent::LatentPath path(editor.encode(images.bytes(), labels), options);
  output->add(
      editor.decode(pictures_of(path, settings, as_grid), repeat_labels(narrow_labels(labels, 0, 1), pictures)));
  output->finish();
  editor.report_not_finite();
  std::cout << images_in(pictures, settings.common.out) << "\n";
}

}  // namespace

Subcommand interpolate_command() {
  return make_subcommand<InterpolateSettings>(
      {.name = "glow-edit interpolate",
       .purpose = "The way from one image to others through the latent space, as a grid or an animation.",
       .closing = "Examples\n"
                  "  glow-edit interpolate --model faces.safetensors --images a.png,b.png,c.png --out ways.png\n"
                  "  glow-edit interpolate --model faces.safetensors --images a.png,b.png --frames 30 --loop "
                  "--out morph.apng\n"},
      edit_flag_table("FILE.png: a grid, a row from each image to the next; FILE.apng: an animated PNG; FILE.npy or a "
                      "folder: its frames",
                      image_flag_rows() + interpolate_rows()),
      interpolate);
}

}  // namespace glow::tools
