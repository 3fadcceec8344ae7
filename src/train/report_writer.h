#pragma once

#include <utility>

#include <glow/train/run_directory.h>

#include "train/run_record.h"

namespace glow::train {

/// Writes a run's report.html again and again, as write_report does, and reads of its logs only what is new.
class ReportWriter {
 public:
  explicit ReportWriter(RunDirectory directory) : directory_(std::move(directory)), record_(directory_) {}

  /// Throws IoError.
  void write();

 private:
  RunDirectory directory_;
  RecordReader record_;
};

}  // namespace glow::train
