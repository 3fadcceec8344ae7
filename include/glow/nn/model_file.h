#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <glow/nn/glow.h>

#pragma GCC visibility push(default)

namespace glow::nn {

struct ModelInfo;

/// Reads a model file (docs/formats.md): the model in eval mode, float32, on `device`. `info`, if not null, receives
/// the metadata of the same file, even if another file replaces it during the call. Throws ConfigError naming `device`
/// for a device that LibTorch cannot use, IoError if the file cannot be opened, FormatError naming the file and the
/// defect. Never returns a partly loaded model.
Glow load_model(const std::filesystem::path& path, torch::Device device = torch::kCPU, ModelInfo* info = nullptr);

/// Writes a model file with the model's class names and training_data; atomically replaces an existing file. float64
/// weights are rounded to float32. Returns its checksum. Throws ConfigError for a model that is not initialised,
/// NumericalError naming a tensor that is not finite, IoError when the file cannot be written.
std::string save_model(const Glow& model, const std::filesystem::path& path);

/// The metadata of a model file.
struct ModelInfo {
  /// The hyperparameters.
  GlowOptions options;
  /// Names of the classes; empty if unknown.
  std::vector<std::string> class_names;
  /// Nullopt if the file has no glow.data.
  std::optional<TrainingData> training_data;
  /// Version of the library that wrote the file.
  std::string version;
  /// SHA-256, 64 hexadecimal digits.
  std::string checksum;
};

/// Reads the metadata alone, without the weights and without verifying the checksum. Throws IoError, FormatError.
ModelInfo read_model_info(const std::filesystem::path& path);

}  // namespace glow::nn

#pragma GCC visibility pop
