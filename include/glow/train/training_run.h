#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include <glow/data/images.h>
#include <glow/distributed/communicator.h>
#include <glow/evaluate/score.h>
#include <glow/nn/glow.h>
#include <glow/train/checkpoint.h>
#include <glow/train/monitors.h>
#include <glow/train/options.h>
#include <glow/train/trainer.h>

namespace glow::train {

/// The images of a run: what it trains on, what chooses the best model, and, when not null, what scores that model at
/// the end.
struct RunData {
  std::shared_ptr<const data::Images> train, valid, test;
  /// Where these come from, for the model file, without which an evaluation cannot tell held-out images from others:
  /// source, images, fingerprint, skip_corrupt, held_out and split_seed are for the caller to say; the rest is filled
  /// in. Nullopt: not known.
  std::optional<nn::TrainingData> training_data = std::nullopt;
};

/// Where a run keeps its files, and what it notes there about itself.
struct RunFiles {
  std::filesystem::path directory;
  /// A JSON object: becomes config.json and stands in every checkpoint.
  std::string config = "{}";
  /// Let `start` replace a run that the directory holds, as soon as the new one is ready to train.
  bool overwrite = false;
};

/// That a run went back to a checkpoint, because too many steps in a row were skipped.
struct Rollback {
  std::int64_t from_step = 0, to_step = 0;
  /// Which one it is of the run, from 1. With each the learning rate is halved.
  std::int64_t count = 0;
  /// What was not finite (Trainer::first_not_finite).
  std::string not_finite = {};
  std::filesystem::path checkpoint = {};
};

/// Progress, for whoever wants to show it; every member may be null. Called from the thread that runs.
struct RunCallbacks {
  std::function<void(const nn::InitializeReport&)> initialized = nullptr;
  /// Once, by `resume`: the checkpoint that the run goes on from, and those it could not.
  std::function<void(const IntactCheckpoint&)> resumed = nullptr;
  /// After every step.
  std::function<void(const StepReport&)> step = nullptr;
  /// During an evaluation: what is scored ("validation", "test"), images done, images in all.
  std::function<void(const std::string& what, std::int64_t done, std::int64_t total)> evaluating = nullptr;
  /// After an evaluation on the validation images: whether it is the best so far.
  std::function<void(std::int64_t step, const evaluate::ScoreSummary&, const Monitors&, bool best)> evaluated = nullptr;
  std::function<void(const Rollback&)> rolled_back = nullptr;
  /// Before an evaluation, when the processes had computed differently rounded weights since the one before
  /// (Trainer::resync_replicas).
  std::function<void(std::int64_t step)> resynced = nullptr;
  /// A file appeared: a model, a checkpoint, a sample grid.
  std::function<void(const std::filesystem::path&)> wrote = nullptr;
  /// Asked after every step (before it too when there are several processes), and between the batches of evaluations
  /// and samples, which a resume then does again; true: write a checkpoint and return.
  std::function<bool()> should_stop = nullptr;
};

struct RunResult {
  /// Of the averaged weights, on the validation images, and its step; infinity and -1 before the first evaluation.
  double best_bits_per_dim = std::numeric_limits<double>::infinity();
  std::int64_t best_step = -1;
  std::int64_t steps_done = 0;
  /// Steps of the run that were skipped (StepReport::skipped).
  std::int64_t skipped = 0;
  /// How often it went back to a checkpoint. The best model may be from before that.
  std::int64_t rollbacks = 0;
  /// Images whose density is not finite, in the last evaluation of this call on the validation images and that on the
  /// test images.
  std::int64_t non_finite = 0;
  /// Whether should_stop ended the run early.
  bool stopped = false;
  /// Of the best model on the test images: when there are any and this call reached the end of the run.
  std::optional<evaluate::ScoreSummary> test;
};

/// A training run in a directory (docs/formats.md, "Run directory"): the trainer, its data order, evaluations, sample
/// grids, metrics, checkpoints and the best model. What happens after a step depends on the options and the
/// checkpoint's content alone, so that a run that was stopped and resumed writes what an uninterrupted one does.
///
/// Several processes train one run when each calls the same functions with the same model, images and options: batches,
/// initialisation and evaluations are shared out. Only that of rank 0 reads and writes the directory and calls the
/// callbacks, but for should_stop: when one process is asked to stop, all do.
class TrainingRun {
 public:
  /// Starts a run in the directory, made when missing. Unless the model is initialised already, it is from the first
  /// init_images images of the first epoch's order, not augmented; nothing on disk is touched before. The start is a
  /// checkpoint, of step 0.
  /// Throws IoError (another process trains there, say), ConfigError (a batch larger than the set, a directory that
  /// holds a run, images that do not fit the model, no validation images).
  static TrainingRun start(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                           RunCallbacks callbacks = {},
                           std::shared_ptr<distributed::Communicator> processes = distributed::single_process());
  /// Continues the run in the directory from its newest intact checkpoint. `model` has the right options; its weights
  /// are replaced, config.json too. Throws as start, IoError when there is no intact checkpoint, and FormatError when
  /// the checkpoint does not fit the model.
  static TrainingRun resume(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                            RunCallbacks callbacks = {},
                            std::shared_ptr<distributed::Communicator> processes = distributed::single_process());

  TrainingRun(TrainingRun&&) noexcept;
  TrainingRun& operator=(TrainingRun&&) noexcept;
  ~TrainingRun();

  /// Steps of the whole run: options.steps, or what options.epochs come to.
  std::int64_t total_steps() const;
  /// Steps done so far: more than 0 after a resume.
  std::int64_t steps_done() const;
  /// Trains to the end of the run; it ends with an evaluation, a sample grid, the best model's score on the test images
  /// and a checkpoint. Returns at once when the end was reached before.
  /// Steps that have no finite loss or gradient are skipped. After skip_limit of them in a row the run goes back to the
  /// last scheduled checkpoint after which a step was finite, and on with half the learning rate; after two such
  /// rollbacks it gives up and throws NumericalError that names the layer. Throws IoError, and what reading the images
  /// throws.
  RunResult run();

 private:
  class Impl;
  explicit TrainingRun(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace glow::train
