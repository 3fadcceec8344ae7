#include <glow/train/trainer.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <glow/distributed/communicator.h>
#include <glow/error.h>
#include <glow/ops/random.h>
#include <glow/shard.h>
#include <glow/train/step_report.h>

#include "ops/all_finite.h"
#include "ops/pixel_product.h"
#include "train/gradient_sum.h"
#include "train/step_graph.h"

namespace glow::train {
namespace {

/// Scalar tensors on one device.
using StepTensors = StepNumbers<torch::Tensor>;

/// The numbers of an empty batch, on the device of a model whose parameters have these options.
StepTensors no_numbers(const torch::TensorOptions& parameters) {
  StepTensors numbers;
  visit_numbers(numbers, [&](torch::Tensor& number, Combine how) {
    number = torch::full({}, how == Combine::kLargest ? kNothingRebuilt : 0, parameters);
  });
  return numbers;
}

/// Computes the numbers of the whole batch from those of each process, with one message; `stops` counts
/// Communicator::stop_asked. The input `gradient_norm` is that of a part of the gradient, different for each process;
/// the output is that of the whole gradient.
StepTensors combined(const StepTensors& numbers, distributed::Communicator& processes) {
  const auto rank = processes.rank(), size = processes.size();
  auto result = numbers;
  result.stops = torch::full_like(numbers.stops, processes.stop_asked() ? 1 : 0);
  std::int64_t sums = 0, others = 0;
  visit_numbers(result, [&](torch::Tensor&, Combine how) { ++(how == Combine::kSum ? sums : others); });
  // The sums come first. For a norm or a maximum each process fills an element of its own, and all processes then
  // combine these elements in the same way: a maximum computed by the all-reduce could lose a NaN, and then processes
  // could disagree on whether the step counts.
  const auto message = at::zeros({sums + others * size}, numbers.bits_per_dim.options());
  std::int64_t sum = 0, other = sums;
  visit_numbers(result, [&](torch::Tensor& number, Combine how) {
    auto place = message[how == Combine::kSum ? sum++ : other + rank];
    place.copy_(number);
    if (how == Combine::kSum) {
      number = place;
    } else {
      number = message.narrow(0, other, size);
      other += size;
    }
  });
  processes.sum(message);
  visit_numbers(result, [&](torch::Tensor& number, Combine how) {
    if (how == Combine::kNorm) number = number.norm();
    if (how == Combine::kLargest) number = number.max();
  });
  return result;
}

/// The numbers as one tensor, so that one copy brings them to the host.
torch::Tensor packed(const StepTensors& numbers) {
  std::vector<torch::Tensor> all;
  visit_numbers(numbers, [&](const torch::Tensor& number, Combine) { all.push_back(number); });
  return at::stack(all);
}

/// The inverse of packed, on the host; waits for the device.
StepNumbers<double> unpacked(const torch::Tensor& packed) {
  const auto on_host = packed.to(torch::kCPU, torch::kDouble);
  const auto* next = on_host.data_ptr<double>();
  StepNumbers<double> numbers;
  visit_numbers(numbers, [&](double& number, Combine) { number = *next++; });
  return numbers;
}

/// Large enough that the cost of starting a sum is small, small enough that a large model has several slices.
constexpr std::int64_t kSliceBytes = 8 << 20;

StateOptions state_options(const TrainOptions& options, const Schedule& schedule) {
  return {.batch = options.batch,
          .seed = options.seed,
          .optimizer = options.optimizer,
          .beta2 = schedule.beta2(),
          .ema_decay = schedule.ema_decay()};
}

nn::Glow prepared(nn::Glow model, const TrainOptions& options,
                  const std::shared_ptr<distributed::Communicator>& processes) {
  Trainer::check(model, options, processes->size());
  model->require_initialized();
  model->train();
  model->set_memory_policy(options.memory);
  model->set_training_data(std::nullopt);
  return model;
}

/// Puts a model into training mode, with its gradients added to the flat buffer; at the end of a scope, restores its
/// previous mode.
class TrainingMode {
 public:
  explicit TrainingMode(nn::GlowImpl& model)
      : model_(model), was_training_(model.is_training()), added_gradients_(model.adds_gradients()) {
    if (!was_training_) model_.train();
    model_.set_adds_gradients(true);
  }
  TrainingMode(const TrainingMode&) = delete;
  TrainingMode& operator=(const TrainingMode&) = delete;
  ~TrainingMode() {
    model_.set_adds_gradients(added_gradients_);
    if (!was_training_) model_.eval();
  }

 private:
  nn::GlowImpl& model_;
  bool was_training_;
  bool added_gradients_;
};

}  // namespace

double largest_reconstruction_error(torch::Dtype dtype, nn::HiddenPrecision precision) {
  if (precision == nn::HiddenPrecision::kBf16) return 0.1;
  if (precision == nn::HiddenPrecision::kTf32) return 2e-2;
  return dtype == torch::kDouble ? 1e-9 : 1e-3;
}

void Trainer::check(const nn::Glow& model, const TrainOptions& options, std::int64_t processes) {
  options.validate();
  if (options.weight_y > 0 && model->options().num_classes == 0) {
    throw ConfigError("weight_y", "the model is unconditional and has no classifier");
  }
  if (options.accumulate > 1 && nn::normalizes_by_batch(model->options())) {
    throw ConfigError("accumulate", "expected 1 for a " + to_string(model->options().family) +
                                        ", whose batch norms need the whole batch, got " +
                                        std::to_string(options.accumulate));
  }
  // Number of images of the smallest shard.
  const auto images = options.batch / processes;
  if (images < 1) {
    throw ConfigError("batch", "expected at least an image for each of the " + std::to_string(processes) +
                                   " processes, got " + std::to_string(options.batch));
  }
  if (images < options.accumulate) {
    throw ConfigError("accumulate", "expected at most the number of images of a step in a process, " +
                                        std::to_string(images) + ", got " + std::to_string(options.accumulate));
  }
}

std::string why_no_cuda_graph(const nn::GlowOptions& model, const TrainOptions& options, torch::Device device,
                              std::int64_t processes) {
  if (!device.is_cuda()) return "the device is the CPU";
  if (!options.cuda_graph) return "switched off";
  if (options.memory == nn::MemoryPolicy::kReversible) return "memory reversible waits for the device";
  if (processes > 1 && nn::normalizes_by_batch(model)) return "batch norms sum over the processes";
  return "";
}

Trainer::Trainer(nn::Glow model, const TrainOptions& options, std::shared_ptr<distributed::Communicator> processes)
    : Trainer(std::move(model), options, std::move(processes), c10::InferenceMode(false)) {}

Trainer::Trainer(nn::Glow model, const TrainOptions& options, std::shared_ptr<distributed::Communicator> processes,
                 const c10::InferenceMode& /*ordinary_tensors*/)
    : model_(prepared(std::move(model), options, processes)),
      processes_(std::move(processes)),
      options_(options),
      schedule_(options, model_->options().height, model_->options().width),
      state_(initial_state(model_->flat_parameters().values())),
      gradients_(model_->flat_parameters().gradients()),
      optimizer_(options.optimizer, schedule_.beta2(), schedule_.ema_decay(), state_.parameters.options()),
      captures_(why_no_cuda_graph(model_->options(), options, model_->device(), processes_->size()).empty()),
      moves_(model_->flat_parameters().moves()) {
  state_.options = state_options(options_, schedule_);
  state_.warmup_epochs = schedule_.warmup_epochs();
  sum_gradients();
}

Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;
Trainer::~Trainer() = default;

void Trainer::attach() {
  auto& flat = model_->flat_parameters();
  const auto& values = flat.values();
  const auto& moment = state_.first_moment;
  if (values.scalar_type() != moment.scalar_type() || values.device() != moment.device()) {
    throw ConfigError(std::string("trainer: the model was in ") + c10::toString(moment.scalar_type()) + " on " +
                      moment.device().str() + " and is now in " + c10::toString(values.scalar_type()) + " on " +
                      values.device().str() + "; move it back, or make another trainer");
  }
  gradients_ = flat.gradients();
  if (std::exchange(moves_, flat.moves()) == flat.moves()) return;
  // The graph contains addresses of parameters, and the gradient sum has hooks on their autograd nodes. Both refer to
  // the old memory.
  state_.parameters = values;
  graph_ = nullptr;
  sum_gradients();
}

void Trainer::sum_gradients() {
  if (processes_->size() == 1) return;
  seconds_waited_ = seconds_waited();
  gradient_sum_ = nullptr;
  gradient_sum_ = std::make_unique<GradientSum>(model_, processes_, kSliceBytes, /*during_backward=*/!captures_);
}

StepReport Trainer::step(const torch::Tensor& bytes, const torch::Tensor& labels, std::int64_t batch) {
  const c10::InferenceMode with_autograd(false);
  const TrainingMode training_mode(*model_);
  attach();
  if (bytes.size(0) < options_.accumulate) {
    throw ConfigError("accumulate", "expected at most the images of a process, " + std::to_string(bytes.size(0)) +
                                        ", got " + std::to_string(options_.accumulate));
  }
  if (batch == 0 && processes_->size() > 1)
    throw ConfigError("batch", "expected the number of images of all processes, got 0");
  StepReport report;
  report.step = state_.step + 1;
  report.learning_rate = learning_rate(state_.step);
  const auto images = batch > 0 ? batch : bytes.size(0);
  const auto first = processes_->shard().begin(images);
  set_input({.bytes = bytes,
             .noise_rows = nn::Quantizer::noise_rows(bytes.size(0), report.step,
                                                     {.seed = options_.seed,
                                                      .stream = ops::Stream::kTrainingNoise,
                                                      .indices = index_range(first, first + bytes.size(0))}),
             .labels = labels,
             .batch = images,
             .precision = model_->hidden_precision()});
  StepNumbers<double>& numbers = report;
  numbers = run(report.learning_rate);
  // A NaN is too large an error as well. But when the loss is not finite, rebuilding is not the cause.
  const auto error = report.reconstruction_error;
  if (report.has_rebuilt() && !(error <= largest_error()) && std::isfinite(report.bits_per_dim)) {
    fall_back();
    numbers = run(report.learning_rate);
    report.fell_back = true;
    report.reconstruction_error = error;
  }
  // A class loss that is not finite makes the gradient not finite.
  report.skipped = !std::isfinite(report.bits_per_dim) || !std::isfinite(report.gradient_norm);
  report.stop_asked = report.stops > 0;
  report.capture_failure = std::exchange(capture_failure_, "");
  count(report.skipped);
  return report;
}

StepReport Trainer::spoiled_step(const torch::Tensor& bytes, const torch::Tensor& labels, std::int64_t batch) {
  is_spoiled_ = true;
  const StepReport report = step(bytes, labels, batch);
  is_spoiled_ = false;
  return report;
}

void Trainer::forget_skipped_step() {
  --state_.step;
  --state_.skipped;
  --state_.skipped_in_a_row;
}

void Trainer::count(bool skipped) {
  is_updating_ = false;
  ++state_.step;
  state_.skipped += skipped ? 1 : 0;
  state_.skipped_in_a_row = skipped ? state_.skipped_in_a_row + 1 : 0;
}

void Trainer::set_best(double bits_per_dim, std::int64_t step) {
  state_.best_bits_per_dim = bits_per_dim;
  state_.best_step = step;
}

double Trainer::learning_rate(std::int64_t step) const {
  return std::ldexp(schedule_.learning_rate(step), -static_cast<int>(state_.rollbacks));
}

std::string Trainer::first_not_finite() const {
  const torch::NoGradGuard no_grad;
  if (!input_.bytes.defined()) return "";
  const TrainingMode training_mode(*model_.ptr());
  const auto x = model_->quantizer().dequantize(input_.bytes, input_.noise_rows, model_->dtype());
  if (const auto layer = model_->first_not_finite(x, input_.labels)) return *layer;
  const auto parameters = model_->named_parameters().items();
  const auto found = std::find_if(parameters.rbegin(), parameters.rend(), [](const auto& parameter) {
    const auto& gradient = parameter.value().grad();
    return gradient.defined() && !ops::all_finite(gradient);
  });
  if (found != parameters.rend()) return "the gradient of " + found->key();
  // The sum of finite squares may overflow.
  const bool overflows = gradients_.defined() && !flat_norm(gradients_).isfinite().item<bool>();
  return overflows ? "the gradient's norm" : "";
}

void Trainer::fall_back() {
  model_->set_memory_policy(nn::MemoryPolicy::kRecompute);
  state_.fell_back = true;
}

void Trainer::set_input(const Input& input) {
  const auto fits = [](const torch::Tensor& own, const torch::Tensor& given) {
    return own.defined() == given.defined() &&
           (!own.defined() || (own.sizes() == given.sizes() && own.scalar_type() == given.scalar_type()));
  };
  // Here, because the model cannot check labels on a GPU without waiting for it.
  model_->require_labels(input.labels, input.bytes.size(0));
  if (graph_ && fits(input_.bytes, input.bytes) && fits(input_.labels, input.labels) && input_.batch == input.batch &&
      input_.precision == input.precision) {
    // A graph reads its input from the addresses at its capture.
    input_.bytes.copy_(input.bytes, /*non_blocking=*/true);
    input_.noise_rows.copy_(input.noise_rows, /*non_blocking=*/true);
    if (input.labels.defined()) input_.labels.copy_(input.labels, /*non_blocking=*/true);
    return;
  }
  graph_ = nullptr;
  input_ = input;
  // With a graph the next batch is written into these tensors, so that they must not be the caller's. Tensors made
  // under InferenceMode cannot be saved for the backward pass.
  const auto on_device = [&](const torch::Tensor& tensor, bool copies) {
    return tensor.to(model_->device(), tensor.scalar_type(), /*non_blocking=*/true, copies);
  };
  input_.bytes = on_device(input.bytes, captures_);
  input_.noise_rows = on_device(input.noise_rows, false);
  if (input.labels.defined()) input_.labels = on_device(input.labels, captures_ || input.labels.is_inference());
}

StepNumbers<double> Trainer::run(double learning_rate) {
  const ops::Tf32Guard exact(false, model_->device());
  if (captures_) {
    if (!recorder_) recorder_ = cuda_recorder(model_->device());
    if (!graph_) graph_ = std::make_shared<StepGraph>(recorder_);
    graph_->run([this] { compute_gradients(); });
    if (!graph_->failure().empty()) stop_capturing();
  } else {
    compute_gradients();
  }
  update(learning_rate);
  // The one place where the host waits for the device.
  const auto numbers = unpacked(numbers_);
  processes_->check();
  return numbers;
}

void Trainer::capture_with(std::shared_ptr<Recorder> recorder) {
  graph_ = nullptr;
  recorder_ = std::move(recorder);
  captures_ = recorder_ != nullptr;
  sum_gradients();
}

void Trainer::stop_capturing() {
  capture_failure_ = graph_->failure();
  // The step goes on with another GradientSum than it began with, which sums everything in `finish`.
  capture_with(nullptr);
}

void Trainer::compute_gradients() {
  gradients_.zero_();
  own_numbers_ = no_numbers(state_.parameters.options());
  for (std::int64_t part = 0; part < options_.accumulate; ++part) {
    if (gradient_sum_ && part == options_.accumulate - 1) gradient_sum_->expect();
    moments_.batch_moments = compute_part({part, options_.accumulate}, own_numbers_);
  }
}

void Trainer::update(double learning_rate) {
  const torch::NoGradGuard no_grad;
  if (gradient_sum_) gradient_sum_->finish();
  auto numbers = own_numbers_;
  const auto part = processes_->shard();
  numbers.gradient_norm =
      flat_norm(gradients_.narrow(0, part.begin(gradients_.numel()), part.size(gradients_.numel())));
  if (is_spoiled_) numbers.bits_per_dim = at::full_like(numbers.bits_per_dim, std::nan(""));
  if (processes_->size() > 1) {
    const auto start = std::chrono::steady_clock::now();
    numbers = combined(numbers, *processes_);
    seconds_waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  numbers_ = packed(numbers);
  if (options_.clip_norm > 0) clip_norm(gradients_, numbers.gradient_norm, options_.clip_norm);
  // le is false for a NaN.
  const auto is_rebuilt_well = numbers.reconstruction_error.le(largest_error());
  const auto wanted =
      numbers.gradient_norm.isfinite().logical_and(numbers.bits_per_dim.isfinite()).logical_and(is_rebuilt_well);
  is_updating_ = true;
  model_->update_batch_norms(moments_, wanted);
  optimizer_.apply(state_, gradients_, wanted, learning_rate);
}

std::vector<nn::ChannelMoments> Trainer::compute_part(const Shard& part, StepTensors& numbers) {
  const torch::AutoGradMode with_graph(true);
  const auto of_part = [&](const torch::Tensor& tensor) {
    const auto count = input_.bytes.size(0);
    return tensor.defined() ? tensor.narrow(0, part.begin(count), part.size(count)) : tensor;
  };
  const auto labels = of_part(input_.labels);
  const auto x = model_->quantizer().dequantize(of_part(input_.bytes), of_part(input_.noise_rows), model_->dtype());
  const auto encoding = model_->evaluate(x, labels);
  const auto batch = static_cast<double>(input_.batch);
  const auto bits = model_->quantizer().bits_per_dim(encoding.log_prob).sum() / batch;
  const auto label_bits = class_bits(encoding.class_logits, labels) / batch;
  (bits + options_.weight_y * label_bits).backward();
  const torch::NoGradGuard no_grad;
  numbers.bits_per_dim = numbers.bits_per_dim + bits.detach();
  numbers.class_bits = numbers.class_bits + label_bits.detach();
  if (encoding.reconstruction_error.defined()) {
    numbers.reconstruction_error = at::maximum(numbers.reconstruction_error, encoding.reconstruction_error);
  }
  return encoding.batch_moments;
}

double Trainer::largest_error() const {
  return largest_reconstruction_error(model_->dtype(), model_->hidden_precision());
}

torch::Tensor Trainer::class_bits(const torch::Tensor& logits, const torch::Tensor& labels) const {
  if (options_.weight_y == 0) return torch::zeros({}, state_.parameters.options());
  return at::cross_entropy_loss(logits, labels, /*weight=*/{}, at::Reduction::Sum) / std::numbers::ln2;
}

nn::Glow Trainer::averaged_model() {
  const c10::InferenceMode ordinary_tensors(false);
  const torch::NoGradGuard no_grad;
  attach();
  nn::Glow averaged(std::dynamic_pointer_cast<nn::GlowImpl>(model_->clone()));
  averaged->eval();
  averaged->flat_parameters().values().copy_(optimizer_.averaged_parameters(state_));
  return averaged;
}

TrainingState& Trainer::refreshed_state() {
  attach();
  state_.buffers.clear();
  for (const auto& item : model_->named_buffers()) state_.buffers.emplace(item.key(), item.value());
  return state_;
}

const TrainingState& Trainer::state() { return refreshed_state(); }

void Trainer::restore(const TrainingState& state) {
  require_possible(state);
  if (state.options) require_same(*state.options, *state_.options);
  assign(refreshed_state(), state);
  state_replaced();
}

void Trainer::broadcast_state() {
  if (processes_->size() == 1) return;
  broadcast(refreshed_state(), *processes_);
  state_replaced();
}

void Trainer::state_replaced() {
  is_updating_ = false;
  aligned_at_ = state_.step;
  auto scheduled = options_;
  if (options_.warmup_epochs < 0) scheduled.warmup_epochs = state_.warmup_epochs;
  schedule_ = Schedule(scheduled, model_->options().height, model_->options().width);
  state_.warmup_epochs = schedule_.warmup_epochs();
  model_->set_memory_policy(options_.memory);
  const bool fell_back = std::exchange(state_.fell_back, false);
  if (fell_back && options_.memory == nn::MemoryPolicy::kReversible) fall_back();
}

bool Trainer::resync_replicas() {
  if (processes_->size() == 1) return false;
  const torch::NoGradGuard no_grad;
  attach();
  // A checksum of each process's weights: the sum of their bits as integers.
  const auto& weights = state_.parameters;
  const bool is_double = weights.scalar_type() == torch::kDouble;
  const auto checksums = torch::zeros({processes_->size()}, torch::kLong);
  checksums[processes_->rank()] = weights.view(is_double ? torch::kLong : torch::kInt).sum(torch::kLong).cpu();
  processes_->sum(checksums);
  const auto steps = state_.step - std::exchange(aligned_at_, state_.step);
  if (checksums.eq(checksums[0]).all().item<bool>()) return false;
  const auto before = weights.clone();
  broadcast_state();
  // All processes add the same gradients, so that their rounding errors are independent: the difference grows like a
  // random walk, with the square root of the number of steps.
  constexpr double kRoundings = 64;
  const auto epsilon =
      is_double ? std::numeric_limits<double>::epsilon() : double{std::numeric_limits<float>::epsilon()};
  const auto bound = kRoundings * epsilon * std::sqrt(1.0 + static_cast<double>(steps)) * weights.abs().max();
  const auto is_far = torch::zeros({processes_->size()}, torch::kLong);
  // A NaN is a large difference too: no comparison with it is true.
  is_far[processes_->rank()] = (weights - before).abs().max().le(bound).logical_not().to(torch::kLong).cpu();
  processes_->sum(is_far);
  const auto far = is_far.nonzero();
  if (far.numel() == 0) return true;
  throw Error("after step " + std::to_string(state_.step) + " rank " + std::to_string(far[0].item<std::int64_t>()) +
              " has other weights than rank 0");
}

double Trainer::seconds_waited() const {
  return seconds_waited_ + (gradient_sum_ ? gradient_sum_->seconds_waited() : 0);
}

}  // namespace glow::train
