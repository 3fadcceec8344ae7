#include "train/gradient_sum.h"

#include <chrono>
#include <utility>

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <glow/error.h>

namespace glow::train {

using torch::autograd::variable_list;

namespace {

/// The function that a model's batch norms sum with, and the GradientSum that set it.
struct SumOfBatchNorms {
  std::shared_ptr<distributed::Communicator> processes;
  const GradientSum* owner;
  void operator()(const torch::Tensor& tensor) const { processes->sum(tensor); }
};

}  // namespace

GradientSum::GradientSum(nn::Glow model, std::shared_ptr<distributed::Communicator> processes, std::int64_t slice_bytes,
                         bool during_backward)
    : model_(std::move(model)), processes_(std::move(processes)) {
  model_->set_sum_over_processes(SumOfBatchNorms{processes_, this});
  const auto gradients = model_->flat_parameters().gradients();
  const auto parameters = model_->parameters();
  const auto slice_size = slice_bytes / static_cast<std::int64_t>(gradients.element_size());
  auto begin = gradients.numel(), end = begin;
  slices_.emplace_back();
  for (auto parameter = parameters.rbegin(); parameter != parameters.rend(); ++parameter) {
    begin -= parameter->numel();
    auto& slice = slices_.back();
    if (during_backward && parameter->requires_grad()) {
      ++slice.parameters;
      auto node = torch::autograd::impl::grad_accumulator(*parameter);
      const auto hook = node->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
          [this, index = slices_.size() - 1](const variable_list& outputs, const variable_list&) {
            arrived(index);
            return outputs;
          }));
      accumulators_.push_back({std::move(node), hook});
    }
    if (end - begin < slice_size && begin > 0) continue;
    slice.gradients = gradients.narrow(0, begin, end - begin);
    end = begin;
    if (begin > 0) slices_.emplace_back();
  }
}

GradientSum::~GradientSum() {
  for (const auto& accumulator : accumulators_) accumulator.node->del_post_hook(accumulator.hook);
  // The model may have a newer GradientSum already: leave that one's function alone.
  const auto* sum = model_->sum_over_processes().target<SumOfBatchNorms>();
  if (sum != nullptr && sum->owner == this) model_->set_sum_over_processes(nullptr);
}

void GradientSum::expect() {
  expects_ = true;
  for (auto& slice : slices_) slice.missing = slice.parameters;
}

void GradientSum::arrived(std::size_t slice) {
  if (!expects_) return;
  if (slice < started_.size()) throw Error("gradients: one arrived after its sum had begun");
  --slices_[slice].missing;
  while (started_.size() < slices_.size() && slices_[started_.size()].missing == 0) start_next();
}

void GradientSum::start_next() { started_.push_back(processes_->start_sum(slices_[started_.size()].gradients)); }

void GradientSum::finish() {
  expects_ = false;
  for (auto& slice : slices_) slice.parameters -= slice.missing;
  const auto start = std::chrono::steady_clock::now();
  while (started_.size() < slices_.size()) start_next();
  for (const auto& wait : std::exchange(started_, {})) wait();
  seconds_waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace glow::train
