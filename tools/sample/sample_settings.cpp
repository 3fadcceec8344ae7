#include "tools/sample/sample_settings.h"

#include <glow/error.h>

namespace glow::tools {
namespace {

void require_range(const char* field, std::int64_t value, std::int64_t lowest) {
  // As many images as no disk holds; sums of such numbers do not overflow.
  constexpr std::int64_t kHighest = std::int64_t{1} << 40;
  if (value >= lowest && value <= kHighest) return;
  throw ConfigError(std::string(field) + ": expected " + std::to_string(lowest) + " to " + std::to_string(kHighest) +
                    ", got " + std::to_string(value));
}

}  // namespace

const std::vector<FlagText>& sample_flag_table() {
  static const std::vector<FlagText> table{
      {"model", "Sampling", "FILE", "the model file"},
      {"out", "Sampling", "OUT",
       "FILE.png: one grid; FILE.npy: uint8 [N,H,W,C], grey [N,H,W]; a folder: 000000.png ..."},
      {"count", "Sampling", "N", "how many images"},
      {"columns", "Sampling", "N", "images a row of a grid; 0: as square as it gets"},
      {"temperature", "Sampling", "T|T0,T1,...",
       "what latents are multiplied by, one number or one a level from the finest; 0: the mean image"},
      {"class", "Sampling", "NAME|I", "name or index of the class; not given: each image draws its own"},
      {"seed", "Sampling", "S", "decides the latents of image I, whatever --count and --batch"},
      {"overwrite", "Sampling", "", "replace files that are there"},
      {"describe", "Sampling", "", "print what the model file holds, and stop"},
      {"batch", "Computing", "N", "images at once"},
      {"device", "Computing", "NAME", "auto, cpu, cuda or cuda:N"},
      {"precision", "Computing", "KIND", "fp32, fp64, or with the coupling networks in bf16 or (CUDA) tf32"},
      {"threads", "Computing", "N", "0: as many as the process may use"},
  };
  return table;
}

void check(const SampleSettings& settings) {
  if (settings.model.empty()) throw ConfigError("model: expected a model file, none is given");
  if (settings.describe && !settings.out.empty()) {
    throw ConfigError("out: nothing is written with --describe, which prints and stops");
  }
  if (!settings.describe && settings.out.empty()) throw ConfigError("out: expected a file or folder, none is given");
  require_range("count", settings.count, 1);
  require_range("columns", settings.columns, 0);
  require_range("batch", settings.batch, 1);
}

}  // namespace glow::tools
