#include "tools/sample/sample_settings.h"

#include <glow/error.h>

#include "tools/common/checks.h"
#include "tools/common/shared_flags.h"

namespace glow::tools {

const std::vector<FlagText>& sample_flag_table() {
  static const std::vector<FlagText> own{
      model_row("Sampling"),
      {"out", "Sampling", "OUT",
       "FILE.png: one grid; FILE.npy: uint8 [N,H,W,C], grey [N,H,W]; a folder: 000000.png ..."},
      {"count", "Sampling", "N", "how many images"},
      {"columns", "Sampling", "N", "images a row of a grid; 0: as square as it gets"},
      {"temperature", "Sampling", "T|T0,T1,...",
       "what latents are multiplied by, one number or one a level from the finest; 0: the mean image"},
      {"class", "Sampling", "NAME|I", "name or index of the class; not given: each image draws its own"},
      seed_row("Sampling", "the latents; those of image I do not depend on --count and --batch"),
      overwrite_row("Sampling"),
      {"describe", "Sampling", "", "print what the model file holds, and stop"},
      batch_row(),
  };
  static const auto table = own + compute_rows(Launchable::kNo);
  return table;
}

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

}  // namespace glow::tools
