#include "nn/coupling.h"

#include <utility>

#include <ATen/ATen.h>

#include "nn/convolution.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"

namespace glow::nn {

namespace {

/// 0, or NaN if a weight of the hidden layers is not finite. Added to the last bias because fused ReLUs map NaN to 0:
/// without it, the density of a model with broken weights could be finite.
torch::Tensor zero_if_finite(const FoldedCouplingNet& net) {
  const torch::NoGradGuard no_grad;
  return (net.first.weight.sum() + net.first.bias.sum() + net.second.weight.sum() + net.second.bias.sum()) * 0;
}

}  // namespace

FoldedCouplingNet fold(const ScaledCouplingNet& net, HiddenPrecision precision) {
  FoldedCouplingNet folded{fold_gathering(net.first), fold_gathering(net.second),
                           fold_summing(net.third, net.second.weight.size(0)), precision == HiddenPrecision::kTf32};
  folded.third.bias = folded.third.bias + zero_if_finite(folded);
  if (precision == HiddenPrecision::kBf16) {
    for (auto* tensor :
         {&folded.first.weight, &folded.first.bias, &folded.second.weight, &folded.second.bias, &folded.third.weight}) {
      *tensor = tensor->to(torch::kBFloat16);
    }
  }
  return folded;
}

ScaledCouplingNet fold_backward(const ScaledCouplingNet& net, FoldedCouplingNet gradient) {
  return {fold_gathering_backward(net.first, std::move(gradient.first)),
          fold_gathering_backward(net.second, std::move(gradient.second)),
          fold_summing_backward(net.third, std::move(gradient.third))};
}

CouplingNetImpl::CouplingNetImpl(const CouplingOptions& options) : options_(options) { reset(); }

void CouplingNetImpl::reset() {
  const auto half = options_.channels / 2;
  const auto width = options_.hidden_width;
  const auto outputs = ops::coupling_outputs(options_.kind, options_.channels);
  conv1 = register_module("conv1", ActNormConv(half + (options_.edge_bias ? 1 : 0), width, 3));
  conv2 = register_module("conv2", ActNormConv(width, width, 1));
  conv3 = register_module("conv3", ZeroConv(width, outputs, options_.edge_bias));
}

void CouplingNetImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::CouplingNet(" << options_.channels / 2 << ", width " << options_.hidden_width << ")";
}

void CouplingNetImpl::draw(WeightSource& source) {
  conv1->draw(source);
  conv2->draw(source);
}

torch::Tensor first_layer(const FoldedCouplingNet& net, const torch::Tensor& x1) {
  const auto& [weight, bias, outside] = net.first;
  const bool with_edge_plane = weight.size(1) > 9 * x1.size(1);
  return ops::pixel_product(ops::extract_patches(x1, with_edge_plane, weight.scalar_type()), weight, bias);
}

torch::Tensor second_layer(const FoldedCouplingNet& net, const torch::Tensor& hidden) {
  return ops::pixel_product(hidden.relu(), net.second.weight, net.second.bias);
}

torch::Tensor apply(const FoldedCouplingNet& net, const torch::Tensor& x1) {
  const ops::Tf32Guard guard(net.tf32);
  return apply(net.third, second_layer(net, first_layer(net, x1)).relu());
}

CouplingImpl::CouplingImpl(const CouplingOptions& options) : options_(options) { reset(); }

void CouplingImpl::reset() { net = register_module("net", CouplingNet(options_)); }

void CouplingImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::Coupling(" << to_string(options_.kind) << ", " << options_.channels << ")";
}

}  // namespace glow::nn
