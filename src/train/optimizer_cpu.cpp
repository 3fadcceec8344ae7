#include "train/optimizer_cpu.h"

#include <algorithm>
#include <cmath>

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

namespace glow::train::cpu {
namespace {

/// Calls update(parameter, gradient, first moment, second moment) for every parameter.
template <class T, class Update>
void for_each(torch::Tensor& parameters, const torch::Tensor& gradients, torch::Tensor& first_moment,
              torch::Tensor& second_moment, Update update) {
  T* parameter = parameters.data_ptr<T>();
  const T* gradient = gradients.data_ptr<T>();
  T* first = first_moment.data_ptr<T>();
  T* second = second_moment.data_ptr<T>();
  constexpr std::int64_t kGrain = 1 << 15;
  at::parallel_for(0, parameters.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) update(parameter[i], gradient[i], first[i], second[i]);
  });
}

}  // namespace

void adamax(torch::Tensor& parameters, const torch::Tensor& gradients, torch::Tensor& first_moment,
            torch::Tensor& second_moment, const UpdateFactors& factors) {
  AT_DISPATCH_FLOATING_TYPES(parameters.scalar_type(), "adamax", [&] {
    using T = scalar_t;
    const T gain = T(1 - factors.beta1), beta2 = T(factors.beta2), epsilon = T(factors.epsilon), rate = T(factors.rate);
    for_each<T>(parameters, gradients, first_moment, second_moment, [=](T& w, const T& g, T& m, T& v) {
      m += gain * (g - m);
      v = std::max(beta2 * v, std::abs(g));
      w -= rate * m / (v + epsilon);
    });
  });
}

void adam(torch::Tensor& parameters, const torch::Tensor& gradients, torch::Tensor& first_moment,
          torch::Tensor& second_moment, const UpdateFactors& factors, double correction2) {
  AT_DISPATCH_FLOATING_TYPES(parameters.scalar_type(), "adam", [&] {
    using T = scalar_t;
    const T gain1 = T(1 - factors.beta1), beta2 = T(factors.beta2), gain2 = T(1 - factors.beta2);
    const T epsilon = T(factors.epsilon), rate = T(factors.rate), correction = T(1 / correction2);
    for_each<T>(parameters, gradients, first_moment, second_moment, [=](T& w, const T& g, T& m, T& v) {
      m += gain1 * (g - m);
      v = beta2 * v + gain2 * g * g;
      w -= rate * m / (std::sqrt(v * correction) + epsilon);
    });
  });
}

}  // namespace glow::train::cpu
