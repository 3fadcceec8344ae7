#include <glow/train/training_run.h>

#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/io/image.h>
#include <glow/nn/model_file.h>
#include <glow/train/run_directory.h>

#include "io/errors.h"
#include "train/batches.h"
#include "train/run_lock.h"
#include "train/run_log.h"
#include "train/run_setup.h"
#include "train/sample_grid.h"

namespace glow::train {

namespace {

/// Thrown through an evaluation or the drawing of samples that is not to be waited for.
struct StopAsked {};

Trainer continued(const nn::Glow& model, const TrainOptions& options, const TrainingState& state) {
  Trainer trainer(model, options);
  if (state.step > 0) trainer.restore(state);
  return trainer;
}

}  // namespace

class TrainingRun::Impl {
 public:
  struct Inputs {
    nn::Glow model;
    RunData data;
    TrainOptions options;
    RunFiles files;
    RunCallbacks callbacks;
  };

  /// The model is initialised, and the directory is there. Continues from `state`.
  Impl(Inputs inputs, RunLock lock, const TrainingState& state);

  std::int64_t total_steps() const { return total_steps_; }
  std::int64_t steps_done() const { return trainer_.steps_done(); }
  RunResult run();

 private:
  /// Whether what is done every `every` steps, and at the end, is due.
  bool due(std::int64_t every) const;
  void train_step(Batches& batches);
  /// What comes after a step: evaluations, samples, a checkpoint.
  void finish_step(RunResult& result);
  /// Without the checkpoint.
  void evaluate_and_sample(RunResult& result);
  bool stop_asked() const { return inputs_.callbacks.should_stop && inputs_.callbacks.should_stop(); }
  /// Throws StopAsked.
  void leave_if_asked() const;
  void validate();
  Evaluation test();
  Evaluation score(nn::Glow model, const data::Images& images, const std::string& key, const std::string& what);
  void write_samples();
  void write_checkpoint();
  void wrote(const std::filesystem::path& path) const;

  Inputs inputs_;
  RunLock lock_;
  RunDirectory directory_;
  std::int64_t total_steps_;
  Trainer trainer_;
  RunLog log_;
  double best_bits_per_dim_;
  std::int64_t best_step_;
  /// TrainingState::unfinished
  bool unfinished_;
};

TrainingRun::Impl::Impl(Inputs inputs, RunLock lock, const TrainingState& state)
    : inputs_(std::move(inputs)),
      lock_(std::move(lock)),
      directory_(inputs_.files.directory),
      total_steps_(train::total_steps(inputs_.options, inputs_.data.train->size())),
      trainer_(continued(inputs_.model, inputs_.options, state)),
      log_(directory_, state.step, state.unfinished),
      best_bits_per_dim_(state.best_bits_per_dim),
      best_step_(state.best_step),
      unfinished_(state.unfinished) {}

RunResult TrainingRun::Impl::run() {
  RunResult result;
  const auto& options = inputs_.options;
  const bool labelled = inputs_.model->options().num_classes > 0;
  auto batches = training_batches(*inputs_.data.train, {.batch = options.batch,
                                                        .seed = options.seed,
                                                        .with_labels = labelled,
                                                        .pinned = inputs_.model->device().is_cuda(),
                                                        .first_step = steps_done(),
                                                        .end_step = total_steps_});
  while ((steps_done() < total_steps_ || unfinished_) && !result.stopped) {
    if (!unfinished_) train_step(batches);
    finish_step(result);
  }
  result.best_bits_per_dim = best_bits_per_dim_;
  result.best_step = best_step_;
  result.steps_done = steps_done();
  return result;
}

void TrainingRun::Impl::finish_step(RunResult& result) {
  const auto best_bits_per_dim = best_bits_per_dim_;
  const auto best_step = best_step_;
  try {
    evaluate_and_sample(result);
    log_.keep_evaluations();
    unfinished_ = false;
    result.stopped = steps_done() < total_steps_ && stop_asked();
  } catch (const StopAsked&) {
    // As if none of it had happened: the resume does all of it.
    log_.forget_evaluations();
    best_bits_per_dim_ = best_bits_per_dim;
    best_step_ = best_step;
    unfinished_ = true;
    result.stopped = true;
  }
  // The last thing that happens to a step: what a checkpoint is resumed from has been written down.
  if (due(inputs_.options.checkpoint_every) || result.stopped) write_checkpoint();
}

void TrainingRun::Impl::evaluate_and_sample(RunResult& result) {
  if (due(inputs_.options.eval_every)) validate();
  if (due(inputs_.options.sample_every)) write_samples();
  if (steps_done() == total_steps_ && inputs_.data.test) result.test = test();
}

void TrainingRun::Impl::leave_if_asked() const {
  if (stop_asked()) throw StopAsked();
}

bool TrainingRun::Impl::due(std::int64_t every) const {
  return steps_done() == total_steps_ || (every > 0 && steps_done() % every == 0);
}

void TrainingRun::Impl::train_step(Batches& batches) {
  const auto start = std::chrono::steady_clock::now();
  const auto batch = batches.next();
  const auto report = trainer_.step(batch.bytes, batch.labels, batch.indices);
  log_.count(batch.bytes.size(0), seconds_since(start));
  if (due(inputs_.options.log_every) || report.fell_back) log_.step(report);
  if (inputs_.callbacks.step) inputs_.callbacks.step(report);
}

void TrainingRun::Impl::validate() {
  auto model = trainer_.averaged_model();
  const auto evaluation = score(model, *inputs_.data.valid, "valid", "validation");
  // An image without a density is infinitely bad, whatever the mean of the others; but the first model is always kept.
  const double bits = evaluation.non_finite > 0 ? std::numeric_limits<double>::infinity() : evaluation.bits_per_dim;
  const bool best = best_step_ < 0 || bits < best_bits_per_dim_;
  if (best) {
    best_bits_per_dim_ = bits;
    best_step_ = steps_done();
    nn::save_model(model, directory_.model());
    wrote(directory_.model());
  }
  if (inputs_.callbacks.evaluated) inputs_.callbacks.evaluated(steps_done(), evaluation, best);
}

Evaluation TrainingRun::Impl::test() {
  auto model = nn::load_model(directory_.model());
  model->to(inputs_.model->device(), inputs_.model->dtype());
  model->set_hidden_precision(inputs_.model->hidden_precision());
  return score(model, *inputs_.data.test, "test", "test");
}

Evaluation TrainingRun::Impl::score(nn::Glow model, const data::Images& images, const std::string& key,
                                    const std::string& what) {
  const auto start = std::chrono::steady_clock::now();
  EvaluateOptions options{.batch = inputs_.options.batch, .seed = inputs_.options.seed};
  options.progress = [&](std::int64_t done, std::int64_t total) {
    if (inputs_.callbacks.evaluating) inputs_.callbacks.evaluating(what, done, total);
    leave_if_asked();
  };
  const auto evaluation = evaluate(model, images, options);
  log_.evaluation(steps_done(), key, evaluation, seconds_since(start));
  return evaluation;
}

void TrainingRun::Impl::write_samples() {
  auto model = trainer_.averaged_model();
  const auto path = directory_.sample_grid(steps_done());
  io::write_png(path, sample_grid(model, inputs_.options.batch, inputs_.options.seed, [this] { leave_if_asked(); }));
  wrote(path);
}

void TrainingRun::Impl::write_checkpoint() {
  auto state = trainer_.state();
  state.best_bits_per_dim = best_bits_per_dim_;
  state.best_step = best_step_;
  state.unfinished = unfinished_;
  wrote(train::write_checkpoint(directory_.checkpoints(), state, inputs_.files.config, inputs_.options.keep));
}

void TrainingRun::Impl::wrote(const std::filesystem::path& path) const {
  if (inputs_.callbacks.wrote) inputs_.callbacks.wrote(path);
}

TrainingRun TrainingRun::start(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                               RunCallbacks callbacks) {
  const RunDirectory directory(files.directory);
  require_usable(model, data, options);
  if (directory.holds_run() && !files.overwrite) throw ConfigError(files.directory.string() + ": holds a run already");
  // Reads images, which may be damaged: until then nothing on disk is touched.
  if (!model->initialized()) {
    const auto report = initialize(model, *data.train, options);
    if (callbacks.initialized) callbacks.initialized(report);
  }
  directory.create();
  RunLock lock(directory.root());
  // Another process may have trained there meanwhile.
  if (directory.holds_run() && !files.overwrite) throw ConfigError(files.directory.string() + ": holds a run already");
  if (files.overwrite) {
    directory.remove_run();
    directory.create();
  }
  io::write_file(directory.config(), files.config);
  return TrainingRun(std::make_unique<Impl>(
      Impl::Inputs{std::move(model), std::move(data), options, std::move(files), std::move(callbacks)}, std::move(lock),
      TrainingState{}));
}

TrainingRun TrainingRun::resume(nn::Glow model, RunData data, const TrainOptions& options, RunFiles files,
                                RunCallbacks callbacks) {
  const RunDirectory directory(files.directory);
  require_usable(model, data, options);
  RunLock lock(directory.root());
  const auto checkpoint = newest_intact_checkpoint(directory.checkpoints());
  if (!checkpoint) throw io::cannot_read(directory.checkpoints(), "it holds no checkpoint to resume from");
  if (callbacks.resumed) callbacks.resumed(*checkpoint);
  model->mark_initialized();
  const auto config = files.config;
  directory.create();
  directory.remove_temporaries();
  auto impl = std::make_unique<Impl>(
      Impl::Inputs{std::move(model), std::move(data), options, std::move(files), std::move(callbacks)}, std::move(lock),
      checkpoint->content.state);
  io::write_file(directory.config(), config);
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
