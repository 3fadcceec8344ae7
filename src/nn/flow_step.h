#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <glow/nn/options.h>

#include "nn/actnorm.h"
#include "nn/coupling.h"
#include "nn/permutation.h"
#include "nn/step.h"

namespace glow::nn {

/// One step of flow: actnorm -> permutation -> coupling (Glow, figure 2a); in NICE without the actnorm.
class FlowStepImpl : public torch::nn::Cloneable<FlowStepImpl>, public Step {
 public:
  /// `shape`: of the flow variable; `options`: of the model.
  FlowStepImpl(const LevelShape& shape, const GlowOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;

  void draw(WeightSource& source) override;
  FlowLayers layers(std::span<const Step* const> steps, const BatchMode& mode) const override;
  void visit(PartVisitor& visitor, const std::string& name, bool by_batch) override;

  /// Null in NICE.
  ActNorm actnorm{nullptr};
  Permutation permutation{nullptr};
  Coupling coupling{nullptr};

 private:
  LevelShape shape_;
  GlowOptions options_;
};
TORCH_MODULE(FlowStep);

}  // namespace glow::nn
