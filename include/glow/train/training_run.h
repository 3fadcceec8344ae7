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

#pragma GCC visibility push(default)

namespace glow::train {

/// The images of a run.
struct RunData {
  /// To train on.
  std::shared_ptr<const data::Images> train;
  /// To choose the best model.
  std::shared_ptr<const data::Images> valid;
  /// Unless null, the best model is scored on them at the end.
  std::shared_ptr<const data::Images> test;
  /// The origin of the training images, for the model file: an evaluation needs it to tell held-out images from others.
  /// The caller sets source, images, fingerprint, skip_corrupt, held_out and split_seed; the run sets the rest.
  /// Nullopt: unknown.
  std::optional<nn::TrainingData> training_data = std::nullopt;
};

/// The directory of a run, and its description there.
struct RunFiles {
  /// The directory; made when missing.
  std::filesystem::path directory;
  /// A JSON object: becomes config.json and is part of every checkpoint.
  std::string config = "{}";
  /// Lets `start` replace a run in the directory, as soon as the new one is ready to train.
  bool overwrite = false;
};

/// A return to a checkpoint after too many consecutive skipped steps.
struct Rollback {
  /// The step after which the run went back.
  std::int64_t from_step = 0;
  /// The step of the checkpoint.
  std::int64_t to_step = 0;
  /// Its number in the run, from 1. Each rollback halves the learning rate.
  std::int64_t count = 0;
  /// Trainer::first_not_finite
  std::string not_finite = {};
  /// The file that was read.
  std::filesystem::path checkpoint = {};
};

/// Functions that show progress; every member may be null. Called from the thread that calls TrainingRun.
struct RunCallbacks {
  /// Called once by `start`, if it has initialised the model.
  std::function<void(const nn::InitializeReport&)> initialized = nullptr;
  /// Called once, by `resume`: the checkpoint that the run continues from, and the damaged ones that it skipped.
  std::function<void(const IntactCheckpoint&)> resumed = nullptr;
  /// Called after every step.
  std::function<void(const StepReport&)> step = nullptr;
  /// Called during an evaluation with the name of the images ("validation", "test"), the number scored and the total.
  std::function<void(const std::string& what, std::int64_t done, std::int64_t total)> evaluating = nullptr;
  /// Called after an evaluation on the validation images; the flag says whether it is the best so far.
  std::function<void(std::int64_t step, const evaluate::ScoreSummary&, const Monitors&, bool best)> evaluated = nullptr;
  /// Called after a return to a checkpoint.
  std::function<void(const Rollback&)> rolled_back = nullptr;
  /// Called before an evaluation if the processes had rounded their weights differently since the previous one
  /// (Trainer::resync_replicas).
  std::function<void(std::int64_t step)> resynced = nullptr;
  /// Called after a file was written: a model, a checkpoint, a sample grid.
  std::function<void(const std::filesystem::path&)> wrote = nullptr;
  /// Called after every step (also before it when there are several processes), and between the batches of evaluations
  /// and samples. A resumed run repeats evaluations and samples that were stopped. When it returns true, the run writes
  /// a checkpoint and returns.
  std::function<bool()> should_stop = nullptr;
};

/// The result of TrainingRun::run.
struct RunResult {
  /// The smallest bits/dim of the averaged weights on the validation images; infinity before the first evaluation.
  double best_bits_per_dim = std::numeric_limits<double>::infinity();
  /// The step of best_bits_per_dim; -1 before the first evaluation.
  std::int64_t best_step = -1;
  /// Steps of the run that are done, including skipped ones.
  std::int64_t steps_done = 0;
  /// Steps of the run that were skipped (StepReport::skipped).
  std::int64_t skipped = 0;
  /// Number of rollbacks. The best model may be from a step that was undone.
  std::int64_t rollbacks = 0;
  /// Number of images whose density is not finite, in this call's last evaluation on the validation images and in that
  /// on the test images.
  std::int64_t non_finite = 0;
  /// Whether should_stop ended the run early.
  bool stopped = false;
  /// The best model's score on the test images, if there are any and this call reached the end of the run.
  std::optional<evaluate::ScoreSummary> test;
};

/// A training run in a directory (docs/formats.md, "Run directory"): the trainer, its data order, evaluations, sample
/// grids, metrics, checkpoints and the best model. Everything after a step is a function of the options and the state
/// after this step, so that a run that was stopped and resumed writes the same files as an uninterrupted one.
///
/// Several processes train one run when each calls the same functions with the same model, images and options: batches,
/// initialisation and evaluations are sharded. Only rank 0 reads and writes the directory and calls the callbacks,
/// except should_stop, which every process calls: when one is asked to stop, all stop.
class TrainingRun {
 public:
  /// Starts a run in the directory, which is made when missing, and writes the checkpoint of step 0. A model that is
  /// not initialised is initialised from the first init_images images of the first epoch's order, not augmented;
  /// nothing on disk is changed before that. Throws IoError (for example when another process trains there),
  /// ConfigError (a batch larger than the set, a directory that contains a run, images that do not fit the model, no
  /// validation images).
  static TrainingRun start(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                           RunCallbacks callbacks = {},
                           std::shared_ptr<distributed::Communicator> processes = distributed::single_process());
  /// Continues the run in the directory from its newest intact checkpoint. `model` must have the options of the run;
  /// its weights are replaced, and config.json too. Throws as `start`, IoError when there is no intact checkpoint, and
  /// FormatError when the checkpoint does not fit the model.
  static TrainingRun resume(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                            RunCallbacks callbacks = {},
                            std::shared_ptr<distributed::Communicator> processes = distributed::single_process());

  /// Moves the run; the former object may only be destroyed or assigned to.
  TrainingRun(TrainingRun&&) noexcept;
  /// Destroys the present run and moves the other one here.
  TrainingRun& operator=(TrainingRun&&) noexcept;
  ~TrainingRun();

  /// Steps of the whole run (train::total_steps).
  std::int64_t total_steps() const;
  /// Steps done so far: more than 0 after a resume.
  std::int64_t steps_done() const;
  /// Whether nothing is left to do, so that `run` returns at once.
  bool is_complete() const;
  /// Trains to the end of the run; it ends with an evaluation, a sample grid, the best model's score on the test images
  /// and a checkpoint. Returns at once when is_complete().
  /// Steps that have no finite loss or gradient are skipped. After skip_limit of them in a row the run goes back to the
  /// last scheduled checkpoint after which a step was finite, and continues with half the learning rate; after two
  /// rollbacks it gives up and throws NumericalError that names the layer. Throws IoError, and the errors of reading
  /// the images. Before it throws another error than NumericalError, it writes a checkpoint of the last step, so that
  /// no step is lost; with several processes, if it is an error of reading or writing files, or of rank 0.
  RunResult run();
  /// The step of the newest checkpoint that this object has written or started from.
  std::int64_t steps_saved() const;

 private:
  class [[gnu::visibility("hidden")]] Impl;
  explicit TrainingRun(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace glow::train

#pragma GCC visibility pop
