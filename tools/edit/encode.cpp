#include <ostream>

#include <glow/io/file.h>
#include <glow/latent/latents_file.h>
#include <glow/nn/latents.h>

#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct EncodeSettings {
  EditSettings common;
  ImageSettings images;
};

template <class Visitor>
void visit_fields(EncodeSettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit_fields(settings.images, visit);
}

void encode(const EncodeSettings& settings, Console& console) {
  Editor editor(settings.common, console);
  const auto images = open_edit_images(settings.images, editor.model(), editor.inputs());
  editor.check_file_output({".npy", ".safetensors"}, "glow-latents");
  const auto labels = editor.labels(images);
  if (labels.defined() && io::lower_extension(settings.common.out) == ".npy") {
    console.err << "the images' classes are not kept in " << settings.common.out
                << ": decoding it needs --class, one for all images (a .safetensors file keeps them)\n";
  }
  latent::LatentsWriter writer(settings.common.out, editor.options(), editor.checksum(), images.size(), labels);
  editor.encode(images, labels, [&](std::int64_t, const nn::Latents& latents) { writer.add(latents); });
  writer.finish();
  console.out << "latents of " << images_in(images.size(), settings.common.out) << "\n";
}

}  // namespace

Subcommand encode_command() {
  return make_subcommand<EncodeSettings>(
      {.name = "glow-edit encode",
       .purpose = "Encodes images to their exact latents.",
       .closing = "Examples\n"
                  "  glow-edit encode model.safetensors photos/ --out z.safetensors\n"
                  "  glow-edit encode --model model.safetensors --images fashion-mnist --out z.npy\n",
       .positional = {"model", "images"},
       .common = {"model", "images", "pick", "class", "out", "overwrite", "batch", "precision", "threads"}},
      edit_flag_table("FILE.safetensors: an array per level, labels and the model's checksum; FILE.npy: float32 [N,D]",
                      image_flag_rows()),
      encode);
}

}  // namespace glow::tools
