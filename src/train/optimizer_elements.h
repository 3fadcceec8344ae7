#pragma once

#include <cmath>

#include <c10/macros/Macros.h>

namespace glow::train {

// The updates of optimizer.h for one parameter w, its gradient g and its moments m and v.

/// What changes from step to step: all of the formula's factors that are no constant.
template <class T>
struct StepFactors {
  /// Learning rate with the bias corrections that the formula can take out.
  T rate;
  /// Of Adam: 1 / (1 - b2^t).
  T correction2;
  /// 0: nothing is to change.
  T wanted;
};

/// average += gain * (w - average), and w exactly where gain is 1.
template <class T>
C10_HOST_DEVICE void follow(T& average, T w, T gain) {
  average = gain < T(0.5) ? average + gain * (w - average) : w - (w - average) * (1 - gain);
}

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

template <class T>
struct Adam {
  T gain1, beta2, gain2, epsilon;

  C10_HOST_DEVICE void operator()(T& w, T g, T& m, T& v, const StepFactors<T>& step) const {
    m += gain1 * (g - m);
    v = beta2 * v + gain2 * g * g;
    w -= step.rate * m / (std::sqrt(v * step.correction2) + epsilon);
  }
};

}  // namespace glow::train
