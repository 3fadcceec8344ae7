#include <glow/train/training_state.h>

#include <bit>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "io/errors.h"
#include "io/json_object.h"
#include "ops/check.h"

namespace glow::train {
namespace {

/// A tensor of a state, and the tensor whose values it gets.
struct Replacement {
  std::string name;
  torch::Tensor target;
  torch::Tensor value;
};

void require_fit(const Replacement& item) {
  const auto& [name, target, value] = item;
  if (value.sizes() == target.sizes() && value.scalar_type() == target.scalar_type()) return;
  throw FormatError("tensor '" + name + "' does not fit the model: expected " + c10::toString(target.scalar_type()) +
                    " " + ops::shape_text(target.sizes()) + ", got " + c10::toString(value.scalar_type()) + " " +
                    ops::shape_text(value.sizes()));
}

/// Throws FormatError unless `state` and `from` have the same tensors.
std::vector<Replacement> replacements(const TrainingState& state, const TrainingState& from) {
  std::vector<Replacement> items;
  visit_flat_tensors(state, [&](const char* name, const torch::Tensor& target) {
    items.push_back({name, target, {}});
  });
  auto item = items.begin();
  visit_flat_tensors(from, [&](const char*, const torch::Tensor& value) { (item++)->value = value; });
  auto buffers = from.buffers;
  for (const auto& [name, target] : state.buffers) {
    const auto node = buffers.extract(name);
    if (node.empty()) throw FormatError("missing tensor 'buffers." + name + "'");
    items.push_back({"buffers." + name, target, node.mapped()});
  }
  if (!buffers.empty()) throw FormatError("unknown tensor " + io::in_quotes("buffers." + buffers.begin()->first));
  for (const auto& each : items) require_fit(each);
  return items;
}

// Converts a field to 64 bits of a message and back.
std::int64_t packed(double value) { return std::bit_cast<std::int64_t>(value); }
std::int64_t packed(std::int64_t value) { return value; }
std::int64_t packed(bool value) { return value ? 1 : 0; }
void unpack(std::int64_t bits, double& value) { value = std::bit_cast<double>(bits); }
void unpack(std::int64_t bits, std::int64_t& value) { value = bits; }
void unpack(std::int64_t bits, bool& value) { value = bits != 0; }

}  // namespace

TrainingState initial_state(const torch::Tensor& parameters) {
  TrainingState state;
  state.parameters = parameters;
  state.first_moment = at::zeros_like(parameters);
  state.second_moment = at::zeros_like(parameters);
  state.average = at::zeros_like(parameters);
  return state;
}

void require_possible(const TrainingProgress& progress) {
  visit_fields(progress, [](const char* name, const auto& value, auto... range) {
    if constexpr (sizeof...(range) > 0) {
      const std::pair<std::int64_t, std::int64_t> bounds(range...);
      if (value >= bounds.first && value <= bounds.second) return;
      throw FormatError(std::string(name) + ": expected " + std::to_string(bounds.first) + " to " +
                        std::to_string(bounds.second) + ", got " + std::to_string(value));
    }
  });
}

void require_same(const StateOptions& expected, const StateOptions& given) {
  const auto before = io::json_of_fields(expected), now = io::json_of_fields(given);
  for (const auto& [name, value] : now.items()) {
    if (value == before[name]) continue;
    throw ConfigError(name,
                      "the state to continue from was trained with " + before[name].dump() + ", got " + value.dump());
  }
}

void assign(TrainingState& state, const TrainingState& from) {
  const torch::NoGradGuard no_grad;
  for (auto& item : replacements(state, from)) item.target.copy_(item.value);
  static_cast<TrainingProgress&>(state) = from;
}

void broadcast(TrainingState& state, distributed::Communicator& processes) {
  const torch::NoGradGuard no_grad;
  visit_flat_tensors(state, [&](const char*, const torch::Tensor& tensor) { processes.broadcast(tensor); });
  for (auto& [name, buffer] : state.buffers) {
    const auto values = buffer.contiguous();
    processes.broadcast(values);
    buffer.copy_(values);
  }
  TrainingProgress& progress = state;
  std::vector<std::int64_t> numbers;
  visit_fields(progress, [&](const char*, const auto& value, auto...) { numbers.push_back(packed(value)); });
  const auto message = torch::tensor(numbers, torch::kLong);
  processes.broadcast(message);
  const auto* number = message.data_ptr<std::int64_t>();
  visit_fields(progress, [&](const char*, auto& value, auto...) { unpack(*number++, value); });
}

}  // namespace glow::train
