#include "nn/split.h"

namespace glow::nn {

SplitImpl::SplitImpl(std::int64_t channels, bool edge_bias) : channels_(channels), edge_bias_(edge_bias) { reset(); }

void SplitImpl::reset() { prior = register_module("prior", ZeroConv(channels_ / 2, channels_, edge_bias_)); }

void SplitImpl::pretty_print(std::ostream& stream) const { stream << "glow::nn::Split(" << channels_ << ")"; }

}  // namespace glow::nn
