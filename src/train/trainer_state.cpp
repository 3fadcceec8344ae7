// What a trainer hands on: to a checkpoint and back, and from rank 0 to the other processes.
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/train/trainer.h>

#include "io/errors.h"
#include "ops/check.h"

namespace glow::train {
namespace {

void require_possible(const TrainingState& state) {
  constexpr std::int64_t kMostRollbacks = 1000;  // far below what a number's exponent holds
  const auto require = [](const char* name, std::int64_t value, std::int64_t highest) {
    if (value >= 0 && value <= highest) return;
    throw FormatError(std::string(name) + ": expected 0 to " + std::to_string(highest) + ", got " +
                      std::to_string(value));
  };
  require("step", state.step, std::numeric_limits<std::int64_t>::max());
  require("skipped", state.skipped, state.step);
  require("skipped_in_a_row", state.skipped_in_a_row, state.skipped);
  require("rollbacks", state.rollbacks, kMostRollbacks);
}

std::string text_of(OptimizerKind kind) { return to_string(kind); }

template <class Number>
std::string text_of(Number number) {
  std::ostringstream text;
  text << std::setprecision(std::numeric_limits<double>::max_digits10) << number;
  return text.str();
}

/// A tensor of the trainer and the one of a checkpoint that is to replace it.
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

/// Throws ConfigError that names the first option that differs.
void require_same(StateOptions expected, StateOptions given) {
  std::map<std::string, std::string> texts;
  visit_fields(expected, [&](const char* name, const auto& value) { texts[name] = text_of(value); });
  visit_fields(given, [&](const char* name, const auto& value) {
    if (const auto text = text_of(value); text != texts[name]) {
      throw ConfigError(name, "the state to go on from is of a training with " + texts[name] + ", got " + text);
    }
  });
}

}  // namespace

TrainingState Trainer::state() {
  attach();
  TrainingState state{.step = steps_done_,
                      .skipped = skipped_,
                      .skipped_in_a_row = skipped_in_a_row_,
                      .rollbacks = rollbacks_,
                      .fell_back = fell_back_,
                      .options = state_options(),
                      .parameters = parameters_,
                      .first_moment = optimizer_.first_moment,
                      .second_moment = optimizer_.second_moment,
                      .average = average_.sum};
  for (const auto& item : model_->named_buffers()) state.buffers.emplace(item.key(), item.value());
  return state;
}

StateOptions Trainer::state_options() const {
  return {.batch = options_.batch,
          .seed = options_.seed,
          .optimizer = options_.optimizer,
          .beta2 = schedule_.beta2(),
          .ema_decay = schedule_.ema_decay()};
}

void Trainer::restore(const TrainingState& state) {
  const torch::NoGradGuard no_grad;
  require_possible(state);
  if (state.options) require_same(*state.options, state_options());
  attach();
  std::vector<Replacement> replacements{{"parameters", parameters_, state.parameters},
                                        {"first_moment", optimizer_.first_moment, state.first_moment},
                                        {"second_moment", optimizer_.second_moment, state.second_moment},
                                        {"average", average_.sum, state.average}};
  auto buffers = state.buffers;
  for (const auto& item : model_->named_buffers()) {
    const auto node = buffers.extract(item.key());
    if (node.empty()) throw FormatError("missing tensor 'buffers." + item.key() + "'");
    replacements.push_back({"buffers." + item.key(), item.value(), node.mapped()});
  }
  if (!buffers.empty()) throw FormatError("unknown tensor " + io::in_quotes("buffers." + buffers.begin()->first));
  // All are looked at before one is changed.
  for (const auto& replacement : replacements) require_fit(replacement);
  for (auto& replacement : replacements) replacement.target.copy_(replacement.value);
  go_on_after(state);
}

void Trainer::go_on_after(const TrainingState& state) {
  steps_done_ = aligned_at_ = state.step;
  skipped_ = state.skipped;
  skipped_in_a_row_ = state.skipped_in_a_row;
  rollbacks_ = state.rollbacks;
  optimizer_.steps = average_.updates = state.step - state.skipped;
  model_->set_memory_policy(options_.memory);
  fell_back_ = false;
  if (state.fell_back && options_.memory == nn::MemoryPolicy::kReversible) fall_back();
}

void Trainer::follow_root() {
  if (processes_->size() == 1) return;
  const torch::NoGradGuard no_grad;
  attach();
  for (const auto& tensor : {parameters_, optimizer_.first_moment, optimizer_.second_moment, average_.sum}) {
    processes_->broadcast(tensor);
  }
  for (const auto& item : model_->named_buffers()) {
    const auto values = item.value().contiguous();
    processes_->broadcast(values);
    item.value().copy_(values);
  }
  const auto counts =
      torch::tensor({steps_done_, skipped_, skipped_in_a_row_, rollbacks_, std::int64_t{fell_back_}}, torch::kLong);
  processes_->broadcast(counts);
  const auto count = [&](std::int64_t i) { return counts[i].item<std::int64_t>(); };
  go_on_after({.step = count(0),
               .skipped = count(1),
               .skipped_in_a_row = count(2),
               .rollbacks = count(3),
               .fell_back = count(4) != 0});
}

bool Trainer::realign() {
  if (processes_->size() == 1) return false;
  const torch::NoGradGuard no_grad;
  attach();
  const auto bits = parameters_.view(parameters_.scalar_type() == torch::kDouble ? torch::kLong : torch::kInt);
  const auto sums = torch::zeros({processes_->size()}, torch::kLong);
  sums[processes_->rank()] = bits.sum(torch::kLong).cpu();
  processes_->sum(sums);
  const auto steps = steps_done_ - std::exchange(aligned_at_, steps_done_);
  if (sums.eq(sums[0]).all().item<bool>()) return false;
  const auto before = parameters_.clone();
  follow_root();
  // All have the same gradients, so that roundings add up as if by chance.
  constexpr double kRoundings = 64;
  const auto epsilon = parameters_.scalar_type() == torch::kDouble ? std::numeric_limits<double>::epsilon()
                                                                   : std::numeric_limits<float>::epsilon();
  const auto bound = kRoundings * epsilon * std::sqrt(1.0 + static_cast<double>(steps)) * parameters_.abs().max();
  const auto is_far = torch::zeros({processes_->size()}, torch::kLong);
  // A NaN is.
  is_far[processes_->rank()] = (parameters_ - before).abs().max().le(bound).logical_not().to(torch::kLong).cpu();
  processes_->sum(is_far);
  const auto far = is_far.nonzero();
  if (far.numel() == 0) return true;
  throw Error("after step " + std::to_string(steps_done_) + " rank " + std::to_string(far[0].item<std::int64_t>()) +
              " has other weights than rank 0");
}

}  // namespace glow::train
