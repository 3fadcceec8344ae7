#include "train/optimizer_cpu.h"

#include <ATen/Parallel.h>

namespace glow::train::cpu {

void update(const OptimizerUpdate& update) {
  dispatch_update(update, [&]<class T, class Element>(T, const Element& element) {
    T* parameter = update.parameters.data_ptr<T>();
    const T* gradient = update.gradients.data_ptr<T>();
    T* first = update.first_moment.data_ptr<T>();
    T* second = update.second_moment.data_ptr<T>();
    const T* factors = update.step_factors.data_ptr<T>();
    const StepFactors<T> step{factors[0], factors[1]};
    constexpr std::int64_t kGrain = 1 << 15;
    at::parallel_for(0, update.parameters.numel(), kGrain, [=](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) element(parameter[i], gradient[i], first[i], second[i], step);
    });
  });
}

}  // namespace glow::train::cpu
