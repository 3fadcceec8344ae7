#include <glow/import/import_model.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <glow/error.h>

#include "import/mapping.h"
#include "io/errors.h"
#include "ops/all_finite.h"
#include "ops/check.h"

namespace glow {
namespace importing {
namespace {

constexpr std::array<KnownCodeBase, 5> kCodeBases{{
    {CodeBase::kOpenAI, is_of_openai, map_openai},
    {CodeBase::kRosinality, is_of_rosinality, map_rosinality},
    {CodeBase::kY0ast, is_of_y0ast, map_y0ast},
    {CodeBase::kChaiyujin, is_of_chaiyujin, map_chaiyujin},
    {CodeBase::kNormflows, is_of_normflows, map_normflows},
}};

const KnownCodeBase* find_code_base(const Checkpoint& checkpoint, CodeBase wanted) {
  const auto found = std::find_if(kCodeBases.begin(), kCodeBases.end(), [&](const KnownCodeBase& known) {
    return (wanted == CodeBase::kAuto || known.kind == wanted) && known.is_of(checkpoint);
  });
  return found == kCodeBases.end() ? nullptr : &*found;
}

/// Goes into the entry of a checkpoint that holds the weights beside the state of the training.
const KnownCodeBase& unwrap(Checkpoint& checkpoint, CodeBase wanted) {
  if (const auto* known = find_code_base(checkpoint, wanted)) return *known;
  for (const std::string entry : {"graph/", "model/", "state_dict/", "model_state_dict/"}) {
    const auto is_inside = [&](const std::string& name) { return name.starts_with(entry); };
    if (!checkpoint.has_any(is_inside)) continue;
    auto inside = checkpoint;
    inside.drop(std::not_fn(is_inside), "beside \"" + entry + "\"");
    inside.rename(
        [&](const std::string& name) { return is_inside(name) ? name.substr(entry.size()) : "beside/" + name; });
    if (const auto* known = find_code_base(inside, wanted)) {
      checkpoint = std::move(inside);
      return *known;
    }
  }
  if (wanted != CodeBase::kAuto) {
    throw FormatError(checkpoint.path(), "does not have the tensors of a model of " + to_string(wanted));
  }
  const auto names = checkpoint.names();
  throw FormatError(checkpoint.path(), "is of no known code base (openai, rosinality, y0ast, chaiyujin, normflows)" +
                                           (names.empty() ? "; it has no tensors"
                                                          : "; its first tensor is " + io::in_quotes(names.front())));
}

/// The mapping of a checkpoint. An impossible configuration that follows from its tensors is an error of the file.
Mapping map(const KnownCodeBase& known, Checkpoint& checkpoint, const ImportOptions& options) {
  try {
    return known.map(checkpoint, options);
  } catch (const ConfigError& error) {
    for (const auto* field : {"channels", "levels", "depth", "hidden_width", "num_classes"}) {
      if (error.field() == field)
        throw FormatError(checkpoint.path(), "an impossible model, " + std::string(error.what()));
    }
    throw;
  }
}

/// Prevents an allocation much larger than the file: sizes follow from the shapes of single tensors.
void require_enough_numbers(const nn::GlowOptions& model, const Checkpoint& checkpoint) {
  // Weights that are zero in our model, and missing in theirs, are fewer than the others.
  constexpr std::int64_t kMostRatio = 2;
  const auto needed = nn::parameter_count(model), stored = checkpoint.elements();
  if (needed <= kMostRatio * stored) return;
  throw FormatError(checkpoint.path(), "its shapes are those of a model of " + std::to_string(needed) +
                                           " weights, and it has " + std::to_string(stored));
}

std::string quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + io::in_quotes(name);
  return text;
}

/// The value of a row, of the shape and dtype of `target`.
torch::Tensor value_of(const Row& row, Checkpoint& checkpoint, const torch::Tensor& target) {
  if (!row.transform) return at::zeros_like(target);
  const auto fail = [&](const std::string& problem) {
    return FormatError(checkpoint.path(), "tensor " + quoted(row.theirs) + " for " + row.ours + ": " + problem);
  };
  std::vector<torch::Tensor> tensors;
  for (const auto& name : row.theirs) tensors.push_back(checkpoint.take(name));
  torch::Tensor value;
  try {
    value = row.transform(tensors);
  } catch (const FormatError& error) {
    throw fail(error.what());
  } catch (const c10::Error&) {
    // Transforms do not check ranks and sizes, which LibTorch's functions do.
    std::string shapes;
    for (const auto& tensor : tensors) shapes += (shapes.empty() ? "" : ", ") + ops::shape_text(tensor.sizes());
    throw fail("has a wrong shape, " + shapes);
  }
  if (value.sizes() != target.sizes()) {
    throw fail("expected the numbers of " + ops::shape_text(target.sizes()) + ", has those of " +
               ops::shape_text(value.sizes()));
  }
  // In float32 it may overflow.
  value = value.to(target.scalar_type());
  if (!ops::all_finite(value)) throw fail("is zero or too large, so that our weights would not be finite");
  return value;
}

void fill(nn::GlowImpl& model, const Mapping& mapping, Checkpoint& checkpoint) {
  const torch::NoGradGuard no_grad;
  std::map<std::string, torch::Tensor> targets;
  for (const auto& item : model.named_parameters()) targets.emplace(item.key(), item.value());
  for (const auto& item : model.named_buffers()) targets.emplace(item.key(), item.value());
  for (const auto& row : mapping.rows) {
    const auto target = targets.find(row.ours);
    if (target == targets.end()) throw Error("import: two rows or no tensor for " + row.ours);
    target->second.copy_(value_of(row, checkpoint, target->second));
    targets.erase(target);
  }
  for (const auto& [name, target] : targets) {
    // The order of a reversing permutation is a constant.
    if (!name.ends_with(".indices")) throw Error("import: no row for " + name);
  }
}

}  // namespace

ImportedModel import_checkpoint(Checkpoint& checkpoint, const ImportOptions& options, CodeBase code_base) {
  const c10::InferenceMode ordinary_tensors(false);
  const auto& known = unwrap(checkpoint, code_base);
  const auto mapping = map(known, checkpoint, options);
  const auto classes = mapping.options.num_classes;
  if (!options.class_names.empty() && static_cast<std::int64_t>(options.class_names.size()) != classes) {
    throw ConfigError("classes", "expected the names of " + std::to_string(classes) + " classes, got " +
                                     std::to_string(options.class_names.size()));
  }
  require_enough_numbers(mapping.options, checkpoint);
  ImportedModel imported{.model = nn::Glow(mapping.options, nn::GlowImpl::WithoutWeights{}),
                         .code_base = known.kind,
                         .images_from = mapping.images_from};
  fill(*imported.model, mapping, checkpoint);
  if (const auto unused = checkpoint.unused(); !unused.empty()) {
    throw FormatError(checkpoint.path(),
                      "unknown tensor " + io::in_quotes(unused.front()) +
                          (unused.size() > 1 ? " and " + std::to_string(unused.size() - 1) + " more" : "") +
                          ": the checkpoint has parts that a model of " + to_string(known.kind) + " does not have");
  }
  imported.model->set_class_names(options.class_names);
  imported.model->mark_initialized();
  imported.model->eval();
  imported.dropped = checkpoint.dropped();
  return imported;
}

}  // namespace importing

ImportedModel import_model(const std::filesystem::path& path, const ImportOptions& options, CodeBase code_base) {
  auto checkpoint = importing::open_checkpoint(path);
  return importing::import_checkpoint(checkpoint, options, code_base);
}

}  // namespace glow
