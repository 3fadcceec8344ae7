#include <ostream>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/evaluate/round_trip.h>
#include <glow/latent/arrange.h>
#include <glow/latent/vary.h>

#include "tools/common/flags.h"
#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct ReconstructSettings {
  EditSettings common;
  ImageSettings images;
  /// How levels are sampled again; only temperature and seed are flags.
  latent::VaryOptions redraw;
  std::int64_t scale = 1;
};

template <class Visitor>
void visit_fields(ReconstructSettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit_fields(settings.images, visit);
  visit("temperature", settings.redraw.temperature);
  visit("seed", settings.redraw.seed);
  visit("scale", settings.scale);
}

const std::vector<FlagText>& reconstruct_rows() {
  static const std::vector<FlagText> rows{
      {"temperature", "Levels", "T|T0,T1,...",
       "temperature of the levels that are sampled again, one number or one per level"},
      seed_row("Levels", "these levels; the samples of an image do not depend on --pick"),
      scale_row(),
  };
  return rows;
}

/// The labels of the columns: "image", "decoded", then the levels that are sampled again: "level 0 new", "levels 0-1
/// new", ...
data::GridLabels reconstruct_labels(std::int64_t levels) {
  data::GridLabels labels{.columns = {"image", "decoded", "level 0 new"}};
  for (std::int64_t l = 1; l < levels; ++l) labels.columns.push_back("levels 0-" + std::to_string(l) + " new");
  return labels;
}

void reconstruct(const ReconstructSettings& settings, Console& console) {
  Editor editor(settings.common, console, settings.images.images);
  const auto levels = editor.options().levels;
  auto options = settings.redraw;
  options.validate(levels);
  const auto images = open_few_images(settings.images, editor.model(), editor.inputs());
  const auto labels = editor.labels(images);
  const auto columns = levels + 2;
  const auto output = editor.output(images.size() * columns, columns, reconstruct_labels(levels), settings.scale);
  ChangedImages changed;
  editor.tell(images);
  editor.in_batches(images.size(), "reconstructed", [&](std::int64_t first, std::int64_t count) {
    const auto bytes = images.bytes(first, count);
    const auto own_labels = latent::narrow_labels(labels, first, count);
    const auto latents = editor.codec().encode_batch(bytes, own_labels);
    const auto back = evaluate::returned(editor.model(), bytes, latents, own_labels);
    changed.add(back, first);
    std::vector<torch::Tensor> shown{bytes, back.decoded};
    const auto begin = images.places.begin() + first;
    options.indices.assign(begin, begin + count);
    for (std::int64_t l = 1; l <= levels; ++l) {
      shown.push_back(editor.codec().decode_batch(latent::resample_finest(latents, l, options), own_labels));
    }
    // [N, columns, C, H, W]: one row for each image.
    output->add(at::stack(shown, 1).flatten(0, 1));
  });
  output->finish();
  editor.report_not_finite();
  if (!changed.empty()) editor.log(editor.changed_text(changed, images));
  console.out << grouped(images.size() - changed.size()) << " of " << grouped(images.size()) << " images come back "
              << byte_for_byte(editor.options().bits) << "; " << images_in(images.size() * columns, settings.common.out)
              << "\n";
}

}  // namespace

Subcommand reconstruct_command() {
  return make_subcommand<ReconstructSettings>(
      {.name = "glow-edit reconstruct",
       .purpose =
           "Shows what each level encodes: images, their reconstructions, and their finest levels sampled again.",
       .closing = "Examples\n"
                  "  glow-edit reconstruct model.safetensors faces/ --out levels.png\n"
                  "  glow-edit reconstruct model.safetensors fashion-mnist --pick 0 1 2 "
                  "--temperature 0.7 --scale 2 --out levels.png\n",
       .positional = {"model", "images"},
       .common = {"model", "images", "pick", "class", "temperature", "scale", "out", "overwrite", "threads"}},
      edit_flag_table("FILE.png: one grid with a row for each image; FILE.npy or a folder: its pictures, row by row",
                      image_flag_rows() + reconstruct_rows()),
      reconstruct);
}

}  // namespace glow::tools
