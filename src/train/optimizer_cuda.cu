#include "train/optimizer_cuda.h"

#include "ops/cuda_launch.cuh"

namespace glow::train::cuda {
namespace {

template <class T, class Element>
struct UpdateAt {
  T* parameter;
  const T* gradient;
  T* first;
  T* second;
  const T* factors;
  Element element;

  __device__ void operator()(std::uint32_t i) const {
    element(parameter[i], gradient[i], first[i], second[i], StepFactors<T>{factors[0], factors[1]});
  }
};

}  // namespace

void update(const OptimizerUpdate& update) {
  dispatch_update(update, [&]<class T, class Element>(T, const Element& element) {
    ops::cuda::for_each(update.parameters.numel(),
                        UpdateAt<T, Element>{update.parameters.data_ptr<T>(), update.gradients.data_ptr<T>(),
                                             update.first_moment.data_ptr<T>(), update.second_moment.data_ptr<T>(),
                                             update.step_factors.data_ptr<T>(), element});
  });
}

}  // namespace glow::train::cuda
