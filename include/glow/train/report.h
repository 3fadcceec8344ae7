#pragma once

#include <glow/train/run_directory.h>

namespace glow::train {

/// Writes the run's report.html, whole or not at all: one page that needs nothing else, with curves, pictures, settings
/// and how to do it again. A pure function of the other files in the directory and its name, which may be those of a
/// run at any moment: what is missing is left out. Of many sample grids it shows some, spread over the run.
/// Throws IoError.
void write_report(const RunDirectory& directory);

}  // namespace glow::train
