#pragma once

#include <utility>

#include <glow/train/checkpoint.h>
#include <glow/train/run_directory.h>

#include "train/report_writer.h"
#include "train/run_lock.h"
#include "train/run_log.h"

namespace glow::train {

/// All that writes to a run's directory: of several processes only that of rank 0 has it.
struct RunOutput {
  RunOutput(RunDirectory where, RunLock held, const TrainingState& state)
      : lock(std::move(held)), directory(std::move(where)), log(directory, state), report(directory) {}

  RunLock lock;
  RunDirectory directory;
  RunLog log;
  ReportWriter report;
};

}  // namespace glow::train
