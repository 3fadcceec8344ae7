#pragma once

#include <glow/train/run_directory.h>

namespace glow::train {

/// Writes the run's report.html atomically: a self-contained page with curves, pictures, settings and the command that
/// repeats the run. Depends only on the directory's name and other files. Missing files are left out, so that it also
/// works for a run in progress. If there are many sample grids, it shows some of them, spread over the run. Throws
/// IoError.
void write_report(const RunDirectory& directory);

}  // namespace glow::train
