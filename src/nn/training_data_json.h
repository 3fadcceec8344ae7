#pragma once

#include <string>

#include <glow/nn/training_data.h>

namespace glow::nn {

/// The value of a model file's glow.data (docs/formats.md).
std::string to_json(const TrainingData& data);
/// The inverse of to_json. Throws FormatError naming the key.
TrainingData training_data_from_json(const std::string& text);

}  // namespace glow::nn
