#include "train/step_numbers.h"

#include <vector>

#include <ATen/ATen.h>

namespace glow::train {

StepTensors no_numbers(const torch::TensorOptions& parameters) {
  StepTensors numbers;
  visit_numbers(numbers, [&](torch::Tensor& number, Combine how) {
    number = torch::full({}, how == Combine::kLargest ? kNothingRebuilt : 0, parameters);
  });
  return numbers;
}

StepTensors combined(const StepTensors& numbers, distributed::Communicator& processes) {
  const auto rank = processes.rank(), size = processes.size();
  auto result = numbers;
  result.stops = torch::full_like(numbers.stops, processes.stop_asked() ? 1 : 0);
  std::int64_t sums = 0, others = 0;
  visit_numbers(result, [&](torch::Tensor&, Combine how) { ++(how == Combine::kSum ? sums : others); });
  // The sums come first. For a norm or a maximum each process fills an element of its own, and all processes then
  // combine these elements in the same way: a maximum computed by the all-reduce could lose a NaN, and then processes
  // could disagree on whether the step counts.
  const auto message = at::zeros({sums + others * size}, numbers.bits_per_dim.options());
  std::int64_t sum = 0, other = sums;
  visit_numbers(result, [&](torch::Tensor& number, Combine how) {
    auto place = message[how == Combine::kSum ? sum++ : other + rank];
    place.copy_(number);
    if (how == Combine::kSum) {
      number = place;
    } else {
      number = message.narrow(0, other, size);
      other += size;
    }
  });
  processes.sum(message);
  visit_numbers(result, [&](torch::Tensor& number, Combine how) {
    if (how == Combine::kNorm) number = number.norm();
    if (how == Combine::kLargest) number = number.max();
  });
  return result;
}

torch::Tensor packed(const StepTensors& numbers) {
  std::vector<torch::Tensor> all;
  visit_numbers(numbers, [&](const torch::Tensor& number, Combine) { all.push_back(number); });
  return at::stack(all);
}

StepNumbers<double> unpacked(const torch::Tensor& packed) {
  const auto on_host = packed.to(torch::kCPU, torch::kDouble);
  const auto* next = on_host.data_ptr<double>();
  StepNumbers<double> numbers;
  visit_numbers(numbers, [&](double& number, Combine) { number = *next++; });
  return numbers;
}

}  // namespace glow::train
