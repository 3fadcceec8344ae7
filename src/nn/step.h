#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include <torch/types.h>

#include "nn/actnorm.h"
#include "nn/batch_norm.h"
#include "nn/layer.h"
#include "nn/weight_source.h"

namespace glow::nn {

/// Visits the parts of a model in the order of computation. initialize.cpp initialises the norms from data,
/// first_not_finite.cpp checks the results.
class PartVisitor {
 public:
  /// A function of the flow variable z [N, C, H, W] at the current part of the model. It is valid during the call that
  /// passes it only.
  using Function = std::function<torch::Tensor(const torch::Tensor& z)>;

  virtual ~PartVisitor() = default;
  /// A norm with the input input(z); the statistics of this input initialise it. `name`: "levels.0.steps.3.actnorm".
  virtual void start(const std::string& /*name*/, ActNormImpl& /*norm*/, const Function& /*input*/) {}
  virtual void start(const std::string& /*name*/, BatchNormImpl& /*norm*/, const Function& /*input*/) {}
  /// The output of the part `name` is result(z), which may be undefined.
  virtual void result(const std::string& /*name*/, const Function& /*result*/) {}
  /// z becomes next(z).
  virtual void advance(const Function& next) = 0;
};

/// How a model makes its layers.
struct LayerMode {
  /// Batch norms use the moments of the batch instead of the running ones, summed over processes by this function.
  bool by_batch = false;
  SumOverProcesses sum_over_processes = nullptr;
  /// GlowImpl::set_adds_gradients.
  bool adds_gradients = false;
};

/// A step of a level as a module: the trained parameters from which FlowLayers are made.
class Step {
 public:
  virtual ~Step() = default;

  virtual void draw(WeightSource& source) = 0;
  /// The layers of several steps of one level, all of this step's type; not prepared. Differentiable.
  virtual std::shared_ptr<const FlowLayers> layers(std::span<const Step* const> steps, const LayerMode& mode) const = 0;
  /// Visits the step's parts; their names begin with `name`.
  virtual void visit(PartVisitor& visitor, const std::string& name, bool by_batch) = 0;
  /// The step's batch norm; null if it has none.
  virtual BatchNormImpl* running_norm() { return nullptr; }
};

}  // namespace glow::nn
