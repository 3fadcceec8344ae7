#pragma once

#include <glow/train/run_directory.h>

namespace glow::train {

/// Writes the run's report.html atomically: a self-contained page with curves, pictures, settings and the command that
/// repeats the run. A pure function of the directory's name and other files, which may be those of a run in progress:
/// missing files are left out. Of many sample grids it shows some, spread over the run. Throws IoError.
void write_report(const RunDirectory& directory);

}  // namespace glow::train
