#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <glow/nn/glow.h>

namespace glow::nn {

struct ModelInfo;

/// Reads a model file (docs/formats.md): the model in eval mode, float32, on `device`. `info`, if not null, gets what
/// the same file says of itself, also when another replaces it meanwhile.
/// Throws IoError when it cannot be opened, FormatError naming the file and what is wrong with it; nothing is half
/// loaded.
Glow load_model(const std::filesystem::path& path, torch::Device device = torch::kCPU, ModelInfo* info = nullptr);

/// Writes a model file with the model's class names and training_data, atomically, replacing an older one; float64
/// weights are rounded to float32. Returns its checksum. Throws ConfigError for a model that was never initialised,
/// NumericalError naming a tensor that is not finite, IoError when the file cannot be written.
std::string save_model(const Glow& model, const std::filesystem::path& path);

/// What a model file says of itself.
struct ModelInfo {
  GlowOptions options;
  std::vector<std::string> class_names;
  /// Nullopt when the file does not say.
  std::optional<TrainingData> training_data;
  /// Of the library that wrote it.
  std::string version;
  /// SHA-256, 64 hexadecimal digits.
  std::string checksum;
};

/// Reads the metadata alone, without the weights and without verifying the checksum. Throws IoError, FormatError.
ModelInfo read_model_info(const std::filesystem::path& path);

}  // namespace glow::nn
