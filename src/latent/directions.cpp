#include <glow/latent/directions.h>

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/io/safetensors.h>
#include <glow/latent/arrange.h>
#include <glow/nearest_name.h>
#include <glow/version.h>

#include "io/errors.h"
#include "io/json_object.h"
#include "latent/model_reference.h"
#include "latent/rows.h"
#include "nn/tensor_bytes.h"
#include "ops/all_finite.h"
#include "ops/check.h"

namespace glow::latent {
namespace {

constexpr std::size_t kLongestName = 256;

bool is_control(unsigned char character) { return character < 0x20 || character == 0x7f; }

/// The problem with the names of directions, for example "the name "a" appears twice", or an empty string. A name has 1
/// to 256 bytes of UTF-8 and no control characters; there is at least one name, and none twice.
std::string problem_of(const std::vector<std::string>& names) {
  if (names.empty()) return "expected at least one name, got none";
  for (const auto& name : names) {
    if (name.empty() || name.size() > kLongestName || !io::is_utf8(name) ||
        std::any_of(name.begin(), name.end(), is_control)) {
      return "expected a name in UTF-8, 1 to " + std::to_string(kLongestName) +
             " bytes without control characters, got " + io::in_quotes(name);
    }
  }
  auto sorted = names;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  return twice == sorted.end() ? "" : "the name " + io::in_quotes(*twice) + " appears twice";
}

/// The first ten names in quotes, and the number of all if there are more.
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

constexpr const char* kDirectionsFormat = "glow-directions";
constexpr const char* kNamesKey = "glow.names";

std::vector<std::string> parse_names(const io::SafetensorsReader& file) {
  try {
    const auto names = io::parse_strings(kNamesKey, file.metadata_value(kNamesKey));
    const auto problem = problem_of(names);
    if (problem.empty()) return names;
    throw FormatError(std::string(kNamesKey) + ": " + problem);
  } catch (const FormatError& error) {
    throw error.path().empty() ? FormatError(file.path(), error.what()) : error;
  }
}

torch::Tensor read_tensor(const io::SafetensorsReader& file, const std::string& name, const std::string& dtype,
                          const std::vector<std::int64_t>& shape) {
  for (const auto& entry : file.entries()) {
    if (entry.name != name) continue;
    if (entry.dtype != dtype || entry.shape != shape) {
      throw FormatError(file.path(), "tensor " + io::in_quotes(name) + ": expected " + dtype + " " +
                                         io::to_text(shape) + ", is " + entry.dtype + " " + io::to_text(entry.shape));
    }
    return nn::to_tensor(entry);
  }
  throw FormatError(file.path(), "missing tensor " + io::in_quotes(name));
}

}  // namespace

torch::Tensor Directions::vector(const std::string& name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return vectors[found - names.begin()];
  throw ConfigError("direction",
                    "expected one of " + listed(names) + ", got " + io::in_quotes(name) + did_you_mean(name, names));
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
  if (!ops::all_finite(rows)) throw NumericalError("directions: latents are not finite");
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

void save_directions(const Directions& directions, const std::string& model_checksum,
                     const std::filesystem::path& path) {
  nn::TensorBytes tensors;
  tensors.add("directions", directions.vectors.to(torch::kFloat));
  tensors.add("counts", directions.counts);
  io::write_safetensors(path,
                        {{"format", kDirectionsFormat},
                         {"glow.version", kVersion},
                         {kModelKey, model_checksum},
                         {kNamesKey, nlohmann::json(directions.names).dump()}},
                        tensors.entries());
}

Directions load_directions(const std::filesystem::path& path, const nn::GlowOptions& options,
                           const std::string& model_checksum) {
  const io::SafetensorsReader file(path);
  file.require_format(kDirectionsFormat, "a file of directions");
  check_model(file, model_checksum);
  Directions directions{.names = parse_names(file), .vectors = {}, .counts = {}};
  const auto attributes = static_cast<std::int64_t>(directions.names.size());
  directions.vectors = read_tensor(file, "directions", "F32", {attributes, options.dimensions()});
  directions.counts = read_tensor(file, "counts", "I64", {attributes, 2});
  if (!ops::all_finite(directions.vectors)) {
    throw FormatError(path, "tensor \"directions\" is not finite");
  }
  return directions;
}

}  // namespace glow::latent
