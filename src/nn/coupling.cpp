#include <glow/nn/coupling.h>

#include <ATen/ATen.h>

#include <glow/ops/edge_padding.h>

namespace glow::nn {

CouplingNetImpl::CouplingNetImpl(const CouplingOptions& options) : options_(options) { reset(); }

void CouplingNetImpl::reset() {
  const auto half = options_.channels / 2;
  const auto width = options_.hidden_width;
  const auto outputs = options_.kind == ops::CouplingKind::kAffine ? options_.channels : half;
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

FoldedCouplingNet CouplingNetImpl::fold(std::int64_t height, std::int64_t width) const {
  return {conv1->fold(), conv2->fold(), conv3->fold(height, width)};
}

torch::Tensor first_layer(const FoldedCouplingNet& net, const torch::Tensor& x1) {
  // The input is thin: padding it and adding the edge plane costs next to nothing.
  const bool with_edge_plane = net.first.weight.size(1) > x1.size(1);
  return at::conv2d(ops::pad_with_edge(x1, with_edge_plane), net.first.weight, net.first.bias);
}

torch::Tensor second_layer(const FoldedCouplingNet& net, const torch::Tensor& hidden) {
  return at::conv2d(hidden.relu(), net.second.weight, net.second.bias);
}

torch::Tensor apply(const FoldedCouplingNet& net, const torch::Tensor& x1) {
  // In place, because these are the widest tensors of the model and convolutions do not need their own output.
  auto hidden = first_layer(net, x1).relu_();
  hidden = at::conv2d(hidden, net.second.weight, net.second.bias).relu_();
  return apply(net.third, hidden);
}

CouplingImpl::CouplingImpl(const CouplingOptions& options) : options_(options) { reset(); }

void CouplingImpl::reset() { net = register_module("net", CouplingNet(options_)); }

void CouplingImpl::pretty_print(std::ostream& stream) const {
  stream << "glow::nn::Coupling(" << (options_.kind == ops::CouplingKind::kAffine ? "affine" : "additive") << ", "
         << options_.channels << ")";
}

}  // namespace glow::nn
