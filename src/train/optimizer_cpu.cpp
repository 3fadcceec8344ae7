#include <algorithm>

#include <ATen/Parallel.h>

#include "train/optimizer_elements.h"

namespace glow::train {

void cpu::update(const OptimizerUpdate& update) {
  dispatch_update(update, [&]<class T, class Element>(T, const Element& element) {
    T* parameter = update.parameters.data_ptr<T>();
    const T* gradient = update.gradients.data_ptr<T>();
    T* first = update.first_moment.data_ptr<T>();
    T* second = update.second_moment.data_ptr<T>();
    const T* factors = update.step_factors.data_ptr<T>();
    T* average = update.average.data_ptr<T>();
    const T gain = T(update.average_gain);
    const StepFactors<T> step{factors[0], factors[1], factors[2]};
    if (step.wanted == 0) return;
    // Small enough that the parameters are still in the cache when the average follows them.
    constexpr std::int64_t kBlock = 1 << 12;
    const auto count = update.parameters.numel(), blocks = (count + kBlock - 1) / kBlock;
    at::parallel_for(0, blocks, 8, [=](std::int64_t first_block, std::int64_t end_block) {
      for (auto block = first_block; block < end_block; ++block) {
        const auto begin = block * kBlock, end = std::min(count, begin + kBlock);
        for (auto i = begin; i < end; ++i) element(parameter[i], gradient[i], first[i], second[i], step);
        for (auto i = begin; i < end; ++i) follow(average[i], parameter[i], gain);
      }
    });
  });
}

}  // namespace glow::train
