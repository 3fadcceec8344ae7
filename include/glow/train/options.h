#pragma once

#include <cstdint>
#include <string>

#include <glow/enum_names.h>
#include <glow/nn/compute.h>

#pragma GCC visibility push(default)

namespace glow::train {

/// The rule by which gradients change the weights; Optimizer has the formulas.
enum class OptimizerKind {
  /// Adamax as in Glow's published code: an infinity norm, with Adam's bias correction.
  kAdamax,
  /// Textbook Adam (Kingma & Ba 2015, algorithm 1).
  kAdam,
};

/// "adamax", "adam"
constexpr EnumNames<OptimizerKind, 2> enum_names(OptimizerKind) {
  return {"optimizer", {{{"adamax", OptimizerKind::kAdamax}, {"adam", OptimizerKind::kAdam}}}};
}

/// The value of an option that is computed from the run.
inline constexpr int kAutomatic = -1;

/// How a model is trained; part of a run's config.json.
struct TrainOptions {
  /// Images of a step, in all processes together.
  std::int64_t batch = 64;
  /// Number of parts into which a process divides its images of a step. The parts are computed one after the other, so
  /// that memory is needed for the activations of one part only. The result does not depend on it, up to rounding. Must
  /// be 1 for a model with batch norms, whose moments are those of a whole batch.
  std::int64_t accumulate = 1;
  /// Length of the run in steps; 0: see `epochs`.
  std::int64_t steps = 0;
  /// Length of the run in passes over the training images, when `steps` is 0.
  double epochs = 100;
  /// Learning rate after the warm-up.
  double learning_rate = 1e-3;
  /// The rule of the updates.
  OptimizerKind optimizer = OptimizerKind::kAdamax;
  /// Length of the linear warm-up, in epochs of 50,000 images of 32x32 (Schedule); negative: automatic, the published
  /// 10, but at most a tenth of the run. Chosen when a training begins and part of its state (TrainingProgress), so
  /// that a resume with more steps keeps it.
  double warmup_epochs = kAutomatic;
  /// Decay of the second moment; 0: computed from the batch (Schedule::beta2).
  double beta2 = 0;
  /// Decay of the weights' average; 0: no average; negative: computed from the batch, by the same formula as beta2.
  double ema_decay = kAutomatic;
  /// Images that initialise the actnorms; 0: max(32, 256 * 32^2 / (H*W)); at most all training images.
  std::int64_t init_images = 0;
  /// Largest gradient norm; 0: gradients are not clipped.
  double clip_norm = 0;
  /// Number of consecutive skipped steps (the loss or its gradient was not finite) after which a run goes back to a
  /// checkpoint.
  std::int64_t skip_limit = 20;
  /// Weight of the auxiliary classifier's loss; 0: none.
  double weight_y = 0;
  /// Which tensors the forward pass keeps for the backward pass.
  nn::MemoryPolicy memory = nn::MemoryPolicy::kStore;
  /// On a GPU: capture the forward and backward pass as a CUDA graph and replay it, which spares the host the launches
  /// of thousands of kernels a step. It has no effect where that is not possible (why_no_cuda_graph), and from a step
  /// on whose capture fails (StepReport::capture_failure). With several processes, sums of gradients then start after
  /// the backward pass. A captured step does not notice a later change of the model's memory policy or of
  /// requires_grad. Compiled, but not yet run on a GPU.
  bool cuda_graph = true;
  /// The seed of all random numbers of the run.
  std::uint64_t seed = 0;

  /// Steps between lines of metrics.jsonl.
  std::int64_t log_every = 100;
  /// Steps between evaluations on the validation images; 0: only at the end; negative: automatic_interval, which
  /// TrainingRun::resume chooses again if the length changes (the same for the next two).
  std::int64_t eval_every = kAutomatic;
  /// Steps between sample grids; 0: only at the end; negative: automatic_interval.
  std::int64_t sample_every = kAutomatic;
  /// Steps between checkpoints, beginning with that of step 0; 0: only at step 0 and at the end; negative:
  /// automatic_interval.
  std::int64_t checkpoint_every = kAutomatic;
  /// Number of scheduled checkpoints that are kept, in addition to an unscheduled one that a stop or the end may write.
  /// With 1 a rollback may find no checkpoint.
  std::int64_t keep = 2;

  /// Throws ConfigError that names the field.
  void validate() const;
};

/// Calls `visit(name, field)` for each field; flags are the names with '-' for '_'.
template <class Options, class Visitor>
void visit_fields(Options& options, Visitor&& visit) {
  visit("batch", options.batch);
  visit("accumulate", options.accumulate);
  visit("steps", options.steps);
  visit("epochs", options.epochs);
  visit("lr", options.learning_rate);
  visit("optimizer", options.optimizer);
  visit("warmup_epochs", options.warmup_epochs);
  visit("beta2", options.beta2);
  visit("ema_decay", options.ema_decay);
  visit("init_images", options.init_images);
  visit("clip_norm", options.clip_norm);
  visit("skip_limit", options.skip_limit);
  visit("weight_y", options.weight_y);
  visit("memory", options.memory);
  visit("cuda_graph", options.cuda_graph);
  visit("seed", options.seed);
  visit("log_every", options.log_every);
  visit("eval_every", options.eval_every);
  visit("sample_every", options.sample_every);
  visit("checkpoint_every", options.checkpoint_every);
  visit("keep", options.keep);
}

/// The learning rate and the decays. They count images as Glow's published code does: an "epoch" is 50,000 images for
/// every data set, and an image of H x W counts as H*W/32^2 images. A pure function of the step, so that a resumed run
/// continues exactly.
class Schedule {
 public:
  /// The lower bound of beta2 and ema_decay when they are computed from the batch.
  static constexpr double kSmallestDecay = 0.9;

  /// An automatic warm-up is a tenth of options.steps, at most the published one; with steps 0, when the length of the
  /// run is not known here, it is the published one (with_lengths chooses it from epochs, too).
  Schedule(const TrainOptions& options, std::int64_t height, std::int64_t width);

  /// Learning rate of step `step` (from 0): the first is 0 while there is a warm-up.
  double learning_rate(std::int64_t step) const;
  /// options.warmup_epochs, or the automatic value.
  double warmup_epochs() const { return warmup_epochs_; }
  /// The first step with the whole learning rate.
  std::int64_t warmup_steps() const;
  /// options.beta2, or max(kSmallestDecay, 1 - 1/ceil(50,000 / counted batch)). The published code has no
  /// lower bound.
  double beta2() const { return beta2_; }
  /// Whether kSmallestDecay replaces a smaller value: the batch counts as 5,556 images or more.
  bool is_floored() const;
  /// options.ema_decay, or the default of beta2; 0: no average.
  double ema_decay() const { return ema_decay_; }

 private:
  double counted_batch_;
  double learning_rate_;
  double warmup_epochs_;
  double warmup_images_;
  double beta2_;
  double ema_decay_;
};

/// Steps of a whole run: options.steps, or options.epochs * train_images / options.batch rounded up; at least 1.
std::int64_t total_steps(const TrainOptions& options, std::int64_t train_images);

/// Steps between two evaluations, sample grids or checkpoints when none are given: a tenth of the run, but not so few
/// that evaluations would score more images than the steps between them train on; 10 to 2000.
std::int64_t automatic_interval(std::int64_t steps, std::int64_t batch, std::int64_t valid_images);

/// The options of a run on so many images of H x W, with numbers for automatic values that depend on its length: the
/// warm-up and the intervals. A function of the options that are given, so that a second call changes nothing.
TrainOptions with_lengths(TrainOptions options, std::int64_t train_images, std::int64_t valid_images,
                          std::int64_t height, std::int64_t width);

/// Images that initialise the actnorms: `requested`, or max(32, 256 * 32^2 / (H*W)); at most `available`.
std::int64_t init_images(std::int64_t requested, std::int64_t available, std::int64_t height, std::int64_t width);

}  // namespace glow::train

#pragma GCC visibility pop
