#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include <glow/checks.h>
#include <glow/io/file.h>
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
  latent::PathOptions path;
  std::int64_t frame_milliseconds = 100;
  std::int64_t scale = 1;
};

template <class Visitor>
void visit_fields(InterpolateSettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit_fields(settings.images, visit);
  visit("kind", settings.path.kind);
  visit("points", settings.path.points);
  visit("middle_temperature", settings.path.middle_temperature);
  visit("closed", settings.path.closed);
  visit("frame_milliseconds", settings.frame_milliseconds);
  visit("scale", settings.scale);
}

const std::vector<FlagText>& interpolate_rows() {
  static const std::vector<FlagText> rows{
      {"kind", "Path", "KIND", "spherical (eps in between has a norm typical of images) or linear"},
      {"points", "Path", "N", "pictures from one image to the next, including both", Kept::kNo, "frames"},
      {"middle_temperature", "Path", "T|T0,T1,...",
       "factor of eps half-way between two images, one number or one per level; at the images it is 1"},
      {"closed", "Path", "", "return to the first image at the end", Kept::kNo, "loop"},
      {"frame_milliseconds", "Output", "MS", "for an animation (FILE.apng): duration of each frame"},
      scale_row(),
  };
  return rows;
}

/// Labels: the position above each column and, if there are several rows, the two images to the left of each.
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

/// In a grid each leg shows both of its ends. In an animation each point occurs once, and a loop does not repeat its
/// first frame.
std::int64_t picture_count(const latent::PathOptions& path, std::int64_t legs, bool as_grid) {
  return as_grid ? legs * path.points : legs * (path.points - 1) + (path.closed ? 0 : 1);
}

/// Pictures first ... first + count - 1 of the output.
nn::Latents pictures_of(const latent::LatentPath& path, std::int64_t points, bool as_grid, std::int64_t first,
                        std::int64_t count) {
  if (!as_grid) return path.points(first, count);
  std::vector<nn::Latents> pictures;
  // A leg begins at the point at which the previous leg ends.
  for (std::int64_t i = first; i < first + count; ++i) pictures.push_back(path.points(i - i / points, 1));
  return latent::concatenate(pictures);
}

nn::Latents encode_all(Editor& editor, const EditImages& images, const torch::Tensor& labels) {
  std::vector<nn::Latents> batches;
  editor.encode(images, labels, [&](std::int64_t, const nn::Latents& latents) { batches.push_back(latents); });
  return latent::concatenate(batches);
}

void check_time(const InterpolateSettings& settings, const GivenFlags& given) {
  if (io::lower_extension(settings.common.out) != ".apng") {
    refuse(given, {"frame-milliseconds"}, "only an animation (.apng) has a frame duration, not " + settings.common.out);
  }
}

void interpolate(const InterpolateSettings& settings, Console& console) {
  Editor editor(settings.common, console, settings.images.images);
  require_range("frame_milliseconds", settings.frame_milliseconds, 1, 65535);
  const auto& options = settings.path;
  options.validate(editor.options().levels);
  const auto images = open_few_images(settings.images, editor.model(), editor.inputs());
  require_at_least("images", images.size(), 2);
  const auto labels = editor.common_labels(images);
  const bool as_grid = io::lower_extension(settings.common.out) == ".png";
  const auto legs = images.size() - (options.closed ? 0 : 1);
  const auto pictures = picture_count(options, legs, as_grid);
  const auto output = editor.output(pictures, options.points, interpolate_labels(images, legs, options.points),
                                    settings.scale, settings.frame_milliseconds);
  const latent::LatentPath path(encode_all(editor, images, labels), options);
  editor.in_batches(pictures, "decoded", [&](std::int64_t first, std::int64_t count) {
    output->add(editor.codec().decode_batch(pictures_of(path, options.points, as_grid, first, count),
                                            repeat_labels(latent::narrow_labels(labels, 0, 1), count)));
  });
  output->finish();
  editor.report_not_finite();
  console.out << images_in(pictures, settings.common.out) << "\n";
}

}  // namespace

Subcommand interpolate_command() {
  return make_subcommand<InterpolateSettings>(
      {.name = "glow-edit interpolate",
       .purpose = "Interpolates between images through the latent space, as a grid or an animation.",
       .closing = "Examples\n"
                  "  glow-edit interpolate faces.safetensors a.png b.png c.png --out ways.png\n"
                  "  glow-edit interpolate faces.safetensors a.png b.png --frames 30 --loop --out morph.apng\n",
       .positional = {"model", "images"},
       .common = {"model", "images", "pick", "class", "frames", "loop", "frame-milliseconds", "scale", "out",
                  "overwrite", "threads"}},
      edit_flag_table(
          "FILE.png: a grid with a row from each image to the next; FILE.apng: an animated PNG; FILE.npy or a "
          "folder: its frames",
          image_flag_rows() + interpolate_rows()),
      interpolate, check_time);
}

}  // namespace glow::tools
