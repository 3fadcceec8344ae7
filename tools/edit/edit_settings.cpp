#include "tools/edit/edit_settings.h"

#include "tools/common/checks.h"

namespace glow::tools {

std::vector<FlagText> image_flag_rows() {
  const std::vector<FlagText> rows{
      {"images", "Images", "IMAGES",
       "FILE.npy (uint8 [N,H,W,C] or [N,H,W]), a folder, FILE.png,FILE.jpg,... or a data set as glow-train takes it, "
       "of "
       "which its test images"},
      {"pick", "Images", "I,J,...", "only these, by their place from 0; not given: all"},
      {"fit", "Images", "", "the same as --resize 0"},
  };
  return rows + geometry_rows("Images");
}

FlagText scale_row() {
  return {"scale", "Output", "S", "of a grid (FILE.png): how many pixels wide and high each pixel becomes"};
}

std::vector<FlagText> edit_flag_table(const std::string& out, const std::vector<FlagText>& own) {
  const std::vector<FlagText> model{
      {"model", "Model", "FILE", "the model file"},
      {"class", "Model", "NAME|I",
       "of a conditional model: the class of all images; not given: their own, where they are known"},
  };
  const std::vector<FlagText> rest{
      {"out", "Output", "OUT", out},
      {"overwrite", "Output", "", "replace what is there: the file, or the numbered pictures of the folder"},
      {"batch", "Computing", "N", "images at once"},
      {"device", "Computing", "NAME", "auto, cpu, cuda or cuda:N"},
      {"float64", "Computing", "", "compute in double precision; files of latents stay float32"},
      {"threads", "Computing", "N", "0: as many as the process may use"},
  };
  return model + own + rest;
}

void check(const EditSettings& settings) {
  constexpr std::int64_t kLargestBatch = 1 << 20;
  require_given("model", settings.model, "a model file");
  require_given("out", settings.out, "a file or folder");
  require_range("batch", settings.batch, 1, kLargestBatch);
}

}  // namespace glow::tools
