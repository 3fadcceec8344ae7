#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/batch_moments.h>
#include <glow/nn/compute.h>
#include <glow/nn/flat_parameters.h>
#include <glow/nn/initialize.h>
#include <glow/nn/latents.h>
#include <glow/nn/options.h>
#include <glow/nn/quantizer.h>
#include <glow/nn/training_data.h>

// Private classes, which are not visible.
namespace glow::nn {

class FoldCache;
struct FoldedGlow;
struct FoldedLevel;
class LevelImpl;
class PartVisitor;
class TopImpl;

}  // namespace glow::nn

#pragma GCC visibility push(default)

namespace glow::nn {

/// The results of a forward pass from images to latents.
struct Encoding {
  /// The whitened latents eps of every level.
  Latents latents;
  /// log|det d eps/dx|, nats [N].
  torch::Tensor log_det;
  /// log p(x | label), nats [N].
  torch::Tensor log_prob;
  /// [N, num_classes] of the auxiliary classifier; undefined for an unconditional model.
  torch::Tensor class_logits;
  /// With a graph and MemoryPolicy::kReversible: a scalar, 0 until the backward pass sets it to the rounding error of
  /// the rebuilt inputs, the largest max|x' - x| / max|x| of all levels. Else undefined.
  torch::Tensor reconstruction_error;
  /// The moments of the batch in every batch norm, in training mode with a graph; else empty or undefined. For
  /// GlowImpl::update_batch_norms.
  std::vector<ChannelMoments> batch_moments;
};

/// Glow: Generative Flow with Invertible 1x1 Convolutions (Kingma & Dhariwal 2018, arXiv 1807.03039), and its
/// predecessors RealNVP and NICE (nn::Family), built from the same layers.
///
/// Images x are float [N, C, H, W] in [-1/2, 1/2) (see Quantizer); they are converted to the model's device and dtype.
/// `labels` are int64 [N] in 0..num_classes-1 for a conditional model and undefined for an unconditional one. Wrong
/// shapes of images or labels, N = 0, and bytes in place of floats throw ShapeError; missing or out-of-range labels
/// throw ConfigError. So do values of x outside of [-1/2, 1/2] or NaN, in `initialize` and, without a graph, in the
/// densities and `encode`. With a graph the values are not checked, which would wait for the device in every training
/// step; `evaluate` never checks them. Labels that are on a GPU are not checked with a graph either: a wrong one makes
/// the density of its image NaN.
///
/// With GradMode on, every function records a graph, and the densities, `encode` and `evaluate` of a model that is not
/// initialised throw ConfigError. Their graphs are differentiable once; a second derivative throws Error (except for
/// RealNVP and dense NICE under MemoryPolicy::kStore). With GradMode off, under torch::NoGradGuard or
/// c10::InferenceMode, the folded weights are cached. Every call computes a checksum of all weights and folds them
/// again if it has changed, whichever function wrote to them. Several threads may then use the model at once, as long
/// as none writes to it.
///
/// Parameters are never inference tensors: a model that was created, copied or loaded under c10::InferenceMode can be
/// trained outside of it.
///
/// A RealNVP in training mode with GradMode on normalises by the moments of the batch. The density of an image then
/// depends on the whole batch, and decode, which has no moments of a batch, throws Error. In all other cases the
/// running moments are used.
class GlowImpl : public torch::nn::Cloneable<GlowImpl> {
 public:
  /// A model with random weights drawn by `seed`, on the CPU in float32; call `initialize` before training it. Throws
  /// ConfigError (GlowOptions::validate).
  explicit GlowImpl(const GlowOptions& options, std::uint64_t seed = 0);
  /// Selects the constructor that draws no random weights, for a model whose weights are loaded.
  struct WithoutWeights {};
  /// A model whose weights are to be set; not initialised. Throws as the other constructor.
  GlowImpl(const GlowOptions& options, WithoutWeights);

  /// The hyperparameters.
  const GlowOptions& options() const { return options_; }
  /// The quantiser for the model's bits and dimensions.
  const Quantizer& quantizer() const { return quantizer_; }
  /// Names of the classes; empty if unknown.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// Throws ConfigError unless `names` is empty or has num_classes names in UTF-8.
  void set_class_names(std::vector<std::string> names);
  /// The training data of the weights; nullopt if unknown. Trainer and torch::load reset it to nullopt. A program that
  /// trains a loaded model by other means must do so too, or the files that it saves name the wrong data.
  const std::optional<TrainingData>& training_data() const { return training_data_; }
  /// Throws ConfigError (TrainingData::validate).
  void set_training_data(std::optional<TrainingData> data);
  /// The tensors that log_prob, encode and evaluate keep for the backward pass; kStore by default.
  void set_memory_policy(MemoryPolicy policy) { memory_ = policy; }
  /// For training in several processes, each on a shard of every batch: the function with which batch norms sum their
  /// moments over the processes. Its tensors are on the model's device. Copies of the model do not have it.
  void set_sum_over_processes(SumOverProcesses sum) { sum_ = std::move(sum); }
  /// The function that was set; null with a single process.
  const SumOverProcesses& sum_over_processes() const { return sum_; }
  /// Whether backward passes add the gradients of the flow steps to the memory of FlatParameters::gradients(), if the
  /// parameters have these gradients when the forward pass begins; they must keep them until the backward pass. That
  /// saves an operation for each parameter, but
  /// torch::autograd::grad and hooks get undefined gradients of them, and a backward pass to the images alone adds to
  /// them too. Trainer sets it during its steps. False by default; copies of the model do not have it.
  void set_adds_gradients(bool adds) { adds_gradients_ = adds; }
  /// The value of set_adds_gradients.
  bool adds_gradients() const { return adds_gradients_; }
  /// The precision of the coupling networks in log_prob, log_prob_by_class, log_prob_marginal, evaluate and sample;
  /// kFull by default. encode and decode always use kFull, so that they invert each other. Throws ConfigError if the
  /// precision is not kFull and the model is not float32.
  void set_hidden_precision(HiddenPrecision precision);
  /// The value of set_hidden_precision.
  HiddenPrecision hidden_precision() const { return precision_; }
  /// The dtype of the parameters: kFloat or kDouble.
  torch::Dtype dtype() const { return flat_.dtype(); }
  /// The device of the parameters, on which the model computes.
  torch::Device device() const { return flat_.device(); }

  /// Bits/dim of images uint8 [N, C, H, W], [N], at points that Quantizer::dequantize draws: the loss of a training
  /// loop, with the step as `draw`. options.dtype does not matter. In training each step needs another draw; in an
  /// evaluation a fixed one makes the result reproducible.
  torch::Tensor bits_per_dim(const torch::Tensor& bytes, std::int64_t draw, const torch::Tensor& labels = {},
                             DequantizeOptions options = {}) const;
  /// log p(x | label) of the continuous images, nats [N].
  torch::Tensor log_prob(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// log p(x | y) of a conditional model for every class y, nats [N, num_classes]. Throws ConfigError for an
  /// unconditional one.
  torch::Tensor log_prob_by_class(const torch::Tensor& x) const;
  /// log (1/Y) sum_y p(x | y), nats [N]. Throws ConfigError for an unconditional model.
  torch::Tensor log_prob_marginal(const torch::Tensor& x) const;
  /// Latents, density and class logits in one pass. x may have any finite values, such as decoded images before they
  /// are rounded to bytes.
  Encoding evaluate(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// The exact latents of the images.
  Latents encode(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// The images [N, C, H, W] of the latents: the inverse of encode. Values may be outside of [-1/2, 1/2). Throws
  /// NumericalError when a flow step's matrix has no inverse.
  torch::Tensor decode(const Latents& latents, const torch::Tensor& labels = {}) const;
  /// Draws `count` >= 1 images [count, C, H, W] from the model. Throws ConfigError, and NumericalError as decode does.
  torch::Tensor sample(std::int64_t count, const SampleOptions& options = {}) const;
  /// The labels that `sample` draws if options.labels is undefined: int64 [count]; undefined for an unconditional
  /// model.
  torch::Tensor sample_labels(std::int64_t count, const SampleOptions& options = {}) const;
  /// Standard normal latents times the temperature, for `count` images from options.first_index on.
  Latents sample_latents(std::int64_t count, const SampleOptions& options = {}) const;

  /// Initialises every actnorm and batch norm from the statistics of its input for the images x [N, C, H, W], layer by
  /// layer (Glow, section 3.1). With several processes each passes its shard of the images. Throws ShapeError,
  /// ConfigError (chunk), NumericalError naming the layer whose input is not finite.
  InitializeReport initialize(const torch::Tensor& x, const InitializeOptions& options = {});
  /// Call after a training step: running = 0.9 * running + 0.1 * batch for the moments of all batch norms, if `wanted`,
  /// a bool scalar on the model's device, is true. No effect in a model without batch norms.
  void update_batch_norms(const Encoding& encoding, const torch::Tensor& wanted);
  /// The name of the first layer whose output for x is not finite, in the order of computation and in full precision,
  /// for example "levels.0.steps.3.coupling.net.conv1"; nullopt if all are finite. Takes as long as several passes.
  std::optional<std::string> first_not_finite(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// Whether the model was initialised from data or loaded from a file.
  bool initialized() const { return initialized_; }
  /// Throws ConfigError that names the two ways out unless the model is initialised.
  void require_initialized() const;
  /// Throws ConfigError or ShapeError, as the densities do, unless these are labels for `count` images. Waits for the
  /// device that the labels are on.
  void require_labels(const torch::Tensor& labels, std::int64_t count) const;
  /// Call after all weights were set by other means.
  void mark_initialized() { initialized_ = true; }

  /// The buffer that all parameters are views of. If torch::load, Tensor::set_data, Tensor::set_ or `to` gave a
  /// parameter new memory, the call restores the views and keeps the current values. Throws as FlatParameters::reattach
  /// does. Must not be called while other threads use the model.
  FlatParameters& flat_parameters();

  /// torch::save and torch::load also keep the flag `initialized`, of a model and of a module that contains one. A
  /// model loaded from an archive without the flag counts as initialised.
  void save(torch::serialize::OutputArchive& archive) const override;
  /// The inverse of `save`.
  void load(torch::serialize::InputArchive& archive) override;
  /// Registers all modules anew. For torch::nn::Cloneable, which calls it in `clone`.
  void reset() override;
  /// Prints family, size of the images, levels, depth and width, as `std::cout << model` does.
  void pretty_print(std::ostream& stream) const override;
  /// A copy with weights of its own, on `device` if that is given. Throws ConfigError naming `device` for a device that
  /// LibTorch cannot use.
  std::shared_ptr<torch::nn::Module> clone(const c10::optional<torch::Device>& device = c10::nullopt) const override;
  /// Moves and converts the parameters. Throws ConfigError naming `device` or `dtype` for a device that LibTorch cannot
  /// use (ops::require_device) and for dtypes other than float32 and float64. HiddenPrecision::kBf16 computes the
  /// networks in bfloat16.
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  /// Converts the parameters. Throws as above.
  void to(torch::Dtype dtype, bool non_blocking = false) override;
  /// Moves the parameters. Throws as above.
  void to(torch::Device device, bool non_blocking = false) override;

 private:
  LevelImpl& level(std::int64_t index) const;
  /// The results of the flow before the top's prior: the eps of all levels but the top, the top's z, and the
  /// log-determinant.
  struct Flow {
    std::vector<torch::Tensor> eps;
    torch::Tensor z;
    torch::Tensor log_det;
    torch::Tensor reconstruction_error;
    std::vector<ChannelMoments> moments;
  };
  /// `kept`: the cached weights; null when a graph is recorded.
  Flow flow(const FoldedGlow* kept, const torch::Tensor& x, HiddenPrecision precision) const;
  Encoding evaluate(const torch::Tensor& x, const torch::Tensor& labels, HiddenPrecision precision) const;
  torch::Tensor decode(const Latents& latents, const torch::Tensor& labels, HiddenPrecision precision) const;
  FoldedLevel fold_level(std::int64_t index) const;
  torch::Tensor fold_top() const;
  FoldedGlow fold() const;
  /// Visits all parts in the order of computation.
  void visit(PartVisitor& visitor, const torch::Tensor& labels, bool by_batch) const;
  /// The cached folded weights, folded again after a change of the parameters; null when a graph is recorded.
  std::shared_ptr<const FoldedGlow> kept_weights(HiddenPrecision precision, bool with_inverses) const;
  std::shared_ptr<const FoldedGlow> weights_of_inverse(HiddenPrecision precision) const;
  void gather();
  torch::TensorOptions tensor_options() const { return torch::TensorOptions(dtype()).device(device()); }
  torch::Tensor to_model(const torch::Tensor& x) const;
  /// to_model(x); without a graph the values are checked, too.
  torch::Tensor checked_images(const torch::Tensor& x) const;
  /// require_labels, but the values of labels on a GPU are not checked with a graph; returns them on the model's
  /// device.
  torch::Tensor checked_labels(const torch::Tensor& labels, std::int64_t count) const;
  /// The part of require_labels that does not read their values.
  void require_labels_of(std::int64_t count, const torch::Tensor& labels) const;

  GlowOptions options_;
  Quantizer quantizer_;
  std::vector<std::string> class_names_;
  std::optional<TrainingData> training_data_ = std::nullopt;
  bool initialized_ = false;
  MemoryPolicy memory_ = MemoryPolicy::kStore;
  bool adds_gradients_ = false;
  SumOverProcesses sum_ = nullptr;
  HiddenPrecision precision_ = HiddenPrecision::kFull;
  FlatParameters flat_;
  std::shared_ptr<FoldCache> cache_;
  torch::nn::ModuleList levels_{nullptr};
  std::shared_ptr<TopImpl> top_;
};
/// A shared pointer to a GlowImpl, as LibTorch has for its modules: copies of a Glow are one model.
TORCH_MODULE(Glow);

}  // namespace glow::nn

#pragma GCC visibility pop
