#include <glow/train/training_run.h>

#include <optional>
#include <utility>

#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/train/run_directory.h>
#include <glow/train/schedule.h>

#include "io/errors.h"
#include "train/run_data.h"
#include "train/run_loop.h"

namespace glow::train {
namespace {

/// Throws ConfigError when the run has already done more steps than its new length.
void require_not_shorter(const TrainOptions& options, std::int64_t train_images, std::int64_t steps_done) {
  const auto steps = total_steps(options, train_images);
  if (steps >= steps_done) return;
  throw ConfigError(options.steps > 0 ? "steps" : "epochs",
                    "the run has done " + std::to_string(steps_done) + " steps already, got " + std::to_string(steps) +
                        " (this is the length of the whole run, not the part to add)");
}

}  // namespace

TrainingRun TrainingRun::start(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                               RunCallbacks callbacks, std::shared_ptr<distributed::Communicator> processes) {
  const RunDirectory directory(files.directory);
  const bool is_root = processes->is_root();
  require_usable(model, data, options, processes->size());
  const auto refuse_other_run = [&] {
    if (directory.holds_run() && !files.overwrite)
      throw ConfigError(files.directory.string() + ": holds a run already");
  };
  if (is_root) refuse_other_run();
  // Reads images, which may be damaged; until here nothing on disk was changed.
  if (!model->initialized()) {
    const auto report = initialize(model, *data.train, options, *processes);
    if (is_root && callbacks.initialized) callbacks.initialized(report);
  }
  RunLock lock;
  if (is_root) {
    directory.create();
    lock = RunLock(directory.root());
    refuse_other_run();  // again, under the lock: another process may have started a run since
    if (files.overwrite) {
      directory.remove_run();
      directory.create();
    }
    directory.remove_temporaries();
  }
  const auto config = files.config;
  auto impl = std::make_unique<Impl>(Impl::Inputs{std::move(model), std::move(data), options, std::move(files),
                                                  std::move(callbacks), processes, std::move(lock)},
                                     TrainingState{});
  impl->write_checkpoint();
  if (is_root) io::write_file(directory.config(), config);
  impl->write_report();
  return TrainingRun(std::move(impl));
}

TrainingRun TrainingRun::resume(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                                RunCallbacks callbacks, std::shared_ptr<distributed::Communicator> processes) {
  const RunDirectory directory(files.directory);
  require_usable(model, data, options, processes->size());
  const bool is_root = processes->is_root();
  RunLock lock;
  std::optional<IntactCheckpoint> checkpoint;
  if (is_root) {
    lock = RunLock(directory.root());
    checkpoint = newest_intact_checkpoint(directory.checkpoints());
    if (!checkpoint) throw io::cannot_read(directory.checkpoints(), "it holds no checkpoint to resume from");
    require_not_shorter(options, data.train->size(), checkpoint->content.state.step);
    if (callbacks.resumed) callbacks.resumed(*checkpoint);
    directory.create();
    directory.remove_temporaries();
  }
  model->mark_initialized();
  const auto config = files.config;
  auto impl = std::make_unique<Impl>(
      Impl::Inputs{std::move(model), std::move(data), options, std::move(files), std::move(callbacks), processes,
                   std::move(lock), checkpoint ? checkpoint->path : std::filesystem::path()},
      checkpoint ? checkpoint->content.state : TrainingState{});
  if (is_root) io::write_file(directory.config(), config);
  impl->write_report();
  return TrainingRun(std::move(impl));
}

TrainingRun::TrainingRun(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TrainingRun::TrainingRun(TrainingRun&&) noexcept = default;
TrainingRun& TrainingRun::operator=(TrainingRun&&) noexcept = default;
TrainingRun::~TrainingRun() = default;

std::int64_t TrainingRun::total_steps() const { return impl_->total_steps(); }
std::int64_t TrainingRun::steps_done() const { return impl_->steps_done(); }
RunResult TrainingRun::run() { return impl_->run(); }

}  // namespace glow::train
