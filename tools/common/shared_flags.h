#pragma once

#include <string>
#include <vector>

#include "tools/common/flags.h"

namespace glow::tools {

// Rows of flags that several tools share, so that their texts agree. FlagText::kept applies to glow-train only; the
// other tools do not use it.

/// "model", a model file.
FlagText model_row(const std::string& group);
/// "data" or another field for a data set. `what`: the use of the data, shown before the list of kinds; may be empty.
FlagText source_row(const std::string& field, const std::string& group, const std::string& what);
/// "seed". `what`: the random choices that depend on it.
FlagText seed_row(const std::string& group, const std::string& what);
/// "overwrite"
FlagText overwrite_row(const std::string& group);
/// "batch" for a tool without training steps. `otherwise`: the default, when it is not a number.
FlagText batch_row(const std::string& otherwise = {});

/// Whether a launcher can start a tool in several processes.
enum class Launchable { kNo, kYes };
/// The rows of ComputeSettings; `process_timeout` only for kYes.
std::vector<FlagText> compute_rows(Launchable launchable);

}  // namespace glow::tools
