#include "train/step_graph.h"

#include <exception>

#include <glow/train/trainer.h>

namespace glow::train {

void StepGraph::run(const Recorder::Work& work) {
  if (!is_recorded_ && failure_.empty() && runs_ == kStepsBeforeGraph) {
    try {
      recorder_->record(work);
      is_recorded_ = true;
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
  }
  if (is_recorded_) return recorder_->replay();
  recorder_->run(work);
  ++runs_;
}

}  // namespace glow::train
