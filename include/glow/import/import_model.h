#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <glow/enum_names.h>
#include <glow/nn/glow.h>

#pragma GCC visibility push(default)

namespace glow {

/// The code bases whose trained weights can be imported. docs/how-to/import.md says what is known of each.
enum class CodeBase {
  /// Recognised by the names of the tensors.
  kAuto,
  /// Glow's published code (github.com/openai/glow), TensorFlow checkpoints.
  kOpenAI,
  /// github.com/rosinality/glow-pytorch
  kRosinality,
  /// github.com/y0ast/Glow-PyTorch
  kY0ast,
  /// github.com/chaiyujin/glow-pytorch
  kChaiyujin,
  /// github.com/VincentStimper/normalizing-flows: a MultiscaleFlow of GlowBlocks.
  kNormflows,
};

/// "auto", "openai", "rosinality", "y0ast", "chaiyujin", "normflows"
constexpr EnumNames<CodeBase, 6> enum_names(CodeBase) {
  return {"from",
          {{{"auto", CodeBase::kAuto},
            {"openai", CodeBase::kOpenAI},
            {"rosinality", CodeBase::kRosinality},
            {"y0ast", CodeBase::kY0ast},
            {"chaiyujin", CodeBase::kChaiyujin},
            {"normflows", CodeBase::kNormflows}}}};
}

/// What a checkpoint does not say about its model.
struct ImportOptions {
  /// Height of the images in pixels; 0: as written beside the checkpoint (openai's train.txt,
  /// y0ast's hparams.json).
  std::int64_t height = 0;
  /// Width of the images in pixels; 0: as `height`.
  std::int64_t width = 0;
  /// Bits per channel value, 1 to 8; 0: as `height`.
  std::int64_t bits = 0;
  /// The permutation of a model of y0ast or chaiyujin without 1x1 convolutions: kReverse. Its file does not say, and
  /// the order of kShuffle is lost.
  std::optional<nn::PermutationKind> permutation = std::nullopt;
  /// chaiyujin: the value of each label, for a model that was trained with several labels at once. The imported model
  /// is unconditional, for these labels.
  std::vector<double> class_vector = {};
  /// Names of the classes of a conditional model, one for each; or none.
  std::vector<std::string> class_names = {};
  /// openai: the moving averages in place of the weights.
  bool average = false;
};

/// The result of import_model.
struct ImportedModel {
  /// The model, in float32 and eval mode.
  nn::Glow model{nullptr};
  /// The code base that the checkpoint is from; never kAuto.
  CodeBase code_base = CodeBase::kAuto;
  /// The file beside the checkpoint that says the size or the bits of the images, "train.txt"; empty: they were given.
  std::string images_from{};
  /// What no file says and the code base's options could have changed, for people: "scale_map sigmoid"; may be empty.
  std::string assumed{};
  /// The tensors of the checkpoint that the model does not need, in groups: "76 tensors of the optimiser".
  std::vector<std::string> dropped{};
};

/// A model in float32 and eval mode with the weights of another code base: the same density and the same latents, up to
/// one rounding of each weight. `checkpoint`: the index, prefix or folder of a TensorFlow checkpoint, a file of
/// torch.save, or a tar or zip of one of these. Every tensor of the checkpoint is used or dropped for a known reason.
/// Throws IoError; FormatError naming the tensor that is missing, unknown, of a wrong shape or not finite; ConfigError
/// naming the option that is missing or that the code base does not have, and for models that cannot be imported.
ImportedModel import_model(const std::filesystem::path& checkpoint, const ImportOptions& options = {},
                           CodeBase code_base = CodeBase::kAuto);

}  // namespace glow

#pragma GCC visibility pop
