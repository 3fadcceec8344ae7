#include "nn/stacked_parameters.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <glow/error.h>

#include "ops/views.h"

namespace glow::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A piece of memory with the shape of a parameter; channels_last if it has 4 dimensions, as in FlatParameters.
torch::Tensor shaped_like(const torch::Tensor& piece, const torch::Tensor& parameter) {
  const auto shape = parameter.sizes();
  if (shape.size() != 4) return piece.view(shape);
  return piece.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2});
}

/// The numbers of a parameter in the order of shaped_like: a view if possible.
torch::Tensor flat(const torch::Tensor& parameter) {
  return parameter.dim() == 4 ? parameter.permute({0, 2, 3, 1}).reshape(-1) : parameter.reshape(-1);
}

/// Whether the tensors follow each other in one allocation in the order of `flat`.
bool are_adjacent(const variable_list& tensors) {
  if (!tensors.front().defined()) return false;
  const auto* next = static_cast<const char*>(tensors.front().data_ptr());
  return std::ranges::all_of(tensors, [&](const torch::Tensor& tensor) {
    const bool fits =
        tensor.defined() && tensor.data_ptr() == next && tensor.is_alias_of(tensors.front()) &&
        tensor.dtype() == tensors.front().dtype() &&
        tensor.is_contiguous(tensor.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
    if (fits) next += tensor.nbytes();
    return fits;
  });
}

/// The tensors as a matrix of `rows` rows: a view of adjacent tensors, else a copy. No graph.
torch::Tensor matrix_of(const variable_list& tensors, std::int64_t rows) {
  std::int64_t count = 0;
  for (const auto& tensor : tensors) count += tensor.numel();
  if (are_adjacent(tensors)) return ops::view_at(tensors.front(), 0, {rows, count / rows});
  variable_list flats;
  for (const auto& tensor : tensors) flats.push_back(flat(tensor.detach()));
  return at::cat(flats).view({rows, -1});
}

std::vector<std::uint32_t> versions_of(const variable_list& tensors) {
  std::vector<std::uint32_t> versions;
  for (const auto& tensor : tensors) {
    versions.push_back(tensor.is_inference() ? 0 : static_cast<std::uint32_t>(tensor._version()));
  }
  return versions;
}

/// What the node knows about its parameters.
struct StackPlan : torch::CustomClassHolder {
  std::int64_t rows = 0;
  /// The columns of the first part.
  std::int64_t columns = 0;
  variable_list parameters;
  /// The parameters' versions in the forward pass. The matrix has none: it is a view that autograd does not know.
  std::vector<std::uint32_t> versions;
  /// The gradients as a matrix, if the node adds to them, else undefined.
  torch::Tensor gradients;
};

/// The parameters as two matrices.
class StackFunction : public torch::autograd::Function<StackFunction> {
 public:
  static variable_list forward(AutogradContext* context, at::TensorList /*parameters*/, const torch::Tensor& matrix,
                               const c10::intrusive_ptr<StackPlan>& plan) {
    context->saved_data["plan"] = c10::IValue::make_capsule(plan);
    context->set_materialize_grads(false);
    const auto part = [&](std::int64_t begin, std::int64_t end) {
      auto view = ops::view_at(matrix, begin, {0});
      const std::int64_t sizes[] = {plan->rows, end - begin}, strides[] = {matrix.size(1), 1};
      view.unsafeGetTensorImpl()->set_sizes_and_strides(at::IntArrayRef(sizes), at::IntArrayRef(strides));
      return view;
    };
    return {part(0, plan->columns), part(plan->columns, matrix.size(1))};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto plan = c10::static_intrusive_pointer_cast<StackPlan>(context->saved_data["plan"].toCapsule());
    const auto count = plan->parameters.size();
    if (versions_of(plan->parameters) != plan->versions) {
      throw Error("a parameter was changed between the forward and the backward pass");
    }
    variable_list result(count + 2);  // of the parameters, the matrix and the plan
    const std::int64_t begins[] = {0, plan->columns};
    if (plan->gradients.defined()) {
      for (std::size_t part = 0; part < 2; ++part) {
        const auto& gradient = gradients[part];
        if (!gradient.defined()) continue;
        const auto sum = plan->gradients.narrow(1, begins[part], gradient.size(1));
        if (sum.data_ptr() != gradient.data_ptr()) sum.add_(gradient);
      }
      return result;
    }
    std::size_t next = 0;
    for (std::int64_t row = 0; row < plan->rows; ++row) {
      std::int64_t column = 0;
      for (std::size_t i = 0; i < count / static_cast<std::size_t>(plan->rows); ++i, ++next) {
        const auto& parameter = plan->parameters[next];
        const std::size_t part = column < plan->columns ? 0 : 1;
        if (gradients[part].defined()) {
          const auto piece = gradients[part].select(0, row).narrow(0, column - begins[part], parameter.numel());
          result[next] = shaped_like(piece, parameter);
        }
        column += parameter.numel();
      }
    }
    return result;
  }
};

}  // namespace

StackedParameters::StackedParameters(const std::vector<const torch::nn::Module*>& modules, const torch::Tensor& split,
                                     bool adds_gradients) {
  const auto plan = c10::make_intrusive<StackPlan>();
  for (const auto* module : modules) {
    const auto parameters = module->parameters();
    if (of_first_module_.empty()) of_first_module_ = parameters;
    plan->parameters.insert(plan->parameters.end(), parameters.begin(), parameters.end());
  }
  plan->rows = static_cast<std::int64_t>(modules.size());
  for (const auto& parameter : of_first_module_) {
    if (parameter.is_same(split)) break;
    plan->columns += parameter.numel();
  }
  plan->versions = versions_of(plan->parameters);
  const auto matrix = matrix_of(plan->parameters, plan->rows);
  if (adds_gradients) {
    variable_list gradients;
    bool all = true;
    for (const auto& parameter : plan->parameters) {
      gradients.push_back(parameter.grad());
      all = all && parameter.requires_grad();
    }
    if (all && are_adjacent(gradients)) plan->gradients = matrix_of(gradients, plan->rows);
  }
  if (plan->gradients.defined()) {
    second_gradient_ = plan->gradients.narrow(1, plan->columns, matrix.size(1) - plan->columns);
  }
  const auto parts = StackFunction::apply(at::TensorList(plan->parameters), matrix, plan);
  first_ = parts[0];
  second_ = parts[1];
}

torch::Tensor StackedParameters::all(const torch::Tensor& parameter) const {
  std::int64_t column = 0;
  for (const auto& each : of_first_module_) {
    if (each.is_same(parameter)) {
      const auto part = first_.narrow(1, column, parameter.numel());
      auto shape = parameter.sizes().vec();
      shape.insert(shape.begin(), first_.size(0));
      return part.reshape(shape);
    }
    column += each.numel();
  }
  throw Error("stacked parameters: not a parameter of the first module");
}

}  // namespace glow::nn
