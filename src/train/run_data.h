#pragma once

#include <cstdint>
#include <optional>

#include <glow/nn/glow.h>
#include <glow/train/training_run.h>

namespace glow::train {

/// Throws ConfigError for options that are invalid, or invalid for this number of processes, and for images that are
/// missing, fewer than a batch, or do not fit the model (shape, labels).
void require_usable(const nn::Glow& model, const RunData& data, const TrainOptions& options, std::int64_t processes);

/// Initialises the actnorms from the first images of the first epoch's order, not augmented, with draw 0 of the
/// dequantisation noise. Each process takes a shard of the images, or all when there are fewer images than processes.
nn::InitializeReport initialize(nn::Glow& model, const data::Images& images, const TrainOptions& options,
                                distributed::Communicator& processes);

/// Number of images that an evaluation scores at once: independent of the number of processes, so that the scores are
/// too.
std::int64_t evaluation_batch(std::int64_t training_batch);

/// RunData::training_data, with the fields that the run sets.
std::optional<nn::TrainingData> completed(std::optional<nn::TrainingData> record, const data::Images& valid,
                                          const TrainOptions& options);

}  // namespace glow::train
