#include "import/mapping.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "io/errors.h"

namespace glow::importing {

void Mapping::add(std::string ours, std::string theirs, Transform transform) {
  add(std::move(ours), std::vector{std::move(theirs)},
      [transform = std::move(transform)](const std::vector<torch::Tensor>& tensors) { return transform(tensors[0]); });
}

void Mapping::add(std::string ours, std::vector<std::string> theirs,
                  std::function<torch::Tensor(const std::vector<torch::Tensor>&)> transform) {
  rows.push_back({std::move(ours), std::move(theirs), std::move(transform)});
}

void Mapping::add_zeros(std::string ours) { rows.push_back({std::move(ours), {}, nullptr}); }

std::string step_name(std::int64_t level, std::int64_t step) {
  return "levels." + std::to_string(level) + ".steps." + std::to_string(step) + ".";
}

std::string split_name(std::int64_t level) { return "levels." + std::to_string(level) + ".split.prior."; }

std::int64_t count(const Checkpoint& checkpoint, const std::function<std::string(std::int64_t)>& name) {
  std::int64_t n = 0;
  while (checkpoint.has(name(n))) ++n;
  return n;
}

void set_image(Mapping& mapping, const ImportOptions& options, const ImageFacts& known) {
  const auto choose = [&](const char* name, std::int64_t given, std::int64_t known_value) {
    if (given != 0 && known_value != 0 && given != known_value) {
      throw ConfigError(
          name, std::to_string(given) + " contradicts " + known.source + ", which says " + std::to_string(known_value));
    }
    if (given != 0) return given;
    if (known_value == 0) throw ConfigError(name, "the checkpoint does not say, so it must be given");
    mapping.images_from = known.source;
    return known_value;
  };
  auto& model = mapping.options;
  model.height = choose("height", options.height, known.height);
  model.width = choose("width", options.width, known.width);
  model.bits = choose("bits", options.bits, known.bits);
  model.validate();
}

void refuse_unknown_options(const ImportOptions& options, std::string_view code_base, bool takes_permutation,
                            bool takes_class_vector, bool takes_average) {
  const auto refuse = [&](const char* name) {
    throw ConfigError(name, "does not apply to a checkpoint of " + std::string(code_base));
  };
  if (options.permutation && !takes_permutation) refuse("permutation");
  if (!options.class_vector.empty() && !takes_class_vector) refuse("class_vector");
  if (options.average && !takes_average) refuse("average");
}

void require_initialised(Checkpoint& checkpoint, const Checkpoint::IsWanted& is_flag) {
  for (const auto& name : checkpoint.names()) {
    if (!is_flag(name) || checkpoint.take(name).ne(0).all().item<bool>()) continue;
    throw FormatError(checkpoint.path(), "tensor " + io::in_quotes(name) + " says that the model is not initialised");
  }
  checkpoint.drop(is_flag, "of flags of initialisation");
}

void require_equal_counts(const std::vector<torch::Tensor>& tensors) {
  const bool are_equal = std::all_of(tensors.begin(), tensors.end(), [&](const torch::Tensor& tensor) {
    return tensor.numel() == tensors.front().numel();
  });
  if (!are_equal) throw FormatError("expected as many numbers in each of them");
}

torch::Tensor same(const torch::Tensor& x) { return x; }
torch::Tensor flat(const torch::Tensor& x) { return x.flatten(); }
torch::Tensor negated(const torch::Tensor& x) { return -x.flatten(); }
torch::Tensor third(const torch::Tensor& x) { return x.flatten() / 3; }
torch::Tensor transposed(const torch::Tensor& x) { return x.t(); }
torch::Tensor hwio_to_oihw(const torch::Tensor& x) { return x.permute({3, 2, 0, 1}); }

torch::Tensor deinterleaved(const torch::Tensor& x) {
  return at::cat({x.slice(0, 0, x.size(0), 2), x.slice(0, 1, x.size(0), 2)});
}

torch::Tensor halves_swapped(const torch::Tensor& x) {
  const auto half = x.size(0) / 2;
  return at::cat({x.narrow(0, half, x.size(0) - half), x.narrow(0, 0, half)});
}

torch::Tensor with_zero_plane(const torch::Tensor& x) { return at::cat({x, at::zeros_like(x.narrow(1, 0, 1))}, 1); }
torch::Tensor with_sum_plane(const torch::Tensor& x) { return at::cat({x, x.sum(1, /*keepdim=*/true)}, 1); }

torch::Tensor indices_of(const torch::Tensor& matrix) {
  const auto ones = matrix.eq(1).to(torch::kLong);
  const bool is_permutation = matrix.dim() == 2 && matrix.size(0) == matrix.size(1) &&
                              matrix.ne(0).sum().equal(ones.sum()) && ones.sum(0).eq(1).all().item<bool>() &&
                              ones.sum(1).eq(1).all().item<bool>();
  if (!is_permutation) throw FormatError("expected a permutation matrix");
  return ones.argmax(1);
}

torch::Tensor order(const torch::Tensor& x) {
  const auto sorted = std::get<0>(x.flatten().sort());
  if (!sorted.equal(at::arange(x.numel(), x.options()))) {
    throw FormatError("expected a permutation of 0 to " + std::to_string(x.numel() - 1));
  }
  return x.flatten().to(torch::kLong);
}

torch::Tensor signs(const torch::Tensor& x) {
  if (!x.abs().eq(1).all().item<bool>()) throw FormatError("expected signs, +1 or -1");
  return x.flatten();
}

Transform with_planes(std::int64_t planes) {
  return [planes](const torch::Tensor& x) {
    if (x.dim() != 4 || x.size(1) != planes) {
      throw FormatError("expected weights of " + std::to_string(planes) + " input planes");
    }
    return x;
  };
}

Transform then(Transform first, Transform second) {
  return [first = std::move(first), second = std::move(second)](const torch::Tensor& x) { return second(first(x)); };
}

}  // namespace glow::importing
