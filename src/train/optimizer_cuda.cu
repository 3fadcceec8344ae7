#include "ops/cuda_launch.cuh"
#include "train/optimizer_elements.h"

namespace glow::train {
namespace {

template <class T, class Element>
struct UpdateAt {
  T* parameter;
  const T* gradient;
  T* first;
  T* second;
  T* average;
  T gain;
  const T* factors;
  Element element;

  __device__ void operator()(std::uint32_t i) const {
    const StepFactors<T> step{factors[0], factors[1], factors[2]};
    if (step.wanted == 0) return;
    element(parameter[i], gradient[i], first[i], second[i], step);
    follow(average[i], parameter[i], gain);
  }
};

}  // namespace

void cuda::update(const OptimizerUpdate& update) {
  const c10::cuda::CUDAGuard guard(update.parameters.device());
  dispatch_update(update, [&]<class T, class Element>(T, const Element& element) {
    ops::cuda::for_each(update.parameters.numel(),
                        UpdateAt<T, Element>{update.parameters.data_ptr<T>(), update.gradients.data_ptr<T>(),
                                             update.first_moment.data_ptr<T>(), update.second_moment.data_ptr<T>(),
                                             update.average.data_ptr<T>(), T(update.average_gain),
                                             update.step_factors.data_ptr<T>(), element});
  });
}

}  // namespace glow::train
