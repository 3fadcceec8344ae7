#include <ostream>
#include <string>
#include <vector>

#include <glow/enum_names.h>
#include <glow/error.h>
#include <glow/evaluate/round_trip.h>
#include <glow/io/file.h>
#include <glow/latent/latents_file.h>
#include <glow/nn/latents.h>

#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

/// What is done about images that do not come back from the latents of a file.
enum class Verify {
  /// They are listed, and the exit code is 1.
  kError,
  /// They are listed.
  kNote,
  /// They are not searched.
  kNone,
};

/// "error", "note", "none"
constexpr EnumNames<Verify, 3> enum_names(Verify) {
  return {"verification", {{{"error", Verify::kError}, {"note", Verify::kNote}, {"none", Verify::kNone}}}};
}

struct EncodeSettings {
  EditSettings common;
  ImageSettings images;
  Verify verify = Verify::kError;
};

template <class Visitor>
void visit_fields(EncodeSettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit_fields(settings.images, visit);
  visit("verify", settings.verify);
}

/// Encodes all images into the file. Returns those that do not come back from it.
ChangedImages write_latents(Editor& editor, const EncodeSettings& settings, const EditImages& images,
                            const torch::Tensor& labels) {
  latent::LatentsWriter writer(settings.common.out, editor.options(), editor.checksum(), images.size(), labels,
                               editor.model()->dtype());
  ChangedImages changed;
  editor.tell(images);
  editor.in_batches(images.size(), "encoded", [&](std::int64_t first, std::int64_t count) {
    const auto bytes = images.bytes(first, count);
    const auto own_labels = latent::narrow_labels(labels, first, count);
    const auto stored = writer.add(editor.codec().encode_batch(bytes, own_labels));
    if (settings.verify == Verify::kNone) return;
    changed.add(evaluate::returned(editor.model(), bytes, stored, own_labels), first);
  });
  writer.finish();
  return changed;
}

/// The classes of the images. A .npy file cannot keep them, so that decoding it needs --class.
torch::Tensor labels_to_keep(Editor& editor, const EncodeSettings& settings, const EditImages& images) {
  const auto& out = settings.common.out;
  const auto labels = editor.labels(images);
  if (!labels.defined() || io::lower_extension(out) != ".npy") return labels;
  if (!labels.eq(labels[0]).all().item<bool>()) {
    throw ConfigError("out", out + " keeps no classes, and the images are of several: give --class, or write a file " +
                                 "of the extension .safetensors");
  }
  const auto index = labels[0].item<std::int64_t>();
  const auto& names = editor.model()->class_names();
  const auto name = names.empty() ? std::to_string(index) : names[static_cast<std::size_t>(index)];
  editor.log(out + " keeps no classes: decode it with --class " + shell_word(name));
  return labels;
}

void encode(const EncodeSettings& settings, Console& console) {
  Editor editor(settings.common, console, settings.images.images);
  const auto images = open_edit_images(settings.images, editor.model(), editor.inputs());
  editor.check_file_output({".npy", ".safetensors"}, "glow-latents");
  const auto labels = labels_to_keep(editor, settings, images);
  const auto changed = write_latents(editor, settings, images, labels);
  if (!changed.empty()) {
    const bool is_error = settings.verify == Verify::kError;
    const auto problem = editor.changed_text(
        changed, images, " in " + settings.common.out,
        is_error ? "the file is complete and can be used as it is; --verify note makes this no error" : "");
    if (is_error) throw NumericalError(problem);
    editor.log(problem);
  }
  const bool are_exact = settings.verify != Verify::kNone && changed.empty();
  console.out << "latents of " << images_in(images.size(), settings.common.out)
              << (are_exact ? ", which come back " + byte_for_byte(editor.options().bits) : "") << "\n";
}

}  // namespace

Subcommand encode_command() {
  return make_subcommand<EncodeSettings>(
      {.name = "glow-edit encode",
       .purpose = "Encodes images to their exact latents.",
       .closing = "Examples\n"
                  "  glow-edit encode model.safetensors photos/ --out z.safetensors\n"
                  "  glow-edit encode model.safetensors fashion-mnist --out z.npy --precision fp64\n",
       .positional = {"model", "images"},
       .common = {"model", "images", "pick", "class", "out", "verify", "overwrite", "batch", "precision", "threads"}},
      edit_flag_table(
          "FILE.safetensors: an array per level, labels and the model's checksum; FILE.npy: an array [N,D]; "
          "of float32, or of float64 with --precision fp64",
          image_flag_rows() +
              std::vector<FlagText>{
                  {"verify", "Output", "KIND",
                   "what to do when images do not come back byte for byte from the latents as the file has "
                   "them: error, list them and exit with 1; note, list them; none, do not decode, which "
                   "takes half the time. glow-edit decode gives the same bytes with the same --batch, --threads, "
                   "--precision and --device"}},
          "fp32 or fp64, also that of the latents; not given: fp32"),
      encode);
}

}  // namespace glow::tools
