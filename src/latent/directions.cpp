#include <glow/latent/directions.h>

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/latent/arrange.h>

#include "io/errors.h"
#include "latent/direction_names.h"
#include "latent/rows.h"
#include "ops/check.h"

namespace glow::latent {
namespace {

/// The first ten, in quotes, and how many there are.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i > 0 ? ", " : "") + io::in_quotes(names[i]);
  return names.size() <= kMost ? text : text + ", ... (" + std::to_string(names.size()) + " in all)";
}

void check_labels(const torch::Tensor& has, std::int64_t images, std::int64_t attributes) {
  const auto expected = "directions: expected labels int8 or int64 [N, K] = [" + std::to_string(images) + ", " +
                        std::to_string(attributes) + "]";
  const bool is_integer = has.scalar_type() == torch::kChar || has.scalar_type() == torch::kLong;
  ops::check_shape(has.dim() == 2 && has.size(0) == images && has.size(1) == attributes && is_integer, expected.c_str(),
                   has);
  if (has.numel() > 0 && (has.lt(-1).any().item<bool>() || has.gt(1).any().item<bool>())) {
    throw ConfigError("directions", "expected labels 1, 0 or -1, got " +
                                        std::to_string(has.min().item<std::int64_t>()) + " to " +
                                        std::to_string(has.max().item<std::int64_t>()));
  }
}

}  // namespace

torch::Tensor Directions::vector(const std::string& name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return vectors[found - names.begin()];
  throw ConfigError("direction", "expected one of " + listed(names) + ", got " + io::in_quotes(name));
}

DirectionAccumulator::DirectionAccumulator(std::vector<std::string> names) : names_(std::move(names)) {
  if (const auto problem = problem_of(names_); !problem.empty()) throw ConfigError("directions", problem);
  with_ = torch::zeros({static_cast<std::int64_t>(names_.size())}, torch::kLong);
  without_ = with_.clone();
}

void DirectionAccumulator::add(const nn::Latents& latents, const torch::Tensor& has) {
  check_labels(has, count(latents), with_.size(0));
  if (has.size(0) == 0) return;
  const auto device = sum_with_.defined() ? sum_with_.device() : latents.eps.front().device();
  const auto rows = nn::flatten(latents).detach().to(device, torch::kDouble);
  if (sum_with_.defined() && sum_with_.size(1) != rows.size(1)) {
    throw ShapeError("directions: latents of " + std::to_string(rows.size(1)) + " numbers after others of " +
                     std::to_string(sum_with_.size(1)));
  }
  if (!rows.isfinite().all().item<bool>()) throw NumericalError("directions: latents are not finite");
  const auto yes = has.eq(1), no = has.eq(0);
  const auto sum_over = [&](const torch::Tensor& chosen) { return at::mm(chosen.t().to(rows.options()), rows); };
  sum_with_ = sum_with_.defined() ? sum_with_ + sum_over(yes) : sum_over(yes);
  sum_without_ = sum_without_.defined() ? sum_without_ + sum_over(no) : sum_over(no);
  with_ += yes.sum(0).cpu();
  without_ += no.sum(0).cpu();
}

Directions DirectionAccumulator::finish() const {
  const auto kept = with_.gt(0).logical_and(without_.gt(0)).nonzero().flatten();
  if (kept.numel() == 0) {
    throw ConfigError("directions", "no attribute has images with it and images without it");
  }
  Directions directions;
  for (std::int64_t i = 0; i < kept.numel(); ++i) {
    directions.names.push_back(names_[static_cast<std::size_t>(kept[i].item<std::int64_t>())]);
  }
  const auto mean = [&](const torch::Tensor& sum, const torch::Tensor& images) {
    return sum.cpu().index_select(0, kept) / images.index_select(0, kept).unsqueeze(1);
  };
  directions.vectors = (mean(sum_with_, with_) - mean(sum_without_, without_)).to(torch::kFloat);
  directions.counts = at::stack({with_, without_}, 1).index_select(0, kept);
  return directions;
}

std::vector<std::string> DirectionAccumulator::one_sided() const {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < names_.size(); ++k) {
    const auto place = static_cast<std::int64_t>(k);
    if (with_[place].item<std::int64_t>() == 0 || without_[place].item<std::int64_t>() == 0) {
      names.push_back(names_[k]);
    }
  }
  return names;
}

nn::Latents move(const nn::Latents& latents, const torch::Tensor& direction, double strength) {
  static_cast<void>(count(latents));
  ops::check_shape(direction.dim() == 1, "direction: expected [D]", direction);
  const auto& first = latents.eps.front();
  const auto step = from_rows(direction.to(first.device(), first.scalar_type()).unsqueeze(0), latents);
  nn::Latents moved;
  for (std::size_t l = 0; l < latents.eps.size(); ++l) moved.eps.push_back(latents.eps[l] + step.eps[l] * strength);
  return moved;
}

}  // namespace glow::latent
