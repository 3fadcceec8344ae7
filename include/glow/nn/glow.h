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
#include <glow/nn/sample_options.h>
#include <glow/nn/training_data.h>

namespace glow::nn {

class FoldCache;
struct FoldedGlow;
struct FoldedLevel;
class LevelImpl;
class PartVisitor;
class TopImpl;

/// What one pass from image to latents gives.
struct Encoding {
  Latents latents;
  /// log|det d eps/dx|, nats [N].
  torch::Tensor log_det;
  /// log p(x | label), nats [N].
  torch::Tensor log_prob;
  /// [N, num_classes] of the auxiliary classifier; undefined for an unconditional model.
  torch::Tensor class_logits;
  /// With a graph and MemoryPolicy::kReversible, a scalar that the backward pass raises from 0 to what
  /// ChainOptions::reconstruction_error says, the largest of all levels; else undefined.
  torch::Tensor reconstruction_error;
  /// What the batch norms of a model in training saw, with a graph; else empty or undefined. For
  /// GlowImpl::update_batch_norms.
  std::vector<ChannelMoments> batch_moments;
};

/// Glow: Generative Flow with Invertible 1x1 Convolutions (Kingma & Dhariwal 2018, arXiv 1807.03039), and the flows
/// that it came from, RealNVP and NICE (nn::Family), assembled of the same parts.
///
/// Images x are float [N, C, H, W] in [-1/2, 1/2) (see Quantizer); they are brought to the model's device and dtype.
/// `labels` are int64 [N] in 0..num_classes-1 for a conditional model and undefined for an unconditional one.
/// Wrong shapes (of labels too; N = 0 is one) throw ShapeError, labels missing or out of range ConfigError.
///
/// With GradMode on, every function records a graph; that of log_prob, encode and evaluate is differentiable once, a
/// second derivative throws Error (except for RealNVP and dense NICE under MemoryPolicy::kStore). Without it, under
/// torch::NoGradGuard or c10::InferenceMode, the folded weights are prepared once and kept for as long as a checksum of
/// all weights, computed with every call, stays the same, so that writes by any means are noticed. Several threads may
/// call at once then, as long as none writes.
///
/// Parameters are ordinary tensors also when the model is made, copied or loaded under c10::InferenceMode: it can be
/// trained elsewhere.
///
/// A RealNVP in training mode with GradMode on normalises by the moments of the batch, as batch norms do: its density
/// is then that of the whole batch, and decode, which cannot know them, throws. Elsewhere the running moments count.
class GlowImpl : public torch::nn::Cloneable<GlowImpl> {
 public:
  /// A model with random weights drawn by `seed`, on the CPU in float32, to be initialised from data.
  /// Throws ConfigError (GlowOptions::validate).
  explicit GlowImpl(const GlowOptions& options, std::uint64_t seed = 0);
  /// A model whose weights are all to be read from somewhere.
  struct WithoutWeights {};
  GlowImpl(const GlowOptions& options, WithoutWeights);

  const GlowOptions& options() const { return options_; }
  const Quantizer& quantizer() const { return quantizer_; }
  /// Names of the classes, empty when they are not known.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// Throws ConfigError unless there are num_classes names, in UTF-8, or none.
  void set_class_names(std::vector<std::string> names);
  /// What the weights were learned from; nullopt when that is not known. A Trainer and torch::load forget it; a program
  /// that trains a loaded model by other means has to set it to nullopt, or what it writes is said to be of other data.
  const std::optional<TrainingData>& training_data() const { return training_data_; }
  /// Throws ConfigError (TrainingData::validate).
  void set_training_data(std::optional<TrainingData> data);
  /// What log_prob, encode and evaluate keep for a backward pass; kStore unless set.
  void set_memory_policy(MemoryPolicy policy) { memory_ = policy; }
  /// For several processes that each train on a shard of every batch: what batch norms add their moments up with, of
  /// tensors on the model's device. Copies of the model do not have it.
  void set_sum_over_processes(SumOverProcesses sum) { sum_ = std::move(sum); }
  const SumOverProcesses& sum_over_processes() const { return sum_; }
  /// How log_prob (by_class and marginal too), evaluate and sample compute the coupling networks; kFull unless set.
  /// encode and decode, which are to undo each other, compute in full always. Throws ConfigError for another than kFull
  /// unless the model is float32.
  void set_hidden_precision(HiddenPrecision precision);
  HiddenPrecision hidden_precision() const { return precision_; }
  torch::Dtype dtype() const { return flat_.dtype(); }
  torch::Device device() const { return flat_.device(); }

  /// Density of the continuous images, nats [N].
  torch::Tensor log_prob(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// log p(x | y) of a conditional model for every class y, nats [N, num_classes]. Throws ConfigError for an
  /// unconditional one.
  torch::Tensor log_prob_by_class(const torch::Tensor& x) const;
  /// log (1/Y) sum_y p(x | y), nats [N]. Throws ConfigError for an unconditional model.
  torch::Tensor log_prob_marginal(const torch::Tensor& x) const;
  /// Latents, density and class logits in one pass.
  Encoding evaluate(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// The exact latents of the images.
  Latents encode(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// The images [N, C, H, W] of the latents: the inverse of encode. Values may lie outside [-1/2, 1/2).
  /// Throws NumericalError when a flow step's matrix has no inverse.
  torch::Tensor decode(const Latents& latents, const torch::Tensor& labels = {}) const;
  /// `count` >= 1 images [count, C, H, W] drawn from the model. Throws ConfigError, NumericalError as decode.
  torch::Tensor sample(std::int64_t count, const SampleOptions& options = {}) const;
  /// The labels that `sample` draws when it is given none: int64 [count]; undefined for an unconditional model.
  torch::Tensor sample_labels(std::int64_t count, const SampleOptions& options = {}) const;
  /// Standard normal latents times the temperature, for images options.first_index ... + count - 1.
  Latents sample_latents(std::int64_t count, const SampleOptions& options = {}) const;

  /// Starts every actnorm and batch norm from the statistics of images x [N, C, H, W], in sequence through the network
  /// (section 3.1).
  /// With several processes each passes its shard. Throws ShapeError, ConfigError (chunk), NumericalError naming the
  /// layer whose input is not finite.
  InitializeReport initialize(const torch::Tensor& x, const InitializeOptions& options = {});
  /// After a step of training: the batch norms' running moments go a tenth of the way to those of the batch, where
  /// `wanted`, a bool scalar on the model's device, is true. Nothing in a model without batch norm.
  void update_batch_norms(const Encoding& encoding, const torch::Tensor& wanted);
  /// The first layer, in the order of computation and in full precision, of which the output for x is not finite:
  /// "levels.0.steps.3.coupling.net.conv1", say; nullopt when there is none. Takes several passes' time.
  std::optional<std::string> first_not_finite(const torch::Tensor& x, const torch::Tensor& labels = {}) const;
  /// Whether initialize ran or the weights came from a file.
  bool initialized() const { return initialized_; }
  /// For whoever sets all weights by hand.
  void mark_initialized() { initialized_ = true; }

  /// The one buffer that all parameters are views of: where torch::load, Tensor::set_data, Tensor::set_ or `to` have
  /// given one other memory, they are made views again with the values that they have now. Throws as
  /// FlatParameters::reattach. Not while other threads use the model.
  FlatParameters& flat_parameters();

  /// torch::save and torch::load keep, beside the weights, whether the model is initialised; an archive that does not
  /// say so is of one that is.
  void save(torch::serialize::OutputArchive& archive) const override;
  void load(torch::serialize::InputArchive& archive) override;
  void reset() override;
  void pretty_print(std::ostream& stream) const override;
  std::shared_ptr<torch::nn::Module> clone(const c10::optional<torch::Device>& device = c10::nullopt) const override;
  void to(torch::Device device, torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Dtype dtype, bool non_blocking = false) override;
  void to(torch::Device device, bool non_blocking = false) override;

 private:
  LevelImpl& level(std::int64_t index) const;
  /// The flow without the top's prior: latents of the levels below, the top's z, and their log-determinant.
  struct Flow {
    std::vector<torch::Tensor> eps;
    torch::Tensor z;
    torch::Tensor log_det;
    torch::Tensor reconstruction_error;
    std::vector<ChannelMoments> moments;
  };
  /// `kept`: null with a graph.
  Flow flow(const FoldedGlow* kept, const torch::Tensor& x, HiddenPrecision precision) const;
  Encoding evaluate(const torch::Tensor& x, const torch::Tensor& labels, HiddenPrecision precision) const;
  torch::Tensor decode(const Latents& latents, const torch::Tensor& labels, HiddenPrecision precision) const;
  FoldedLevel fold_level(std::int64_t index) const;
  torch::Tensor fold_top() const;
  FoldedGlow fold() const;
  /// Visits all parts in the order of computation.
  void visit(PartVisitor& visitor, const torch::Tensor& labels, bool by_batch) const;
  /// Folded once for as long as the parameters stay; with a graph there is none.
  std::shared_ptr<const FoldedGlow> kept_weights(HiddenPrecision precision, bool with_inverses) const;
  std::shared_ptr<const FoldedGlow> weights_of_inverse(HiddenPrecision precision) const;
  void gather();
  torch::TensorOptions tensor_options() const { return torch::TensorOptions(dtype()).device(device()); }
  torch::Tensor to_model(const torch::Tensor& x) const;
  torch::Tensor checked_labels(const torch::Tensor& labels, std::int64_t count) const;

  GlowOptions options_;
  Quantizer quantizer_;
  std::vector<std::string> class_names_;
  std::optional<TrainingData> training_data_ = std::nullopt;
  bool initialized_ = false;
  MemoryPolicy memory_ = MemoryPolicy::kStore;
  SumOverProcesses sum_ = nullptr;
  HiddenPrecision precision_ = HiddenPrecision::kFull;
  FlatParameters flat_;
  std::shared_ptr<FoldCache> cache_;
  torch::nn::ModuleList levels_{nullptr};
  std::shared_ptr<TopImpl> top_;
};
TORCH_MODULE(Glow);

}  // namespace glow::nn
