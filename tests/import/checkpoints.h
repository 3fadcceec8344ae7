#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/import/import_model.h>
#include <glow/io/file.h>

#include "import/mapping.h"
#include "io/stored_tensor.h"
#include "io/tensor_bundle.h"
#include "io/torch_file.h"

// The checkpoints in fixtures, and changed copies of them.

namespace glow::testing {

inline std::filesystem::path import_fixture(const std::string& name) {
  return std::filesystem::path(GLOW_TEST_FIXTURES) / "../../import/fixtures" / name;
}

/// A checkpoint in fixtures, and the configuration of its model.
struct ImportCase {
  std::string file;
  CodeBase code_base;
  nn::GlowOptions options;
};

/// In messages of GoogleTest.
inline void PrintTo(const ImportCase& each, std::ostream* out) { *out << each.file; }

inline const std::string kAdditiveShuffle = "additive-shuffle.ckpt", kAffineConv1x1 = "affine-conv1x1.ckpt",
                         kClasses = "classes.ckpt", kRosinality = "rosinality-affine-lu-L2K3-8bits.pt",
                         kY0ast = "y0ast-affine-invconv-lu-L2K3.pt", kY0astReversed = "y0ast-affine-reverse-L2K2.pt",
                         kChaiyujin = "chaiyujin-affine-invconv-L3K3.pt", kNormflows = "normflows-affine-lu-L2K3.pt";

inline const std::vector<ImportCase>& import_cases() {
  using nn::CouplingKind;
  using nn::PermutationKind;
  static const std::vector<ImportCase> cases = [] {
    const nn::GlowOptions tensorflow{.height = 16, .width = 16, .levels = 2, .depth = 2, .hidden_width = 16},
        torch_ones{.height = 16,
                   .width = 16,
                   .levels = 2,
                   .depth = 3,
                   .hidden_width = 24,
                   .permutation = PermutationKind::kLU};
    auto additive = tensorflow, classes = tensorflow, plain = torch_ones, without_top = torch_ones,
         reversed = torch_ones;
    additive.coupling = CouplingKind::kAdditive;
    additive.permutation = PermutationKind::kShuffle;
    classes.num_classes = 10;
    plain.edge_bias = false;
    without_top.levels = 3;
    without_top.permutation = PermutationKind::kConv1x1;
    without_top.edge_bias = without_top.learn_top = false;
    reversed.depth = 2;
    reversed.permutation = PermutationKind::kReverse;
    reversed.edge_bias = false;
    return std::vector<ImportCase>{{kAffineConv1x1, CodeBase::kOpenAI, tensorflow},
                                   {kAdditiveShuffle, CodeBase::kOpenAI, additive},
                                   {kClasses, CodeBase::kOpenAI, classes},
                                   {kRosinality, CodeBase::kRosinality, torch_ones},
                                   {kY0ast, CodeBase::kY0ast, plain},
                                   {kY0astReversed, CodeBase::kY0ast, reversed},
                                   {kChaiyujin, CodeBase::kChaiyujin, without_top},
                                   {kNormflows, CodeBase::kNormflows, plain}};
  }();
  return cases;
}

/// Of letters and digits, for GoogleTest.
inline std::string import_test_name(const ImportCase& each) {
  auto name = each.file;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

inline const ImportCase& import_case(const std::string& file) {
  return *std::ranges::find(import_cases(), file, &ImportCase::file);
}

/// What the checkpoint does not say.
inline ImportOptions options_of(const ImportCase& each) {
  ImportOptions options{.height = 16, .width = 16, .bits = 8};
  if (each.options.permutation == nn::PermutationKind::kReverse) options.permutation = nn::PermutationKind::kReverse;
  return options;
}

/// Tensors of another code base by their names.
using TensorMap = std::map<std::string, torch::Tensor>;

/// Those of a fixture, in float64.
inline TensorMap fixture_tensors(const ImportCase& each) {
  const auto read = [](importing::Checkpoint checkpoint) {
    TensorMap tensors;
    for (const auto& name : checkpoint.names()) tensors.emplace(name, checkpoint.take(name));
    return tensors;
  };
  if (each.code_base == CodeBase::kOpenAI) {
    const io::TensorBundle bundle(import_fixture(each.file));
    return read({each.file, bundle.tensors(), nullptr});
  }
  const io::MappedFile file(import_fixture(each.file));
  return read({each.file, io::read_torch(file.bytes(), each.file), nullptr});
}

/// A checkpoint of these tensors, whose numbers it borrows; `file` names it in messages. Tensors must be contiguous
/// float64.
inline importing::Checkpoint checkpoint_of(const TensorMap& tensors, const std::string& file) {
  std::vector<io::StoredTensor> stored;
  for (const auto& [name, tensor] : tensors) {
    stored.push_back({.name = name,
                      .dtype = "F64",
                      .shape = tensor.sizes().vec(),
                      .strides = tensor.strides().vec(),
                      .data = {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()}});
  }
  return {file, stored, nullptr};
}

inline ImportedModel import_tensors(TensorMap tensors, const ImportCase& each, const ImportOptions& options) {
  for (auto& [name, tensor] : tensors) tensor = tensor.to(torch::kDouble).contiguous();
  auto checkpoint = checkpoint_of(tensors, each.file);
  return importing::import_checkpoint(checkpoint, options);
}

inline ImportedModel import_tensors(const TensorMap& tensors, const ImportCase& each) {
  return import_tensors(tensors, each, options_of(each));
}

}  // namespace glow::testing
