#include "compat/linear_pointwise.h"

#include <stdexcept>

#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

namespace glow::compat {

#if TORCH_VERSION_MAJOR >= 2

namespace {

using Signature = torch::Tensor(const torch::Tensor&, const torch::Tensor&, const std::optional<torch::Tensor>&,
                                std::string_view, c10::List<std::optional<at::Scalar>>,
                                std::optional<std::string_view>);

/// The operator, looked up once; nullopt in a build without it.
const std::optional<c10::TypedOperatorHandle<Signature>>& find_operator() {
  static const auto found = []() -> std::optional<c10::TypedOperatorHandle<Signature>> {
    const auto handle = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!handle || !handle->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return std::nullopt;
    return handle->typed<Signature>();
  }();
  return found;
}

}  // namespace

bool has_linear_pointwise(const torch::Tensor& rows) {
  const bool fits = rows.scalar_type() == torch::kFloat || rows.scalar_type() == torch::kBFloat16;
  return rows.is_cpu() && fits && at::globalContext().userEnabledMkldnn() && find_operator().has_value();
}

torch::Tensor linear_pointwise(const torch::Tensor& rows, const torch::Tensor& weight, const torch::Tensor& bias,
                               Activation activation) {
  const auto given_bias = bias.defined() ? std::optional(bias) : std::nullopt;
  return find_operator()->call(rows, weight, given_bias, activation == Activation::kRelu ? "relu" : "none",
                               c10::List<std::optional<at::Scalar>>(), "");
}

#else

bool has_linear_pointwise(const torch::Tensor&) { return false; }

torch::Tensor linear_pointwise(const torch::Tensor&, const torch::Tensor&, const torch::Tensor&, Activation) {
  throw std::logic_error("this LibTorch has no linear_pointwise");
}

#endif

}  // namespace glow::compat
