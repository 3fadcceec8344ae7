#include <glow/train/training_run.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/data/order.h>
#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/nn/model_file.h>
#include <glow/train/options.h>
#include <glow/train/run_directory.h>

#include "data/batches.h"
#include "io/errors.h"
#include "train/journal.h"
#include "train/pictures.h"
#include "train/run_data.h"
#include "train/run_files.h"

namespace glow::train {

/// Thrown out of an evaluation or the drawing of samples when the run is asked to stop.
struct StopAsked {};

/// The loop of a run in one of its processes. All processes execute the same statements. The work of rank 0 alone is in
/// the journal, the lock and the callbacks, which are empty in the others, and in a few calls guarded by is_root.
class TrainingRun::Impl {
 public:
  struct Inputs {
    nn::Glow model;
    RunData data;
    TrainOptions options;
    RunFiles files;
    RunCallbacks callbacks;
    std::shared_ptr<distributed::Communicator> processes;
    /// Empty in the ranks other than 0.
    RunLock lock = {};
    /// The file of the state from which the run continues; empty for a new run.
    std::filesystem::path checkpoint = {};
  };

  /// The model is initialised, and the directory exists. Continues from rank 0's `state`, a new one or a checkpoint's.
  Impl(Inputs inputs, const TrainingState& state);

  std::int64_t total_steps() const { return total_steps_; }
  std::int64_t steps_done() const { return trainer_.steps_done(); }
  std::int64_t steps_saved() const { return steps_saved_; }
  bool is_over(const RunResult& result) const;
  RunResult run();
  void write_checkpoint();
  void write_report() const { journal_->write_report(); }

 private:
  /// Whether work that is done every `every` steps and at the end is due.
  bool due(std::int64_t every) const;
  /// The augmented batches of the steps from `first_step` to the end, or this process's shards of them, made on a
  /// background thread.
  data::Batches batches_from(std::int64_t first_step) const;
  /// Writes a checkpoint of the last step, if its state is sound. Does not throw.
  void save_before_failing();
  /// Makes the work after the current step undone, so that a resumed run repeats it.
  void undo_work(const TrainingProgress& before);
  /// Trains until the end or until the run has gone back to a checkpoint.
  void train(RunResult& result);
  void train_step(data::Batches& batches);
  /// The next batch; if it cannot be read in one of several processes, one to spoil the step with, and the error.
  std::pair<data::Batch, std::exception_ptr> next_batch(data::Batches& batches) const;
  /// Ends a step for which one of the processes had no images: saves the run as it was before, and throws `error`, or
  /// StopAsked in the other processes.
  void give_up_step(const std::exception_ptr& error);
  /// Goes back to the newest checkpoint whose weights are sound. Throws NumericalError.
  void roll_back();
  std::string first_not_finite() const;
  /// The work after a step: evaluations, samples, a checkpoint.
  void finish_step(RunResult& result);
  void evaluate_and_sample(RunResult& result);
  distributed::Communicator& processes() const { return *inputs_.processes; }
  bool is_root() const { return processes().is_root(); }
  /// Whether this process is asked to stop, or knows that another one is. In the first case it tells the others.
  bool stop_asked() const;
  /// The same after a step; all processes get the same answer.
  bool stop_agreed() const { return processes().size() == 1 ? stop_asked() : stop_agreed_; }
  void throw_if_asked_to_stop() const {
    if (stop_asked()) throw StopAsked();
  }
  /// Calls `work`, which may throw in some of the processes: StopAsked, IoError or FormatError. Then the others throw
  /// StopAsked.
  void together(const std::function<void()>& work);
  evaluate::ScoreSummary validate();
  evaluate::ScoreSummary test();
  evaluate::ScoreSummary score(nn::Glow model, const data::Images& images, ops::Stream noise, const std::string& key,
                               const std::string& what, const std::optional<Monitors>& monitors = std::nullopt);
  void write_samples();

  Inputs inputs_;
  RunDirectory directory_;
  CheckpointPolicy policy_;
  std::int64_t total_steps_;
  Trainer trainer_;
  std::unique_ptr<Journal> journal_;
  /// StepReport::stop_asked of the last step.
  bool stop_agreed_ = false;
  /// Whether one of several processes has failed, and waits for the others to save the run.
  bool failed_together_ = false;
  std::int64_t steps_saved_ = 0;
};

namespace {

/// The number of rollbacks after which a run gives up.
constexpr std::int64_t kMostRollbacks = 2;

std::string trouble_text(const TrainingState& now, const Rollback& rollback) {
  return "step " + std::to_string(now.step) + ": neither it nor the " + std::to_string(now.skipped_in_a_row - 1) +
         " before it had a finite loss and gradient; the first that is not finite: " + rollback.not_finite;
}

/// For a run that skipped its last steps: the newest scheduled checkpoint whose weights are sound, because a later step
/// had a finite loss. Throws NumericalError that begins with `trouble` when there is none.
IntactCheckpoint checkpoint_before_trouble(const RunDirectory& directory, const TrainingState& now,
                                           const std::string& trouble) {
  const auto last_finite = now.step - now.skipped_in_a_row;
  try {
    auto found = newest_intact_checkpoint(directory.checkpoints(), [last_finite](const TrainingState& state) {
      return state.scheduled && state.step < last_finite;
    });
    if (found) return *std::move(found);
  } catch (const FormatError& error) {
    throw NumericalError(trouble + "; there is no checkpoint to go back to: " + error.what());
  }
  throw NumericalError(trouble + "; there is no earlier checkpoint to go back to");
}

/// `checkpoint`: the file of `state`; null for a new state.
Trainer continued(const nn::Glow& model, const TrainOptions& options,
                  const std::shared_ptr<distributed::Communicator>& processes, const TrainingState& state,
                  const std::filesystem::path& checkpoint) {
  Trainer trainer(model, options, processes);
  const bool is_new = !state.parameters.defined();
  try {
    if (!is_new) trainer.restore(state);
  } catch (const FormatError& error) {
    throw FormatError(checkpoint, error.what());
  } catch (const ConfigError& error) {
    throw ConfigError(error.field(), std::string(error.text()) + " (" + checkpoint.string() + ")");
  }
  trainer.broadcast_state();
  return trainer;
}

/// The callbacks, with nulls replaced. Only rank 0 calls those that show progress.
RunCallbacks complete(RunCallbacks callbacks, bool is_root) {
  if (!is_root) callbacks = {.should_stop = std::move(callbacks.should_stop)};
  const auto fill = [](auto& callback, auto nothing) {
    if (!callback) callback = nothing;
  };
  const auto nothing = [](const auto&...) {};
  fill(callbacks.initialized, nothing);
  fill(callbacks.resumed, nothing);
  fill(callbacks.step, nothing);
  fill(callbacks.evaluating, nothing);
  fill(callbacks.evaluated, nothing);
  fill(callbacks.rolled_back, nothing);
  fill(callbacks.resynced, nothing);
  fill(callbacks.wrote, nothing);
  fill(callbacks.should_stop, [] { return false; });
  return callbacks;
}

}  // namespace

TrainingRun::Impl::Impl(Inputs inputs, const TrainingState& state)
    : inputs_(std::move(inputs)),
      directory_(inputs_.files.directory),
      policy_{.every = inputs_.options.checkpoint_every, .keep = inputs_.options.keep},
      total_steps_(train::total_steps(inputs_.options, inputs_.data.train->size())),
      trainer_(continued(inputs_.model, inputs_.options, inputs_.processes, state, inputs_.checkpoint)),
      journal_(is_root() ? open_journal(directory_, state) : std::make_unique<Journal>()) {
  steps_saved_ = trainer_.steps_done();
  inputs_.callbacks = complete(std::move(inputs_.callbacks), is_root());
  inputs_.model->set_training_data(completed(inputs_.data.training_data, *inputs_.data.valid, inputs_.options));
}

data::Batches TrainingRun::Impl::batches_from(std::int64_t first_step) const {
  const auto& images = *inputs_.data.train;
  const auto shard = processes().shard();
  const auto batch = inputs_.options.batch;
  const auto seed = inputs_.options.seed;
  const bool with_labels = inputs_.model->options().num_classes > 0;
  // Copies to a GPU from page-locked memory are faster and do not block the host.
  const bool pinned = inputs_.model->device().is_cuda();
  auto make_batch = [=, &images, order = data::BatchOrder(images.size(), batch, seed)](std::int64_t step) mutable {
    const auto all = order.batch(step);
    const std::vector entries(all.begin() + shard.begin(batch), all.begin() + shard.end(batch));
    std::vector<std::int64_t> indices;
    for (const auto& entry : entries) indices.push_back(entry.index);
    data::Batch made{images.augmented_bytes(entries, seed), data::labels_of(images, indices, with_labels), indices};
    for (auto* tensor : {&made.bytes, &made.labels}) {
      if (pinned && tensor->defined()) *tensor = tensor->pin_memory();
    }
    return made;
  };
  return data::Batches(std::move(make_batch), first_step, total_steps_);
}

RunResult TrainingRun::Impl::run() {
  RunResult result;
  try {
    while (!is_over(result)) train(result);
  } catch (const NumericalError&) {
    throw;  // the weights may be the cause
  } catch (...) {
    save_before_failing();
    throw;
  }
  const auto& progress = trainer_.progress();
  result.best_bits_per_dim = progress.best_bits_per_dim;
  result.best_step = progress.best_step;
  result.steps_done = progress.step;
  result.skipped = progress.skipped;
  result.rollbacks = progress.rollbacks;
  return result;
}

void TrainingRun::Impl::save_before_failing() {
  const bool has_news = steps_done() > steps_saved_ || trainer_.progress().unfinished;
  if (!is_root() || !has_news || !trainer_.is_sound() || trainer_.progress().skipped_in_a_row > 0) return;
  try {
    inputs_.lock.require_in_place();
    write_checkpoint();
    write_report();
  } catch (const std::exception&) {
    // The error that ends the run is reported, and the checkpoints before it are intact.
  }
}

bool TrainingRun::Impl::is_over(const RunResult& result) const {
  return result.stopped || (steps_done() >= total_steps_ && !trainer_.progress().unfinished);
}

void TrainingRun::Impl::train(RunResult& result) {
  auto batches = batches_from(steps_done());
  while (!is_over(result)) {
    const bool steps = !trainer_.progress().unfinished;
    try {
      if (steps) train_step(batches);
    } catch (const StopAsked&) {
      result.stopped = true;
      return;
    }
    inputs_.lock.require_in_place();
    if (steps && trainer_.progress().skipped_in_a_row >= inputs_.options.skip_limit) return roll_back();
    finish_step(result);
  }
}

void TrainingRun::Impl::roll_back() {
  write_report();                     // with the lines that are about to be removed, in case the run ends here
  const auto now = trainer_.state();  // a copy: restore overwrites the state
  Rollback rollback{.from_step = now.step, .count = now.rollbacks + 1, .not_finite = first_not_finite()};
  const auto trouble = trouble_text(now, rollback);
  if (rollback.count > kMostRollbacks) {
    throw NumericalError(trouble + "; " + std::to_string(kMostRollbacks) +
                         " returns to a checkpoint, each with half the learning rate, did not help");
  }
  if (is_root()) {
    auto checkpoint = checkpoint_before_trouble(directory_, now, trouble);
    checkpoint.content.state.rollbacks = rollback.count;
    // The model file is kept, although it may be from a step that is undone.
    checkpoint.content.state.best_bits_per_dim = now.best_bits_per_dim;
    checkpoint.content.state.best_step = now.best_step;
    rollback.checkpoint = checkpoint.path;
    trainer_.restore(checkpoint.content.state);
  }
  trainer_.broadcast_state();
  rollback.to_step = steps_done();
  // A run that is killed between these writes resumes either from before the rollback or from after all of it: a line
  // about a rollback counts only when the checkpoint contains the rollback, and opening the log removes the lines of
  // the steps that are undone.
  journal_->rollback(rollback);
  write_checkpoint();
  journal_->cut_to(trainer_.progress());
  inputs_.callbacks.rolled_back(rollback);
}

std::string TrainingRun::Impl::first_not_finite() const {
  // Only the process whose shard contains the image finds the layer. All have the summed gradient, which is less
  // specific.
  const auto found = processes().gather(trainer_.first_not_finite());
  const auto layer = std::find_if(found.begin(), found.end(), [](const std::string& name) {
    return !name.empty() && !name.starts_with("the gradient");
  });
  return layer != found.end() ? *layer : found.front();
}

void TrainingRun::Impl::finish_step(RunResult& result) {
  const auto before = trainer_.progress();
  try {
    evaluate_and_sample(result);
    journal_->keep_evaluations();
    trainer_.set_unfinished(false);
    result.stopped = steps_done() < total_steps_ && stop_agreed();
  } catch (const StopAsked&) {
    undo_work(before);
    result.stopped = true;
  } catch (...) {
    undo_work(before);
    if (failed_together_) processes().barrier();  // until rank 0 has saved the run
    throw;
  }
  // The checkpoint is written last, so that the log is complete up to it.
  const bool is_due = steps_done() == total_steps_ || policy_.is_scheduled(trainer_.progress());
  if (is_due || result.stopped) write_checkpoint();
  const bool has_news = due(inputs_.options.eval_every) || due(inputs_.options.sample_every);
  if (is_due || result.stopped || has_news) write_report();
  if (failed_together_) processes().barrier();
}

void TrainingRun::Impl::undo_work(const TrainingProgress& before) {
  journal_->forget_evaluations();
  trainer_.set_best(before.best_bits_per_dim, before.best_step);
  trainer_.set_unfinished(true);
}

void TrainingRun::Impl::evaluate_and_sample(RunResult& result) {
  result.non_finite = 0;
  if (due(inputs_.options.eval_every)) result.non_finite = validate().non_finite;
  if (due(inputs_.options.sample_every)) {
    together([this] {
      if (is_root()) write_samples();
    });
  }
  if (steps_done() == total_steps_ && inputs_.data.test) {
    result.test = test();
    result.non_finite += result.test->non_finite;
  }
}

bool TrainingRun::Impl::due(std::int64_t every) const {
  return steps_done() == total_steps_ || (every > 0 && steps_done() % every == 0);
}

void TrainingRun::Impl::train_step(data::Batches& batches) {
  const auto start = std::chrono::steady_clock::now();
  const auto [batch, error] = next_batch(batches);
  if (processes().size() > 1) stop_asked();  // tells the other processes, so that all know it after this step
  const auto report = error ? trainer_.spoiled_step(batch.bytes, batch.labels, inputs_.options.batch)
                            : trainer_.step(batch.bytes, batch.labels, inputs_.options.batch);
  stop_agreed_ = report.stop_asked;
  if (report.stop_asked && report.skipped) return give_up_step(error);
  journal_->count(inputs_.options.batch, seconds_since(start));
  if (due(inputs_.options.log_every) || report.fell_back || report.skipped) journal_->step(report);
  inputs_.callbacks.step(report);
}

std::pair<data::Batch, std::exception_ptr> TrainingRun::Impl::next_batch(data::Batches& batches) const {
  try {
    return {batches.next(), nullptr};
  } catch (const Error&) {
    if (processes().size() == 1) throw;
    processes().ask_to_stop();
    const auto& model = inputs_.model->options();
    const auto count = processes().shard().size(inputs_.options.batch);
    const bool with_labels = model.num_classes > 0;
    return {{.bytes = at::zeros({count, model.channels, model.height, model.width}, at::kByte),
             .labels = with_labels ? at::zeros({count}, at::kLong) : at::Tensor(),
             .indices = {}},
            std::current_exception()};
  }
}

void TrainingRun::Impl::give_up_step(const std::exception_ptr& error) {
  // Also if the step was skipped for another reason: the resumed run does it again.
  trainer_.forget_skipped_step();
  write_checkpoint();
  write_report();
  processes().barrier();
  if (error) std::rethrow_exception(error);
  throw StopAsked();
}

bool TrainingRun::Impl::stop_asked() const {
  const bool is_asked = inputs_.callbacks.should_stop();
  if (is_asked) processes().ask_to_stop();
  return is_asked || processes().stop_asked();
}

void TrainingRun::Impl::together(const std::function<void()>& work) {
  if (processes().size() == 1) return work();
  bool stopped = false;
  std::exception_ptr error;
  try {
    work();
  } catch (const StopAsked&) {
    stopped = true;
  } catch (const IoError&) {
    error = std::current_exception();
  } catch (const FormatError&) {
    error = std::current_exception();
  }
  failed_together_ = processes().any(error != nullptr);
  if (error) std::rethrow_exception(error);
  // Not another collective call after a failure: the failed process waits in its next one until the run is saved.
  if (failed_together_ || processes().any(stopped)) throw StopAsked();
}

evaluate::ScoreSummary TrainingRun::Impl::validate() {
  if (trainer_.resync_replicas()) inputs_.callbacks.resynced(steps_done());
  auto model = trainer_.averaged_model();
  const auto monitors = is_root() ? monitor(model, *inputs_.data.valid, inputs_.options.seed) : Monitors{};
  const auto evaluation =
      score(model, *inputs_.data.valid, ops::Stream::kValidationNoise, "valid", "validation", monitors);
  // A model that gives an image a density that is not finite is worse than every other model, whatever its mean; the
  // first model is kept in any case.
  const double bits =
      evaluation.non_finite > 0 ? std::numeric_limits<double>::infinity() : evaluation.bits_per_dim.mean;
  const bool best = trainer_.progress().best_step < 0 || bits < trainer_.progress().best_bits_per_dim;
  if (best) {
    trainer_.set_best(bits, steps_done());
    if (is_root()) nn::save_model(model, directory_.model());
    inputs_.callbacks.wrote(directory_.model());
  }
  inputs_.callbacks.evaluated(steps_done(), evaluation, monitors, best);
  return evaluation;
}

evaluate::ScoreSummary TrainingRun::Impl::test() {
  auto model = is_root() ? nn::load_model(directory_.model()) : trainer_.averaged_model();
  model->to(inputs_.model->device(), inputs_.model->dtype());
  model->set_hidden_precision(inputs_.model->hidden_precision());
  processes().broadcast(model->flat_parameters().values());
  return score(model, *inputs_.data.test, ops::Stream::kTestNoise, "test", "test");
}

evaluate::ScoreSummary TrainingRun::Impl::score(nn::Glow model, const data::Images& images, ops::Stream noise,
                                                const std::string& key, const std::string& what,
                                                const std::optional<Monitors>& monitors) {
  const auto start = std::chrono::steady_clock::now();
  evaluate::ScoreOptions options{.batch = evaluation_batch(inputs_.options.batch),
                                 .seed = inputs_.options.seed,
                                 .stream = noise,
                                 .shard = processes().shard()};
  options.progress = [&](std::int64_t done, std::int64_t total) {
    // An estimate that assumes the same progress in all processes.
    inputs_.callbacks.evaluating(what, images.size() * done / total, images.size());
    throw_if_asked_to_stop();
  };
  evaluate::Scores shard;
  together([&] { shard = evaluate::score(model, images, options); });
  const auto evaluation = evaluate::summarise(evaluate::gathered(shard, images.size(), options.batch, processes()));
  journal_->evaluation(steps_done(), key, evaluation, seconds_since(start), monitors);
  return evaluation;
}

void TrainingRun::Impl::write_samples() {
  try {
    const auto grid = write_pictures(directory_, steps_done(), trainer_.averaged_model(), *inputs_.data.valid,
                                     inputs_.options, [this] { throw_if_asked_to_stop(); });
    inputs_.callbacks.wrote(grid);
  } catch (const NumericalError&) {
    // The model has no inverse, hence no samples; the monitors report it. Later steps may make it invertible again.
  }
}

void TrainingRun::Impl::write_checkpoint() {
  if (!is_root()) return;
  const auto path = train::write_checkpoint(directory_.checkpoints(), trainer_.state(), inputs_.files.config, policy_);
  steps_saved_ = steps_done();
  inputs_.callbacks.wrote(path);
}

namespace {

/// `options` with numbers for automatic values that depend on the length of the run on `data`. Those of a resumed run
/// have no number for an automatic warm-up, which is that of its checkpoint.
TrainOptions for_run(const TrainOptions& options, const RunData& data, const nn::Glow& model, bool is_new) {
  const auto& shape = model->options();
  auto chosen = with_lengths(options, data.train->size(), data.valid->size(), shape.height, shape.width);
  if (!is_new) chosen.warmup_epochs = options.warmup_epochs;
  return chosen;
}

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
  const auto for_this_run = for_run(options, data, model, /*is_new=*/true);
  const auto config = files.config;
  auto impl = std::make_unique<Impl>(Impl::Inputs{std::move(model), std::move(data), for_this_run, std::move(files),
                                                  std::move(callbacks), std::move(processes), std::move(lock)},
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
  const auto for_this_run = for_run(options, data, model, /*is_new=*/false);
  const auto config = files.config;
  auto impl = std::make_unique<Impl>(
      Impl::Inputs{std::move(model), std::move(data), for_this_run, std::move(files), std::move(callbacks),
                   std::move(processes), std::move(lock), checkpoint ? checkpoint->path : std::filesystem::path()},
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
bool TrainingRun::is_complete() const { return impl_->is_over({}); }
std::int64_t TrainingRun::steps_saved() const { return impl_->steps_saved(); }
RunResult TrainingRun::run() { return impl_->run(); }

}  // namespace glow::train
