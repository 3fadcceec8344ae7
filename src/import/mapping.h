#pragma once

#include <functional>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/import/import_model.h>
#include <glow/nn/options.h>

#include "import/checkpoint.h"

namespace glow::importing {

using Transform = std::function<torch::Tensor(const torch::Tensor&)>;

/// How one tensor of our model is computed from tensors of a checkpoint, in float64.
struct Row {
  std::string ours;
  std::vector<std::string> theirs;
  /// Throws FormatError without the names of the tensors. Null: zeros.
  std::function<torch::Tensor(const std::vector<torch::Tensor>&)> transform;
};

/// A model's configuration, and where all its tensors come from.
struct Mapping {
  nn::GlowOptions options{};
  std::vector<Row> rows{};
  /// See ImportedModel.
  std::string images_from{}, assumed{};

  void add(std::string ours, std::string theirs, Transform transform);
  void add(std::string ours, std::vector<std::string> theirs,
           std::function<torch::Tensor(const std::vector<torch::Tensor>&)> transform);
  /// A tensor of zeros.
  void add_zeros(std::string ours);
};

/// A code base: how its checkpoints are recognised and read.
struct KnownCodeBase {
  CodeBase kind;
  /// A tensor that each of its checkpoints has and that those of no other code base have.
  const char* marker;
  /// The mapping of a checkpoint; drops what is not needed. Throws FormatError, ConfigError.
  Mapping (*map)(Checkpoint&, const ImportOptions&);
};

Mapping map_openai(Checkpoint& checkpoint, const ImportOptions& options);
Mapping map_rosinality(Checkpoint& checkpoint, const ImportOptions& options);
Mapping map_y0ast(Checkpoint& checkpoint, const ImportOptions& options);
Mapping map_chaiyujin(Checkpoint& checkpoint, const ImportOptions& options);
Mapping map_normflows(Checkpoint& checkpoint, const ImportOptions& options);

/// import_model of a checkpoint that is open.
ImportedModel import_checkpoint(Checkpoint& checkpoint, const ImportOptions& options,
                                CodeBase code_base = CodeBase::kAuto);

/// "levels.L.steps.K."
std::string step_name(std::int64_t level, std::int64_t step);
/// "levels.L.split.prior."
std::string split_name(std::int64_t level);

/// The number of levels, steps of a level and so on: the smallest n such that the checkpoint has no `name(n)`, from 0
/// on.
std::int64_t count(const Checkpoint& checkpoint, const std::function<std::string(std::int64_t)>& name);

/// The images that a model was trained on; 0: unknown.
struct ImageFacts {
  std::int64_t height = 0, width = 0, bits = 0;
  /// The file that says so.
  std::string source{};
};

/// Sets the size and the bits of the configuration, as given, else as `known`, and validates all of it. Throws
/// ConfigError naming the option that is neither, that contradicts what is known, or a field that is not possible.
void set_image(Mapping& mapping, const ImportOptions& options, const ImageFacts& known = {});

/// Throws ConfigError naming an option that is given and that the code base does not have.
void refuse_unknown_options(const ImportOptions& options, std::string_view code_base, bool takes_permutation,
                            bool takes_class_vector, bool takes_average);

/// Drops the tensors that say whether an actnorm is initialised. Throws FormatError for one that says it is not: its
/// code would compute it from the next batch.
void require_initialised(Checkpoint& checkpoint, const Checkpoint::IsWanted& is_flag);

/// Throws FormatError unless the tensors have as many numbers each: LibTorch would repeat a single number.
void require_equal_counts(const std::vector<torch::Tensor>& tensors);

// Transforms. `x`: a tensor in float64.

torch::Tensor same(const torch::Tensor& x);
torch::Tensor flat(const torch::Tensor& x);
torch::Tensor negated(const torch::Tensor& x);
/// Log-scales of code without the factor 3 of ours.
torch::Tensor third(const torch::Tensor& x);
torch::Tensor transposed(const torch::Tensor& x);
/// Convolution weights [kH, kW, I, O] -> [O, I, kH, kW].
torch::Tensor hwio_to_oihw(const torch::Tensor& x);
/// Rows (a0, b0, a1, b1, ...) -> (a0, a1, ..., b0, b1, ...).
torch::Tensor deinterleaved(const torch::Tensor& x);
/// Rows (a, b) -> (b, a), halves.
torch::Tensor halves_swapped(const torch::Tensor& x);
/// Convolution weights with one more input plane that is zero.
torch::Tensor with_zero_plane(const torch::Tensor& x);
/// Convolution weights with one more input plane, the sum of all: an edge plane for a convolution that pads with ones.
torch::Tensor with_sum_plane(const torch::Tensor& x);
/// A permutation matrix -> the column of the 1 in each row, int64. Throws FormatError when it is none.
torch::Tensor indices_of(const torch::Tensor& matrix);
/// A permutation of 0..C-1, as int64. Throws FormatError when it is none.
torch::Tensor order(const torch::Tensor& x);
/// Signs. Throws FormatError unless all are +1 or -1.
torch::Tensor signs(const torch::Tensor& x);
/// Refuses convolution weights [O, I, kH, kW] with another number of input planes I.
Transform with_planes(std::int64_t planes);
/// Applies `first`, then `second`.
Transform then(Transform first, Transform second);

}  // namespace glow::importing
