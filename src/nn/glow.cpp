#include <glow/nn/glow.h>

#include <cmath>
#include <sstream>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/serialize/archive.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/ops/random.h>
#include <glow/ops/runtime.h>
#include <glow/shard.h>

#include "io/errors.h"
#include "io/json_object.h"
#include "nn/chain.h"
#include "nn/family.h"
#include "nn/labels.h"
#include "nn/level.h"
#include "nn/prior.h"
#include "ops/check.h"
#include "ops/logit.h"
#include "ops/pixel_product.h"
#include "ops/squeeze.h"

namespace glow::nn {
namespace {

/// The flag's key in an archive of torch::save.
constexpr const char* kInitializedKey = "glow.initialized";

const GlowOptions& validated(const GlowOptions& options) {
  options.validate();
  return options;
}

void require_dtype(torch::Dtype dtype) {
  if (dtype == torch::kFloat || dtype == torch::kDouble) return;
  throw ConfigError("dtype", std::string("a model has float32 or float64 weights, got ") + c10::toString(dtype));
}

/// Throws ConfigError unless the values of all images, floating-point, are in [-1/2, 1/2]. The upper edge is included,
/// and both by a slack far below the width of a bin (2^-8 or more): bytes / 255 - 1/2 and arithmetic on images in
/// float32 or half precision round across it. A model gives any point a density, so that images in [0, 1] or in [-1, 1]
/// would silently get wrong ones.
void require_image_range(const torch::Tensor& images) {
  constexpr double kSlack = 1e-4;
  const auto [least, greatest] = at::aminmax(images);
  const auto ends = at::stack({least, greatest}).to(torch::kCPU, torch::kDouble);  // one synchronisation on a GPU
  const auto low = ends[0].item<double>(), high = ends[1].item<double>();
  if (low >= -0.5 - kSlack && high <= 0.5 + kSlack) return;
  std::ostringstream seen;
  seen << low << " to " << high;
  throw ConfigError("images",
                    "expected values in [-1/2, 1/2), got " +
                        (std::isnan(low) || std::isnan(high) ? std::string("NaN") : seen.str()) +
                        "; bits_per_dim(bytes, draw) and Quantizer::dequantize take bytes (uint8); for images "
                        "in [0, 1] subtract 1/2; evaluate() takes any values");
}

/// The indices of `count` images to sample.
std::vector<std::int64_t> sampled_indices(const SampleOptions& options, std::int64_t count) {
  require_at_least("count", count, 1);
  return index_range(options.first_index, options.first_index + count);
}

/// The transform FamilySpec::preprocessing of images x [N, C, H, W] in [-1/2, 1/2). Differentiable.
ops::Transformed preprocess(Family family, const torch::Tensor& x) {
  const auto kind = family_spec(family).preprocessing;
  if (kind == Preprocessing::kLogits) return ops::to_logits(x);
  const auto log_det = torch::zeros({x.size(0)}, x.options().requires_grad(false));
  return {kind == Preprocessing::kShift ? x + 0.5 : x, log_det};
}

/// The inverse of preprocess. Differentiable.
torch::Tensor undo_preprocessing(Family family, const torch::Tensor& y) {
  const auto kind = family_spec(family).preprocessing;
  if (kind == Preprocessing::kLogits) return ops::from_logits(y);
  return kind == Preprocessing::kShift ? y - 0.5 : y;
}

}  // namespace

GlowImpl::GlowImpl(const GlowOptions& options, WithoutWeights)
    : options_(validated(options)), quantizer_(options.bits, options.dimensions()) {
  const c10::InferenceMode ordinary_tensors(false);
  reset();
  gather();
}

GlowImpl::GlowImpl(const GlowOptions& options, std::uint64_t seed) : GlowImpl(options, WithoutWeights{}) {
  const c10::InferenceMode ordinary_tensors(false);
  WeightSource source(seed);
  for (std::int64_t l = 0; l < options_.levels; ++l) level(l).draw(source);
}

LevelImpl& GlowImpl::level(std::int64_t index) const {
  return *levels_->ptr<LevelImpl>(static_cast<std::size_t>(index));
}

void GlowImpl::reset() {
  levels_ = register_module("levels", torch::nn::ModuleList());
  for (std::int64_t l = 0; l < options_.levels; ++l) levels_->push_back(Level(options_, l));
  top_ = register_module("top", std::make_shared<TopImpl>(options_));
}

void GlowImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::Glow(" << to_string(options_.family) << ", " << options_.channels << "x" << options_.height
         << "x" << options_.width << ", levels " << options_.levels << ", depth " << options_.depth << ", width "
         << options_.hidden_width << ")";
}

void GlowImpl::gather() {
  flat_.gather(*this);
  cache_ = std::make_shared<FoldCache>();
  // The tensors that the modules had before are free, as much memory as the model has. Gaps of their sizes are useless
  // for the folded weights of a level.
  constexpr std::size_t kLarge = std::size_t{1} << 24;
  if (flat_.values().nbytes() >= kLarge) ops::return_freed_memory();
}

void GlowImpl::set_training_data(std::optional<TrainingData> data) {
  if (data) data->validate();
  training_data_ = std::move(data);
}

FlatParameters& GlowImpl::flat_parameters() {
  flat_.reattach();
  if (dtype() != torch::kFloat) precision_ = HiddenPrecision::kFull;
  return flat_;
}

void GlowImpl::save(torch::serialize::OutputArchive& archive) const {
  Module::save(archive);
  archive.write(kInitializedKey, torch::tensor(initialized_), /*is_buffer=*/true);
}

void GlowImpl::load(torch::serialize::InputArchive& archive) {
  const c10::InferenceMode ordinary_tensors(false);
  Module::load(archive);
  torch::Tensor initialized;
  initialized_ = !archive.try_read(kInitializedKey, initialized, /*is_buffer=*/true) || initialized.item<bool>();
  training_data_ = std::nullopt;
  flat_parameters();
}

std::shared_ptr<torch::nn::Module> GlowImpl::clone(const c10::optional<torch::Device>& device) const {
  if (device) ops::require_device("device", *device);
  const c10::InferenceMode ordinary_tensors(false);
  auto copy = torch::nn::Cloneable<GlowImpl>::clone(device);
  auto& model = dynamic_cast<GlowImpl&>(*copy);
  model.gather();
  model.sum_ = nullptr;
  model.adds_gradients_ = false;
  return copy;
}

void GlowImpl::to(torch::Device device, torch::Dtype dtype, bool non_blocking) {
  ops::require_device("device", device);
  require_dtype(dtype);
  const c10::InferenceMode ordinary_tensors(false);
  Module::to(device, dtype, non_blocking);
  flat_parameters();
}

void GlowImpl::to(torch::Dtype dtype, bool non_blocking) {
  require_dtype(dtype);
  const c10::InferenceMode ordinary_tensors(false);
  Module::to(dtype, non_blocking);
  flat_parameters();
}

void GlowImpl::to(torch::Device device, bool non_blocking) {
  ops::require_device("device", device);
  const c10::InferenceMode ordinary_tensors(false);
  Module::to(device, non_blocking);
  flat_parameters();
}

void GlowImpl::set_class_names(std::vector<std::string> names) {
  if (!names.empty() && static_cast<std::int64_t>(names.size()) != options_.num_classes) {
    throw ConfigError("class names: " + std::to_string(names.size()) + " for " + std::to_string(options_.num_classes) +
                      " classes");
  }
  for (const auto& name : names) {
    if (!io::is_utf8(name)) throw ConfigError("class names: " + io::in_quotes(name) + " is not UTF-8");
  }
  class_names_ = std::move(names);
}

FoldedLevel GlowImpl::fold_level(std::int64_t index) const {
  const bool has_graph = torch::GradMode::is_enabled();
  return level(index).fold({.by_batch = is_training() && has_graph,
                            .sum_over_processes = sum_,
                            .adds_gradients = adds_gradients_ && has_graph});
}

torch::Tensor GlowImpl::fold_top() const { return top_->fold(tensor_options()); }

FoldedGlow GlowImpl::fold() const {
  FoldedGlow folded;
  for (std::int64_t l = 0; l < options_.levels; ++l) folded.levels.push_back(fold_level(l));
  folded.top = fold_top();
  return folded;
}

void GlowImpl::set_hidden_precision(HiddenPrecision precision) {
  if (precision != HiddenPrecision::kFull && dtype() != torch::kFloat) {
    throw ConfigError("precision", "hidden tensors in " + to_string(precision) + " need a model in float32, got " +
                                       c10::toString(dtype()));
  }
  precision_ = precision;
}

void GlowImpl::update_batch_norms(const Encoding& encoding, const torch::Tensor& wanted) {
  auto moments = encoding.batch_moments.begin();
  for (std::int64_t l = 0; l < options_.levels && moments != encoding.batch_moments.end(); ++l) {
    for (auto* step : level(l).all_steps()) {
      if (moments->mean.defined()) step->running_norm()->update(*moments, wanted);
      ++moments;
    }
  }
}

void GlowImpl::require_initialized() const {
  if (initialized_) return;
  throw ConfigError(
      "the model is not initialised: call initialize(x) with a batch of dequantised images, or mark_initialized() if "
      "its weights were set by other means");
}

std::shared_ptr<const FoldedGlow> GlowImpl::kept_weights(HiddenPrecision precision, bool with_inverses) const {
  if (torch::GradMode::is_enabled()) return nullptr;
  return cache_->get(flat_.checksum(), {precision, with_inverses}, [this] { return fold(); });
}

std::shared_ptr<const FoldedGlow> GlowImpl::weights_of_inverse(HiddenPrecision precision) const {
  if (auto kept = kept_weights(precision, /*with_inverses=*/true)) return kept;
  return std::make_shared<const FoldedGlow>(with_inverses(prepared(fold(), precision)));
}

torch::Tensor GlowImpl::to_model(const torch::Tensor& x) const {
  // LibTorch's convolutions reject an empty batch, with an unclear error.
  const bool fits = x.dim() == 4 && x.size(0) > 0 && x.size(1) == options_.channels && x.size(2) == options_.height &&
                    x.size(3) == options_.width && x.is_floating_point();
  if (!fits) {
    const bool is_integral = at::isIntegralType(x.scalar_type(), /*includeBool=*/true);
    throw ShapeError("images: expected floating-point [N, " + std::to_string(options_.channels) + ", " +
                     std::to_string(options_.height) + ", " + std::to_string(options_.width) + "], N > 0, got " +
                     c10::toString(x.scalar_type()) + " " + ops::shape_text(x.sizes()) +
                     (is_integral ? "; bits_per_dim(bytes, draw) and Quantizer::dequantize take bytes (uint8)" : ""));
  }
  return x.to(device(), dtype());
}

torch::Tensor GlowImpl::checked_images(const torch::Tensor& x) const {
  auto images = to_model(x);
  if (!torch::GradMode::is_enabled()) require_image_range(images);
  return images;
}

void GlowImpl::require_labels(const torch::Tensor& labels, std::int64_t count) const {
  require_labels_of(count, labels);
  if (labels.defined()) nn::require_labels("labels", labels, options_.num_classes);
}

torch::Tensor GlowImpl::checked_labels(const torch::Tensor& labels, std::int64_t count) const {
  // On a GPU the check of their values waits for the device, which a training step must not do.
  const bool waits = labels.defined() && labels.is_cuda() && torch::GradMode::is_enabled();
  waits ? require_labels_of(count, labels) : require_labels(labels, count);
  return labels.defined() ? labels.to(device()) : labels;
}

void GlowImpl::require_labels_of(std::int64_t count, const torch::Tensor& labels) const {
  if (options_.num_classes == 0) {
    if (labels.defined()) throw ConfigError("labels", "the model is unconditional and takes none");
    return;
  }
  if (!labels.defined()) throw ConfigError("labels", "the model is conditional and needs one per image");
  if (labels.dim() != 1 || labels.size(0) != count || labels.scalar_type() != torch::kLong) {
    throw ShapeError("labels: expected int64 [N] with N = " + std::to_string(count) + ", got " +
                     c10::toString(labels.scalar_type()) + " " + ops::shape_text(labels.sizes()));
  }
}

void GlowImpl::visit(PartVisitor& visitor, const torch::Tensor& labels, bool by_batch) const {
  const auto identity = [](const torch::Tensor& z) { return z; };
  // Visits both terms of a latent's density: log N(eps; 0, I) and log|det d eps/dz|.
  const auto visit_latent = [&](const std::string& name,
                                const std::function<ops::Transformed(const torch::Tensor&)>& whiten) {
    visitor.result(name, [&](const auto& z) { return standard_normal_log_prob(whiten(z).y); });
    visitor.result(name, [&](const auto& z) { return whiten(z).log_det; });
  };
  visitor.result("the images", identity);
  visitor.advance([this](const auto& x) { return preprocess(options_.family, x).y; });
  visitor.result("the preprocessing", identity);
  for (std::int64_t l = 0; l < options_.levels; ++l) {
    const auto name = "levels." + std::to_string(l);
    visitor.advance(ops::squeeze);
    std::size_t k = 0;
    for (auto* step : level(l).all_steps()) step->visit(visitor, name + ".steps." + std::to_string(k++), by_batch);
    if (!level(l).splits()) continue;
    visit_latent(name + ".split.prior", [&](const torch::Tensor& z) {
      const auto halves = z.chunk(2, 1);
      const auto gaussian = split_gaussian(level(l).fold_split_prior(), halves[0]);
      return ops::Transformed{gaussian.whiten(halves[1]), gaussian.log_det_of_whitening(halves[1].sizes())};
    });
    visitor.advance([](const auto& z) { return z.chunk(2, 1)[0]; });
  }
  visit_latent("top", [&](const torch::Tensor& z) {
    return top_->whiten(top_->fold(tensor_options()), checked_labels(labels, z.size(0)), z);
  });
  if (options_.num_classes > 0) {
    visitor.result("top.classifier", [this](const auto& z) { return top_->class_logits(z); });
  }
}

GlowImpl::Flow GlowImpl::flow(const FoldedGlow* kept, const torch::Tensor& x, HiddenPrecision precision) const {
  const bool has_graph = torch::GradMode::is_enabled();
  if (has_graph) require_initialized();
  auto [z, log_det] = preprocess(options_.family, to_model(x));
  ChainOptions options{.memory = memory_, .precision = precision};
  if (has_graph && memory_ == MemoryPolicy::kReversible) {
    options.reconstruction_error = torch::zeros({}, z.options().requires_grad(false));
  }
  std::vector<torch::Tensor> latents;
  std::vector<ChannelMoments> moments;
  for (std::int64_t l = 0; l < options_.levels; ++l) {
    // Fold a level just before its use: the backward pass then completes its gradients before it enters the next level.
    const auto own = kept != nullptr ? FoldedLevel() : fold_level(l);
    const auto& level = kept != nullptr ? kept->levels[static_cast<std::size_t>(l)] : own;
    const auto squeezed = ops::squeeze(z);
    auto result = has_graph ? apply_layers(*level.layers, squeezed, options) : apply_layers(*level.layers, squeezed);
    z = result.y;
    log_det = log_det + result.log_det;
    moments.insert(moments.end(), result.batch_moments.begin(), result.batch_moments.end());
    if (!level.splits) continue;
    const auto halves = z.chunk(2, 1);
    const auto gaussian = split_gaussian(level.split_prior, halves[0]);
    latents.push_back(gaussian.whiten(halves[1]));
    log_det = log_det + gaussian.log_det_of_whitening(halves[1].sizes());
    z = halves[0];
  }
  return {std::move(latents), z, log_det, options.reconstruction_error, std::move(moments)};
}

Encoding GlowImpl::evaluate(const torch::Tensor& x, const torch::Tensor& labels) const {
  return evaluate(x, labels, precision_);
}

Encoding GlowImpl::evaluate(const torch::Tensor& x, const torch::Tensor& labels, HiddenPrecision precision) const {
  const ops::Tf32Guard exact(false, device());
  const auto kept = kept_weights(precision, /*with_inverses=*/false);
  auto [eps, z, log_det, reconstruction_error, moments] = flow(kept.get(), x, precision);
  const auto top = top_->whiten(kept ? kept->top : fold_top(), checked_labels(labels, z.size(0)), z);
  eps.push_back(top.y);
  log_det = log_det + top.log_det;
  auto log_prob = log_det;
  for (const auto& level_eps : eps) log_prob = log_prob + standard_normal_log_prob(level_eps);
  const auto logits = options_.num_classes > 0 ? top_->class_logits(z) : torch::Tensor();
  return {{std::move(eps)}, log_det, log_prob, logits, reconstruction_error, std::move(moments)};
}

torch::Tensor GlowImpl::bits_per_dim(const torch::Tensor& bytes, std::int64_t draw, const torch::Tensor& labels,
                                     DequantizeOptions options) const {
  options.dtype = dtype();
  const auto x = quantizer_.dequantize(bytes.to(device()), draw, options);
  return quantizer_.bits_per_dim(evaluate(x, labels).log_prob);
}

torch::Tensor GlowImpl::log_prob(const torch::Tensor& x, const torch::Tensor& labels) const {
  return evaluate(checked_images(x), labels).log_prob;
}

Latents GlowImpl::encode(const torch::Tensor& x, const torch::Tensor& labels) const {
  return evaluate(checked_images(x), labels, HiddenPrecision::kFull).latents;
}

torch::Tensor GlowImpl::log_prob_by_class(const torch::Tensor& x) const {
  if (options_.num_classes == 0) throw ConfigError("log_prob_by_class: the model is unconditional");
  const ops::Tf32Guard exact(false, device());
  const auto kept = kept_weights(precision_, /*with_inverses=*/false);
  const auto [eps, z, log_det, reconstruction_error, moments] = flow(kept.get(), checked_images(x), precision_);
  const auto folded_top = kept ? kept->top : fold_top();
  std::vector<torch::Tensor> below, by_class;
  for (const auto& level_eps : eps) below.push_back(standard_normal_log_prob(level_eps));
  for (std::int64_t y = 0; y < options_.num_classes; ++y) {
    const auto labels = torch::full({z.size(0)}, y, torch::TensorOptions().dtype(torch::kLong).device(z.device()));
    const auto top = top_->whiten(folded_top, labels, z);
    // The order of summation in `evaluate`, so that the sums are bitwise equal.
    auto log_prob = log_det + top.log_det;
    for (const auto& level : below) log_prob = log_prob + level;
    by_class.push_back(log_prob + standard_normal_log_prob(top.y));
  }
  return at::stack(by_class, 1);
}

torch::Tensor GlowImpl::log_prob_marginal(const torch::Tensor& x) const {
  return log_prob_by_class(x).logsumexp(1) - std::log(static_cast<double>(options_.num_classes));
}

torch::Tensor GlowImpl::decode(const Latents& latents, const torch::Tensor& labels) const {
  return decode(latents, labels, HiddenPrecision::kFull);
}

torch::Tensor GlowImpl::decode(const Latents& latents, const torch::Tensor& labels, HiddenPrecision precision) const {
  const ops::Tf32Guard exact(false, device());
  const auto levels = static_cast<std::size_t>(options_.levels);
  if (latents.eps.size() != levels) {
    throw ShapeError("latents: expected " + std::to_string(levels) + " levels, got " +
                     std::to_string(latents.eps.size()));
  }
  const auto weights = weights_of_inverse(precision);
  const auto eps = [&](std::size_t l) {
    const auto shape = latent_shape(options_, static_cast<std::int64_t>(l));
    const auto& given = latents.eps[l];
    ops::check_shape(given.dim() == 4 && given.size(0) > 0 && given.size(0) == latents.eps.back().size(0) &&
                         given.size(1) == shape.channels && given.size(2) == shape.height &&
                         given.size(3) == shape.width,
                     ("latents: eps of level " + std::to_string(l) + " does not fit the model").c_str(), given);
    return given.to(device(), dtype());
  };
  const auto top_eps = eps(levels - 1);
  auto z = top_->unwhiten(weights->top, checked_labels(labels, top_eps.size(0)), top_eps);
  for (auto l = levels; l-- > 0;) {
    const auto& level = weights->levels[l];
    if (level.splits) z = at::cat({z, split_gaussian(level.split_prior, z).unwhiten(eps(l))}, 1);
    z = ops::unsqueeze(invert_layers(*level.layers, z));
  }
  return undo_preprocessing(options_.family, z);
}

torch::Tensor GlowImpl::sample_labels(std::int64_t count, const SampleOptions& options) const {
  if (options_.num_classes == 0) return {};
  std::vector<std::int64_t> labels;
  for (const auto index : sampled_indices(options, count)) {
    const auto drawn = ops::random_integers({options.seed, ops::Stream::kSampleLabel, 0}, index, 1).front();
    labels.push_back(static_cast<std::int64_t>(drawn % static_cast<std::uint64_t>(options_.num_classes)));
  }
  return torch::tensor(labels, torch::kLong);
}

Latents GlowImpl::sample_latents(std::int64_t count, const SampleOptions& options) const {
  const ops::RandomKey key{options.seed, ops::Stream::kSample, 0};
  const auto rows = ops::normal(key, sampled_indices(options, count), options_.dimensions(), tensor_options());
  auto latents = unflatten(rows, options_);
  for (std::int64_t l = 0; l < options_.levels; ++l) {
    latents.eps[static_cast<std::size_t>(l)].mul_(options.temperature.at(l, options_.levels));
  }
  return latents;
}

torch::Tensor GlowImpl::sample(std::int64_t count, const SampleOptions& options) const {
  const auto labels = options.labels.defined() ? options.labels : sample_labels(count, options);
  return decode(sample_latents(count, options), labels, precision_);
}

}  // namespace glow::nn
