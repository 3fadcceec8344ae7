#include "tools/common/shared_flags.h"

#include <glow/data/source.h>

namespace glow::tools {

FlagText model_row(const std::string& group) { return {"model", group, "FILE", "the model file"}; }

FlagText source_row(const std::string& field, const std::string& group, const std::string& what) {
  return {field, group, "SOURCE", what + (what.empty() ? "" : ": ") + data::describe_source_kinds(), Kept::kChangeable};
}

FlagText seed_row(const std::string& group, const std::string& what) {
  return {"seed", group, "S", "seed of " + what, Kept::kFixed};
}

FlagText overwrite_row(const std::string& group) {
  return {"overwrite", group, "",
          "replace what is there: a file, the numbered pictures of a folder, or an earlier run"};
}

FlagText batch_row(const std::string& otherwise) {
  return {"batch", "Computing", "N", "images at once" + (otherwise.empty() ? "" : "; not given: " + otherwise)};
}

std::vector<FlagText> compute_rows(Launchable launchable) {
  std::vector<FlagText> rows{
      {"device", "Computing", "NAME", "auto, cpu, cuda or cuda:N", Kept::kChangeable},
      {"precision", "Computing", "KIND",
       "fp32, fp64, or with the coupling networks in bf16 or (CUDA) tf32, which glow-edit does not take", Kept::kFixed},
      {"threads", "Computing", "N",
       "0: as many as the process may use, divided among the processes of a tool on a host", Kept::kChangeable},
  };
  if (launchable == Launchable::kYes) {
    rows.push_back({"process_timeout", "Computing", "SECONDS",
                    "how long a process waits for others that torchrun, mpirun or SLURM started with it"});
  }
  return rows;
}

}  // namespace glow::tools
