#pragma once

#include <map>
#include <numbers>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/nn/glow.h>

namespace glow::testing {

/// Glow as defined in the paper: the layers in order on the whole tensor, without folding or caching. It gives the
/// expected results of the library's fast path. Reads the model's weights by their names, in the model's dtype.
class PlainGlow {
 public:
  struct Result {
    std::vector<torch::Tensor> eps;
    torch::Tensor log_det;
    torch::Tensor log_prob;
    torch::Tensor class_logits;
    /// The output of every actnorm, by the actnorm's name.
    std::map<std::string, torch::Tensor> actnorm_outputs;
  };

  explicit PlainGlow(const nn::Glow& model) : options_(model->options()) {
    for (const auto& item : model->named_parameters()) weights_[item.key()] = item.value().detach();
    for (const auto& item : model->named_buffers()) weights_[item.key()] = item.value();
  }

  Result operator()(const torch::Tensor& x, const torch::Tensor& labels = {}) {
    result_ = {};
    result_.log_det = torch::zeros({x.size(0)}, x.options());
    auto z = x;
    for (std::int64_t level = 0; level < options_.levels; ++level) {
      z = at::pixel_unshuffle(z, 2);
      for (std::int64_t k = 0; k < options_.depth; ++k) {
        z = step(z, "levels." + std::to_string(level) + ".steps." + std::to_string(k));
      }
      if (level == options_.levels - 1) continue;
      const auto halves = z.chunk(2, 1);
      whiten(halves[1], zero_conv(halves[0], "levels." + std::to_string(level) + ".split.prior"));
      z = halves[0];
    }
    whiten(z, top(z, labels));
    if (options_.num_classes > 0) result_.class_logits = zero_linear(z.mean({2, 3}), "top.classifier");
    result_.log_prob = result_.log_det;
    for (const auto& eps : result_.eps) {
      result_.log_prob = result_.log_prob - (eps.square() + std::log(2 * std::numbers::pi)).sum({1, 2, 3}) / 2;
    }
    return result_;
  }

 private:
  torch::Tensor weight(const std::string& name) const { return weights_.at(name); }
  torch::Tensor over_channels(const std::string& name) const { return weight(name).view({1, -1, 1, 1}); }

  torch::Tensor actnorm(const torch::Tensor& x, const std::string& name) {
    const auto y = (x + over_channels(name + ".bias")) * (3 * over_channels(name + ".log_scale")).exp();
    result_.actnorm_outputs[name] = y;
    return y;
  }

  torch::Tensor conv3x3(const torch::Tensor& x, const torch::Tensor& weight) const {
    auto padded = at::constant_pad_nd(x, {1, 1, 1, 1});
    if (options_.edge_bias) {
      const auto inside = torch::zeros({x.size(0), 1, x.size(2), x.size(3)}, x.options());
      padded = at::cat({padded, at::constant_pad_nd(inside, {1, 1, 1, 1}, 1)}, 1);
    }
    return at::conv2d(padded, weight);
  }

  torch::Tensor zero_conv(const torch::Tensor& x, const std::string& name) const {
    return (conv3x3(x, weight(name + ".weight")) + over_channels(name + ".bias")) *
           (3 * over_channels(name + ".log_scale")).exp();
  }

  torch::Tensor zero_linear(const torch::Tensor& x, const std::string& name) const {
    return (x.matmul(weight(name + ".weight").t()) + weight(name + ".bias")) * (3 * weight(name + ".log_scale")).exp();
  }

  /// W in y = W x.
  torch::Tensor permutation(const std::string& name) const {
    if (options_.permutation == nn::PermutationKind::kConv1x1) return weight(name + ".weight");
    const auto indices = weight(name + ".indices");
    const auto identity = torch::eye(indices.size(0), weights_.at("levels.0.steps.0.actnorm.bias").options());
    const auto rows = at::one_hot(indices, indices.size(0)).to(identity.scalar_type());
    if (options_.permutation != nn::PermutationKind::kLU) return rows;
    const auto diagonal = weight(name + ".sign_diagonal") * weight(name + ".log_diagonal").exp();
    return rows.matmul(weight(name + ".lower").tril(-1) + identity)
        .matmul(weight(name + ".upper").triu(1) + diagonal.diag());
  }

  torch::Tensor step(const torch::Tensor& x, const std::string& name) {
    const auto pixels = static_cast<double>(x.size(2) * x.size(3));
    auto y = actnorm(x, name + ".actnorm");
    const auto matrix = permutation(name + ".permutation");
    y = at::einsum("oc,nchw->nohw", {matrix, y});
    const auto log_det = std::get<1>(at::linalg_slogdet(matrix.to(torch::kDouble)));
    result_.log_det = result_.log_det + pixels * (log_det + 3 * weight(name + ".actnorm.log_scale").sum());
    return coupling(y, name + ".coupling.net");
  }

  torch::Tensor coupling(const torch::Tensor& x, const std::string& net) {
    const auto halves = x.chunk(2, 1);
    auto h = actnorm(conv3x3(halves[0], weight(net + ".conv1.weight")), net + ".conv1.actnorm").relu();
    h = actnorm(at::conv2d(h, weight(net + ".conv2.weight")), net + ".conv2.actnorm").relu();
    h = zero_conv(h, net + ".conv3");
    if (options_.coupling == nn::CouplingKind::kAdditive) return at::cat({halves[0], halves[1] + h}, 1);
    const auto shift_and_r = h.chunk(2, 1);
    const auto scale = (shift_and_r[1] + 2).sigmoid();
    result_.log_det = result_.log_det + scale.log().sum({1, 2, 3});
    return at::cat({halves[0], (halves[1] + shift_and_r[0]) * scale}, 1);
  }

  /// [mean | log_sd] of the top latent.
  torch::Tensor top(const torch::Tensor& z, const torch::Tensor& labels) const {
    auto prior = torch::zeros({z.size(0), 2 * z.size(1), z.size(2), z.size(3)}, z.options());
    if (options_.learn_top) {
      // A zero-initialised convolution of one plane of zeros (and of the edge plane).
      const auto zeros = torch::zeros({z.size(0), 1, z.size(2), z.size(3)}, z.options());
      if (options_.edge_bias) {
        const auto edge_weight = weight("top.prior.edge_weight");
        prior = conv3x3(zeros, at::cat({torch::ones_like(edge_weight), edge_weight}, 1));
      }
      prior = (prior + over_channels("top.prior.bias")) * (3 * over_channels("top.prior.log_scale")).exp();
    }
    if (options_.num_classes == 0) return prior;
    const auto one_hot = at::one_hot(labels, options_.num_classes).to(z.scalar_type());
    return prior + zero_linear(one_hot, "top.class_embedding").unsqueeze(2).unsqueeze(3);
  }

  void whiten(const torch::Tensor& z, const torch::Tensor& mean_and_log_sd) {
    const auto halves = mean_and_log_sd.chunk(2, 1);
    result_.eps.push_back((z - halves[0]) / halves[1].exp());
    result_.log_det = result_.log_det - halves[1].sum({1, 2, 3});
  }

  nn::GlowOptions options_;
  std::map<std::string, torch::Tensor> weights_;
  Result result_;
};

}  // namespace glow::testing
