#pragma once

#include <cstdint>

#include <glow/nn/glow.h>
#include <glow/train/training_run.h>

namespace glow::train {

/// Throws ConfigError for options that are not valid, or not for so many processes, and for images that are missing,
/// fewer than a batch, or do not fit the model (shape, labels).
void require_usable(const nn::Glow& model, const RunData& data, const TrainOptions& options, std::int64_t processes);

/// Starts the actnorms from the first images of the first epoch's order, not augmented, with draw 0 of the
/// dequantisation noise. The processes share them out, unless there are more processes than images.
nn::InitializeReport initialize(nn::Glow& model, const data::Images& images, const TrainOptions& options,
                                distributed::Communicator& processes);

}  // namespace glow::train
