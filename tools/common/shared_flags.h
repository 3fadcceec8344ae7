#pragma once

#include <string>
#include <vector>

#include "tools/common/flags.h"

namespace glow::tools {

// The rows of flags that several tools have, so that they have the same words in each. FlagText::kept is that of
// glow-train; the other tools do not use it.

/// "model", a model file.
FlagText model_row(const std::string& group);
/// "data" or another field for a data set. `what`: what is done with it, before the list of its kinds; may be empty.
FlagText source_row(const std::string& field, const std::string& group, const std::string& what);
/// "seed". `what`: what is drawn with it.
FlagText seed_row(const std::string& group, const std::string& what);
/// "overwrite"
FlagText overwrite_row(const std::string& group);
/// "batch" of a tool that has no training steps. `otherwise`: the default when that is no number.
FlagText batch_row(const std::string& otherwise = {});

/// Whether a launcher can start a tool in several processes.
enum class Launchable { kNo, kYes };
/// The rows of ComputeSettings; `process_timeout` only for kYes.
std::vector<FlagText> compute_rows(Launchable launchable);

}  // namespace glow::tools
