#include <ostream>
#include <string>

#include <glow/latent/latents_file.h>

#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct DecodeSettings {
  EditSettings common;
  std::string latents;
  std::int64_t scale = 1;
};

template <class Visitor>
void visit_fields(DecodeSettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit("latents", settings.latents);
  visit("scale", settings.scale);
}

/// Decodes in the precision of the latents if none was given. Says if it is another, or if it follows from the file.
void choose_precision(const DecodeSettings& settings, const latent::LatentsReader& reader, Editor& editor) {
  const bool are_double = reader.dtype() == torch::kDouble;
  const auto given = settings.common.precision;
  if (are_double == (given == Precision::kFp64)) return;  // the model already has the precision of the latents
  if (are_double && given) {
    editor.log(settings.latents + ": float64 latents, rounded to float32 by --precision fp32");
    return;
  }
  auto model = editor.model();
  model->to(torch::kDouble);
  editor.log(settings.latents + ": " + (are_double ? "float64" : "float32") + " latents, decoded in fp64");
}

void decode(const DecodeSettings& settings, Console& console) {
  Editor editor(settings.common, console);
  require_given("latents", settings.latents, "a file of latents");
  editor.inputs().add(settings.latents);
  const latent::LatentsReader reader(settings.latents, editor.options(), editor.checksum());
  choose_precision(settings, reader, editor);
  const auto labels = editor.labels(reader.labels(), reader.size(), settings.latents);
  const auto output = editor.output(reader.size(), 0, {}, settings.scale);
  editor.in_batches(reader.size(), "decoded", [&](std::int64_t first, std::int64_t count) {
    output->add(editor.codec().decode_batch(reader.read(first, count), latent::narrow_labels(labels, first, count)));
  });
  output->finish();
  editor.require_finite();
  console.out << images_in(reader.size(), settings.common.out) << "\n";
}

}  // namespace

Subcommand decode_command() {
  return make_subcommand<DecodeSettings>(
      {.name = "glow-edit decode",
       .purpose = "Decodes latents to images.",
       .closing = "Examples\n"
                  "  glow-edit decode model.safetensors z.safetensors --out again/\n"
                  "  glow-edit decode model.safetensors z.npy --out again.npy\n",
       .positional = {"model", "latents"},
       .common = {"model", "latents", "class", "scale", "out", "overwrite", "batch", "precision", "threads"}},
      edit_flag_table(
          "FILE.png: one grid; FILE.npy: uint8 [N,H,W,C], grey [N,H,W]; a folder: 000000.png ...",
          {{"latents", "Latents", "FILE", "file written by glow-edit encode, .safetensors or .npy"}, scale_row()},
          "fp32 or fp64; not given: that of the latents"),
      decode);
}

}  // namespace glow::tools
