#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <glow/distributed/communicator.h>
#include <glow/nn/glow.h>
#include <glow/train/optimizer.h>
#include <glow/train/options.h>
#include <glow/train/step_report.h>
#include <glow/train/training_state.h>

// Private classes, which are not visible.
namespace glow::train {

class GradientSum;
class Recorder;
class StepGraph;

}  // namespace glow::train

#pragma GCC visibility push(default)

namespace glow::train {

/// The largest reconstruction error with which a rebuilt flow variable may replace the original. The limit is a choice:
/// well above the rounding error of a usual model (about 1e-6 in float32, 1e-2 with bfloat16 hidden tensors), and far
/// below the error of a nearly singular map.
double largest_reconstruction_error(torch::Dtype dtype, nn::HiddenPrecision precision);

/// A trainer runs so many steps directly before it captures one as a CUDA graph.
inline constexpr int kStepsBeforeGraph = 3;

/// Why a training on `device` does not capture its steps as CUDA graphs (TrainOptions::cuda_graph), for example
/// "memory reversible waits for the device"; empty when it does.
std::string why_no_cuda_graph(const nn::GlowOptions& model, const TrainOptions& options, torch::Device device,
                              std::int64_t processes = 1);

/// Trains a model on batches of bytes: dequantise, log_prob, backward, optimiser, average. It does not use files, data
/// sets or clocks; TrainingRun does.
///
/// Several processes train one model when each has a Trainer of it and passes its shard of every batch. Gradients are
/// summed during the backward pass, or after it where it is a CUDA graph; weights and reports are the same in all
/// processes, to the last bit. Every process must call the same functions in the same order.
class Trainer {
 public:
  /// The model must be initialised, and on the same device and in the same dtype at every call. Removes its
  /// nn::GlowImpl::training_data, because the trainer does not know the images that will be used. Throws ConfigError
  /// when the model is not initialised, and when `options` are invalid or do not fit the model.
  /// When options.steps is 0, an automatic warm-up is the published one (Schedule).
  Trainer(nn::Glow model, const TrainOptions& options,
          std::shared_ptr<distributed::Communicator> processes = distributed::single_process());
  /// Does the same checks, except whether the model is initialised.
  static void check(const nn::Glow& model, const TrainOptions& options, std::int64_t processes = 1);
  /// Moves the trainer; the former object may only be destroyed or assigned to.
  Trainer(Trainer&&) noexcept;
  /// Destroys the present trainer and moves the other one here.
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  /// One step on uint8 [N, C, H, W], labels int64 [N] for a conditional model (undefined for another). An image's
  /// dequantisation noise is a function of the seed, the step and the image's place in the step's batch. The loss is
  /// the mean over the images of bits/dim + weight_y * class bits. When it or its gradient is not finite the step is
  /// skipped (StepReport::skipped): it changes nothing.
  /// `batch`: the number of images of the step in all processes together; `bytes` is this process's shard of them
  /// (Communicator::shard). A single process may leave it out.
  /// Throws ConfigError when several processes leave it out, when there are fewer images than options.accumulate, and
  /// when the model has changed its dtype or device; the errors of nn::GlowImpl::flat_parameters.
  ///
  /// A step does not depend on the caller's modes: it runs in training mode, with gradients, and leaves
  /// Module::is_training, GradMode and InferenceMode as they were. It starts from weights that were replaced since the
  /// last step (torch::load, Tensor::set_data), and allocates gradients again that were dropped
  /// (Module::zero_grad(true)).
  StepReport step(const torch::Tensor& bytes, const torch::Tensor& labels = {}, std::int64_t batch = 0);

  /// A step of a process that has no images for it, in place of `step`: the others do the step, and it is skipped in
  /// all processes. `bytes` and `labels` may have any values. Throws as `step`.
  StepReport spoiled_step(const torch::Tensor& bytes, const torch::Tensor& labels, std::int64_t batch);
  /// Makes the last step, which was skipped, undone: the state is that before it.
  void forget_skipped_step();

  /// Captures steps with this recorder (src/train/step_graph.h), whatever the device and the options are; null: not at
  /// all. For tests without a GPU.
  void capture_with(std::shared_ptr<Recorder> recorder);

  /// The averaged weights as a new model in eval mode, which later steps and calls do not change. Throws as `step`.
  nn::Glow averaged_model();

  /// Steps of the training so far, including skipped ones and those before `restore`.
  std::int64_t steps_done() const { return state_.step; }
  /// The numbers of the state.
  const TrainingProgress& progress() const { return state_; }
  /// Whether the state is that after steps_done() steps. False after a step that threw while it changed the weights.
  bool is_sound() const { return !is_updating_; }
  /// Sets best_bits_per_dim and best_step of the state. The trainer only stores them for its caller.
  void set_best(double bits_per_dim, std::int64_t step);
  /// Sets TrainingProgress::unfinished, which the trainer also only stores.
  void set_unfinished(bool unfinished) { state_.unfinished = unfinished; }
  /// schedule().learning_rate, halved with every rollback.
  double learning_rate(std::int64_t step) const;
  /// The first tensor of the last step that was not finite: the name of the layer that computed it
  /// (nn::GlowImpl::first_not_finite), else the first gradient in the order of the backward pass. Empty when everything
  /// was finite.
  std::string first_not_finite() const;
  /// The learning rate and the decays of this training.
  const Schedule& schedule() const { return schedule_; }

  /// Its tensors are the trainer's own: the next step changes them. Throws as `step`.
  const TrainingState& state();
  /// Continues from a checkpoint. An automatic warm-up becomes that of the checkpoint. Throws FormatError when a number
  /// is not possible or a tensor does not fit the model, ConfigError that names the option when TrainingState::options
  /// are not the trainer's; nothing is changed then.
  void restore(const TrainingState& state);
  /// Continues from the state of rank 0. Collective.
  void broadcast_state();
  /// Makes sure that all processes have the same weights, to the last bit. If different processors have rounded
  /// differently, all continue from the state of rank 0. Returns whether that was necessary. Collective. Throws Error
  /// that names a process whose weights differ by more than rounding.
  bool resync_replicas();

  /// Seconds since the construction that this process has waited for sums over the processes, after its own gradients
  /// were complete. Excludes the sums of batch norms. Meaningless on CUDA, where the host does not wait.
  double seconds_waited() const;

 private:
  /// `ordinary_tensors`: a guard that disables InferenceMode until the members are constructed.
  Trainer(nn::Glow model, const TrainOptions& options, std::shared_ptr<distributed::Communicator> processes,
          const c10::InferenceMode& ordinary_tensors);
  /// Makes the model's parameters and gradients views of its flat buffers again, and lets the trainer use these
  /// buffers.
  void attach();
  /// With several processes: sets up the sums of gradients, during backward passes unless these are captured.
  void sum_gradients();
  /// Does the arithmetic of a step on `input_`, and waits for its numbers.
  StepNumbers<double> run(double learning_rate);
  /// The part of a step that a CUDA graph may contain: dequantisation, loss and gradient of this process's images. Sets
  /// `gradients_`, `own_numbers_` and `moments_`. Does not wait for a device.
  void compute_gradients();
  /// Adds loss and gradient of a part of this process's images to `numbers` and the gradients. Returns
  /// nn::Encoding::batch_moments.
  std::vector<nn::ChannelMoments> compute_part(const Shard& part, StepNumbers<torch::Tensor>& numbers);
  /// The rest of a step: sums over the processes, and the update if all is finite. Sets `numbers_`. Waits for other
  /// processes, but not for a CUDA device.
  void update(double learning_rate);
  /// From here on steps run without a CUDA graph.
  void stop_capturing();
  /// From here on steps recompute their flow variables instead of rebuilding them.
  void fall_back();
  /// `state_` with the model's buffers as they are now.
  TrainingState& refreshed_state();
  /// Call after `state_` was replaced: updates the members that depend on it.
  void state_replaced();
  /// Counts a finished step.
  void count(bool skipped);
  double largest_error() const;
  torch::Tensor class_bits(const torch::Tensor& logits, const torch::Tensor& labels) const;

  nn::Glow model_;
  std::shared_ptr<distributed::Communicator> processes_;
  TrainOptions options_;
  Schedule schedule_;
  /// Its parameters are the model's own flat buffer.
  TrainingState state_;
  /// [P], the model's own flat buffer.
  torch::Tensor gradients_;
  Optimizer optimizer_;
  /// Whether steps are captured as CUDA graphs.
  bool captures_;
  bool is_updating_ = false;
  /// Whether this process makes the current step one that is skipped.
  bool is_spoiled_ = false;
  /// nn::FlatParameters::moves at the last call of `attach`.
  std::int64_t moves_ = 0;
  /// StepReport::capture_failure of the current step.
  std::string capture_failure_;
  /// The last step after which all processes were known to have the same weights.
  std::int64_t aligned_at_ = 0;
  /// What a step depends on, other than the weights. With a CUDA graph, which reads them, the addresses of the tensors
  /// on the device are constant.
  struct Input {
    /// uint8 [N, C, H, W], nn::Quantizer::noise_rows, and int64 [N], undefined without classes.
    torch::Tensor bytes, noise_rows, labels;
    /// Images of the step in all processes.
    std::int64_t batch = 0;
    nn::HiddenPrecision precision = nn::HiddenPrecision::kFull;
  };
  /// Checks the labels and puts the tensors on the device.
  void set_input(const Input& input);
  Input input_;
  /// Of this process's images: the numbers of the last step, and the moments in batch norms (no other member is set).
  StepNumbers<torch::Tensor> own_numbers_;
  nn::Encoding moments_;
  /// The numbers of the last step in one tensor on the device.
  torch::Tensor numbers_;
  /// Null with one process.
  std::unique_ptr<GradientSum> gradient_sum_;
  /// Excludes the waits of the present `gradient_sum_`.
  double seconds_waited_ = 0;
  /// Null until a step is captured.
  std::shared_ptr<Recorder> recorder_;
  /// Null before the first step, and when steps are not captured.
  std::shared_ptr<StepGraph> graph_;
};

}  // namespace glow::train

#pragma GCC visibility pop
