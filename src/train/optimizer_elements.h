#pragma once

#include <cmath>
#include <cstdint>

#include <ATen/Dispatch.h>
#include <c10/macros/Macros.h>
#include <torch/types.h>

#include <glow/train/options.h>

#include "ops/packed.h"

namespace glow::train {

// The update of optimizer.h for one parameter w, its gradient g, its moments m and v, and its average.

/// The factors of the formula that change from update to update.
template <class T>
struct StepFactors {
  /// Adamax: lr * sqrt(1 - b2^t) / (1 - b1^t). Adam: lr / (1 - b1^t).
  T rate;
  /// Adam: 1 / (1 - b2^t).
  T correction2;
  /// 0: nothing changes.
  T wanted;
};

/// average = (1 - gain) * average + gain * w, computed so that it is w exactly where gain is 1.
template <class T>
C10_HOST_DEVICE void follow(T& average, T w, T gain) {
  average = gain < T(0.5) ? average + gain * (w - average) : w - (w - average) * (1 - gain);
}

/// m = b1*m + (1 - b1)*g,  v = max(b2*v, |g|),  w -= rate * m / (v + epsilon); gain1 is 1 - b1.
template <class T>
struct Adamax {
  T gain1, beta2, epsilon;

  C10_HOST_DEVICE void operator()(T& w, T g, T& m, T& v, const StepFactors<T>& step) const {
    m += gain1 * (g - m);
    const T decayed = beta2 * v, size = std::abs(g);
    v = decayed < size ? size : decayed;
    w -= step.rate * m / (v + epsilon);
  }
};

/// m = b1*m + (1 - b1)*g,  v = b2*v + (1 - b2)*g^2,  w -= rate * m / (sqrt(v * correction2) + epsilon); gain1 is 1 - b1
/// and gain2 is 1 - b2.
template <class T>
struct Adam {
  T gain1, beta2, gain2, epsilon;

  C10_HOST_DEVICE void operator()(T& w, T g, T& m, T& v, const StepFactors<T>& step) const {
    m += gain1 * (g - m);
    v = beta2 * v + gain2 * g * g;
    w -= step.rate * m / (std::sqrt(v * step.correction2) + epsilon);
  }
};

/// The work of a thread on a GPU: the update of kCount neighbouring numbers or, of the last ones, of one.
template <class T, class Element, int kCount>
struct UpdatePack {
  T* parameters;
  const T* gradients;
  T* first_moments;
  T* second_moments;
  T* averages;
  T gain;
  const StepFactors<T>* factors;
  Element element;
  std::uint32_t count;

  /// The number of threads that update all `count` numbers.
  std::uint32_t threads() const { return count / kCount + count % kCount; }

  C10_HOST_DEVICE void operator()(std::uint32_t thread) const {
    const auto packs = count / kCount;
    if (thread < packs) {
      update<kCount>(thread * kCount);
    } else {
      update<1>(packs * kCount + (thread - packs));
    }
  }

 private:
  /// Loads everything before it stores anything, because the compiler has to assume that a store changes what is loaded
  /// after it.
  template <int kSize>
  C10_HOST_DEVICE void update(std::uint32_t i) const {
    const auto step = *factors;
    auto w = ops::load<kSize>(parameters + i), m = ops::load<kSize>(first_moments + i),
         v = ops::load<kSize>(second_moments + i), average = ops::load<kSize>(averages + i);
    const auto g = ops::load<kSize>(gradients + i);
    if (step.wanted == 0) return;
    for (int n = 0; n < kSize; ++n) {
      element(w.values[n], g.values[n], m.values[n], v.values[n], step);
      follow(average.values[n], w.values[n], gain);
    }
    ops::store(parameters + i, w);
    ops::store(first_moments + i, m);
    ops::store(second_moments + i, v);
    ops::store(averages + i, average);
  }
};

/// An update: contiguous tensors [P] of one dtype and device, all but the gradients changed in place.
struct OptimizerUpdate {
  OptimizerKind kind;
  double beta1, beta2, epsilon;
  /// 1 - decay of the average.
  double average_gain;
  torch::Tensor parameters, gradients, first_moment, second_moment, average;
  /// A StepFactors on the parameters' device, which computes `wanted`.
  torch::Tensor step_factors;
};

namespace cpu {
void update(const OptimizerUpdate& update);
}
namespace cuda {
void update(const OptimizerUpdate& update);
}

/// Calls run(T{}, Adamax<T> or Adam<T>) for the dtype and kind of the update.
template <class Run>
void dispatch_update(const OptimizerUpdate& update, Run&& run) {
  AT_DISPATCH_FLOATING_TYPES(update.parameters.scalar_type(), "optimizer", [&] {
    using T = scalar_t;
    const T gain1 = T(1 - update.beta1), beta2 = T(update.beta2), epsilon = T(update.epsilon);
    if (update.kind == OptimizerKind::kAdamax) {
      run(T{}, Adamax<T>{gain1, beta2, epsilon});
    } else {
      run(T{}, Adam<T>{gain1, beta2, T(1 - update.beta2), epsilon});
    }
  });
}

}  // namespace glow::train
