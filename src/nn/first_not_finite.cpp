#include <optional>
#include <string>

#include <ATen/ATen.h>

#include <glow/nn/glow.h>

#include "nn/step.h"
#include "ops/all_finite.h"

namespace glow::nn {
namespace {

/// Finds the first part with a result that is not finite.
class FirstNotFinite final : public PartVisitor {
 public:
  explicit FirstNotFinite(torch::Tensor images) : z_(std::move(images)) {}

  void result(const std::string& name, const Function& result) override {
    const auto value = found_ ? torch::Tensor() : result(z_);
    if (value.defined() && !ops::all_finite(value)) found_ = name;
  }
  void advance(const Function& next) override {
    if (!found_) z_ = next(z_);
  }

  const std::optional<std::string>& found() const { return found_; }

 private:
  torch::Tensor z_;
  std::optional<std::string> found_;
};

}  // namespace

std::optional<std::string> GlowImpl::first_not_finite(const torch::Tensor& x, const torch::Tensor& labels) const {
  const torch::NoGradGuard no_grad;
  checked_labels(labels, x.size(0));
  FirstNotFinite first(to_model(x));
  visit(first, labels, /*by_batch=*/is_training());
  return first.found();
}

}  // namespace glow::nn
