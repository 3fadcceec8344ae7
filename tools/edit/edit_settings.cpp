#include "tools/edit/edit_settings.h"

#include <glow/error.h>

#include "tools/common/flags.h"
#include "tools/common/text.h"

namespace glow::tools {

std::vector<FlagText> image_flag_rows() {
  const std::vector<FlagText> rows{
      {"images", "Images", "IMAGES",
       "FILE.npy (uint8 [N,H,W,C] or [N,H,W]), a folder, FILE.png,FILE.jpg,... or a data set as in glow-train --data, "
       "of which the test images are used, if it has any"},
      {"pick", "Images", "I,J,...", "indices of the images to use, from 0; not given: all"},
      {"fit", "Images", "", "the same as --resize 0"},
  };
  return rows + geometry_rows("Images");
}

FlagText scale_row() { return {"scale", "Output", "S", "for a grid (FILE.png): each pixel becomes S x S pixels"}; }

std::vector<FlagText> edit_flag_table(const std::string& out, const std::vector<FlagText>& own) {
  const std::vector<FlagText> model{
      model_row("Model"),
      {"class", "Model", "NAME|I",
       "for a conditional model: the class of all images, by name or index; not given: each image's own, if known"},
  };
  const std::vector<FlagText> rest{
      {"out", "Output", "OUT", out},
      overwrite_row("Output"),
      batch_row(),
  };
  return model + own + rest + compute_rows(Launchable::kNo);
}

void check(const EditSettings& settings) {
  constexpr std::int64_t kLargestBatch = 1 << 20;
  require_given("model", settings.model, "a model file");
  require_given("out", settings.out, "a file or folder");
  require_range("batch", settings.batch, 1, kLargestBatch);
  const auto precision = settings.compute.precision;
  if (precision != Precision::kFp32 && precision != Precision::kFp64) {
    throw ConfigError("precision", "expected fp32 or fp64, because rounded networks have no exact inverse, got " +
                                       to_string(precision));
  }
}

}  // namespace glow::tools
