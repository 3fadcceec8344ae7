#include "ops/cuda_launch.cuh"
#include "train/optimizer_elements.h"

namespace glow::train {

void cuda::update(const OptimizerUpdate& update) {
  const c10::cuda::CUDAGuard guard(update.parameters.device());
  const auto count = update.parameters.numel();
  TORCH_CHECK(count < std::int64_t{1} << 31, "too many parameters for one kernel: ", count);
  dispatch_update(update, [&]<class T, class Element>(T, const Element& element) {
    T* const parameters = update.parameters.data_ptr<T>();
    const T* const gradients = update.gradients.data_ptr<T>();
    T* const first = update.first_moment.data_ptr<T>();
    T* const second = update.second_moment.data_ptr<T>();
    T* const average = update.average.data_ptr<T>();
    const auto* factors = reinterpret_cast<const StepFactors<T>*>(update.step_factors.data_ptr<T>());
    // Views may begin at any number.
    const auto fits = [&](int) { return ops::is_aligned(parameters, gradients, first, second, average); };
    ops::dispatch_packed<T>(fits, [&](auto size) {
      const UpdatePack<T, Element, size> pack{parameters, gradients, first,
                                              second,     average,   T(update.average_gain),
                                              factors,    element,   static_cast<std::uint32_t>(count)};
      ops::cuda::for_each(pack.threads(), pack);
    });
  });
}

}  // namespace glow::train
