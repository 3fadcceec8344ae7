#include "train/step_sums.h"

#include <ATen/ATen.h>

namespace glow::train {

StepSums StepSums::over(distributed::Communicator& processes) const {
  // What is no sum each in a place of its own, to be put together afterwards, in the same way everywhere: whether a
  // step counts must not depend on how many threads a process has. (And a maximum over processes may lose a NaN.)
  constexpr std::int64_t kSums = 3;
  const auto rank = processes.rank(), size = processes.size();
  const auto all = at::zeros({kSums + 2 * size}, bits.options());
  const auto errors = all.narrow(0, kSums, size), norms = all.narrow(0, kSums + size, size);
  all[0] = bits;
  all[1] = class_bits;
  all[2].fill_(processes.stop_asked() ? 1 : 0);
  errors[rank] = error;
  norms[rank] = norm;
  processes.sum(all);
  return {.bits = all[0], .class_bits = all[1], .error = errors.max(), .norm = norms.norm(), .stops = all[2]};
}

}  // namespace glow::train
