#include <ostream>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/latent/arrange.h>
#include <glow/latent/directions.h>

#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct ApplySettings {
  EditSettings common;
  ImageSettings images;
  std::string directions;
  /// Names of directions; empty: all of the file.
  std::vector<std::string> direction;
  std::vector<double> strengths = {-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2};
  bool together = false;
  std::int64_t scale = 1;
};

template <class Visitor>
void visit_fields(ApplySettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit_fields(settings.images, visit);
  visit("directions", settings.directions);
  visit("direction", settings.direction);
  visit("strengths", settings.strengths);
  visit("together", settings.together);
  visit("scale", settings.scale);
}

const std::vector<FlagText>& apply_rows() {
  static const std::vector<FlagText> rows{
      {"directions", "Edit", "FILE", "file written by glow-edit directions"},
      {"direction", "Edit", "NAME,...", "names of the directions to apply, one row each; not given: all in the file"},
      {"strengths", "Edit", "S,...",
       "factors of the direction, one column each; 0: the image itself; 1: as far as from the mean of images without "
       "the attribute to the mean of those with it"},
      {"together", "Edit", "", "apply all directions at once, in one row"},
      scale_row(),
  };
  return rows;
}

/// A vector [D] and the name of its row.
struct NamedVector {
  std::string name;
  torch::Tensor vector;
};

std::vector<NamedVector> chosen(const ApplySettings& settings, const latent::Directions& directions) {
  std::vector<NamedVector> all;
  for (const auto& name : settings.direction.empty() ? directions.names : settings.direction) {
    all.push_back({name, directions.vector(name)});
  }
  if (!settings.together) return all;
  auto sum = all.front();
  for (std::size_t k = 1; k < all.size(); ++k) sum = {sum.name + " + " + all[k].name, sum.vector + all[k].vector};
  return {sum};
}

data::GridLabels apply_labels(const ApplySettings& settings, const std::vector<NamedVector>& vectors,
                              std::int64_t images) {
  data::GridLabels labels;
  for (const double strength : settings.strengths) labels.columns.push_back(brief(strength));
  for (std::int64_t i = 0; i < images; ++i) {
    for (const auto& each : vectors) labels.rows.push_back(each.name);
  }
  return labels;
}

void apply(const ApplySettings& settings, Console& console) {
  Editor editor(settings.common, console, settings.images.images);
  require_given("directions", settings.directions, "a file of directions");
  editor.inputs().add(settings.directions);
  const auto directions = latent::load_directions(settings.directions, editor.options(), editor.checksum());
  const auto vectors = chosen(settings, directions);
  const auto images = open_few_images(settings.images, editor.model(), editor.inputs());
  const auto labels = editor.labels(images);
  const auto columns = static_cast<std::int64_t>(settings.strengths.size());
  const auto pictures = static_cast<std::int64_t>(vectors.size()) * columns;
  const auto output =
      editor.output(images.size() * pictures, columns, apply_labels(settings, vectors, images.size()), settings.scale);
  PictureQueue queue(editor, *output, images.size() * pictures);
  editor.encode(images, labels, [&](std::int64_t first, const nn::Latents& latents) {
    for (std::int64_t i = 0; i < latent::count(latents); ++i) {
      // Each image has one row for each vector, with one picture for each strength.
      const auto image = latent::narrow(latents, i, 1);
      const auto label = latent::narrow_labels(labels, first + i, 1);
      for (const auto& each : vectors) {
        for (const double strength : settings.strengths) queue.add(latent::move(image, each.vector, strength), label);
      }
    }
  });
  queue.finish();
  editor.report_not_finite();
  console.out << images_in(images.size() * pictures, settings.common.out) << "\n";
}

}  // namespace

Subcommand apply_command() {
  return make_subcommand<ApplySettings>(
      {.name = "glow-edit apply",
       .purpose = "Moves images along directions of attributes, by several strengths.",
       .closing = "Examples\n"
                  "  glow-edit apply faces.safetensors a.png --directions attributes.safetensors \\\n"
                  "    --direction Smiling Young --out strip.png\n"
                  "  glow-edit apply faces.safetensors photos/ --directions attributes.safetensors \\\n"
                  "    --direction Smiling --strengths 1 --out smiling/\n",
       .positional = {"model", "images"},
       .common = {"model", "images", "directions", "direction", "strengths", "pick", "class", "scale", "out",
                  "overwrite", "threads"}},
      edit_flag_table(
          "FILE.png: one grid with a row for each image and direction; FILE.npy or a folder: its pictures, row by "
          "row",
          image_flag_rows() + apply_rows()),
      apply);
}

}  // namespace glow::tools
