#include <glow/import/import_model.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
    {CodeBase::kOpenAI, "model/0/0/actnorm_center/b", map_openai},
    {CodeBase::kRosinality, "blocks.0.flows.0.actnorm.loc", map_rosinality},
    {CodeBase::kY0ast, "flow.layers.1.block.0.conv.weight", map_y0ast},
    {CodeBase::kChaiyujin, "flow.layers.1.f.0.weight", map_chaiyujin},
    {CodeBase::kNormflows, "flows.0.0.flows.0.flows.1.param_map.net.0.weight", map_normflows},
}};

/// A model in a checkpoint: its tensors have names that begin with the prefix ("", "module.", "state_dict/").
struct FoundModel {
  const KnownCodeBase* code_base;
  std::string prefix;
};

std::vector<FoundModel> find_models(const Checkpoint& checkpoint) {
  std::vector<FoundModel> found;
  for (const auto& known : kCodeBases) {
    for (const auto& name : checkpoint.names()) {
      if (!name.ends_with(known.marker)) continue;
      auto prefix = name.substr(0, name.size() - std::string_view(known.marker).size());
      if (prefix.empty() || prefix.ends_with('.') || prefix.ends_with('/'))
        found.push_back({&known, std::move(prefix)});
    }
  }
  return found;
}

/// Whether a prefix is that of averaged weights, which some trainings save beside the weights.
bool is_of_averages(std::string prefix) {
  std::ranges::transform(prefix, prefix.begin(), [](unsigned char c) { return std::tolower(c); });
  return prefix.find("ema") != std::string::npos || prefix.find("average") != std::string::npos;
}

/// Why a checkpoint has no model.
FormatError no_model(const Checkpoint& checkpoint) {
  const auto names = checkpoint.names();
  const bool is_of_kamenbliznashki =
      checkpoint.has_any([](const std::string& name) { return name.find("flowlevels.0.") != std::string::npos; });
  if (is_of_kamenbliznashki) {
    return {checkpoint.path(),
            "is of kamenbliznashki/normalizing_flows, whose couplings scale before they shift: our models cannot do "
            "this (docs/how-to/import/kamenbliznashki.md)"};
  }
  return {checkpoint.path(),
          "is of no known code base (openai, rosinality, y0ast, chaiyujin, normflows)" +
              (names.empty() ? "; it has no tensors" : "; its first tensor is " + io::in_quotes(names.front()))};
}

/// The only model of a checkpoint, of the wanted code base.
FoundModel find_model(const Checkpoint& checkpoint, CodeBase wanted) {
  auto found = find_models(checkpoint);
  if (found.empty()) throw no_model(checkpoint);
  const auto of_another = found.front();
  std::erase_if(found,
                [&](const FoundModel& each) { return wanted != CodeBase::kAuto && each.code_base->kind != wanted; });
  if (found.empty()) {
    throw FormatError(checkpoint.path(),
                      "has a model of " + to_string(of_another.code_base->kind) + ", not of " + to_string(wanted));
  }
  if (found.size() > 1) std::erase_if(found, [](const FoundModel& each) { return is_of_averages(each.prefix); });
  if (found.size() == 1) return found.front();
  throw FormatError(checkpoint.path(),
                    "has several models, whose tensors begin with different names: save the weights of the one that "
                    "is meant");
}

/// Leaves the tensors of a model in the checkpoint, under the names that its code base gives them, and drops the
/// others.
const KnownCodeBase& unwrap(Checkpoint& checkpoint, CodeBase wanted) {
  const auto [code_base, prefix] = find_model(checkpoint, wanted);
  if (prefix.empty()) return *code_base;
  const auto is_inside = [&prefix = prefix](const std::string& name) { return name.starts_with(prefix); };
  checkpoint.drop(std::not_fn(is_inside), "beside \"" + prefix + "\"");
  checkpoint.rename([&, &prefix = prefix](const std::string& name) {
    return is_inside(name) ? name.substr(prefix.size()) : "beside/" + name;
  });
  return *code_base;
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
  // Weights that are zero in our model, and missing in theirs, are fewer than the others; theirs may have 2 bytes.
  constexpr std::int64_t kMostRatio = 4;
  const auto needed = nn::parameter_count(model), stored = checkpoint.bytes();
  if (needed * static_cast<std::int64_t>(sizeof(float)) <= kMostRatio * stored) return;
  throw FormatError(checkpoint.path(), "its shapes are those of a model of " + std::to_string(needed) +
                                           " weights, and it has " + std::to_string(stored) + " bytes of numbers");
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
                         .images_from = mapping.images_from,
                         .assumed = mapping.assumed};
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

ImportedModel import_model(const std::filesystem::path& checkpoint, const ImportOptions& options, CodeBase code_base) {
  auto opened = importing::open_checkpoint(checkpoint);
  return importing::import_checkpoint(opened, options, code_base);
}

}  // namespace glow
