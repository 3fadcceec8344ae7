#include "train/run_data.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/data/order.h>
#include <glow/error.h>
#include <glow/shard.h>

#include "nn/labels.h"

namespace glow::train {
namespace {

std::string shape_text(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return std::to_string(channels) + "x" + std::to_string(height) + "x" + std::to_string(width);
}

void require_labels(const data::Images& images, const std::string& split, std::int64_t num_classes) {
  nn::require_labels(split + " labels", images.labels(index_range(0, images.size())), num_classes);
}

void require_images(const data::Images* images, const std::string& split, const nn::GlowOptions& model) {
  if (images == nullptr || images->size() == 0) throw ConfigError(split + " images: there are none");
  const auto& geometry = images->geometry();
  if (images->channels() != model.channels || geometry.height != model.height || geometry.width != model.width) {
    throw ConfigError(split + " images: the model needs " + shape_text(model.channels, model.height, model.width) +
                      " (channels, height, width), got " +
                      shape_text(images->channels(), geometry.height, geometry.width));
  }
  if (model.num_classes > 0) require_labels(*images, split, model.num_classes);
}

}  // namespace

void require_usable(const nn::Glow& model, const RunData& data, const TrainOptions& options, std::int64_t processes) {
  Trainer::check(model, options, processes);
  require_images(data.train.get(), "training", model->options());
  require_images(data.valid.get(), "validation", model->options());
  if (data.test) require_images(data.test.get(), "test", model->options());
  if (data.training_data) data.training_data->validate();
  const data::BatchOrder refuses_a_batch_larger_than_the_set(data.train->size(), options.batch, options.seed);
}

nn::InitializeReport initialize(nn::Glow& model, const data::Images& images, const TrainOptions& options,
                                distributed::Communicator& processes) {
  const auto& shape = model->options();
  auto indices = data::epoch_order(images.size(), options.seed, 0);
  indices.resize(static_cast<std::size_t>(init_images(options.init_images, images.size(), shape.height, shape.width)));
  nn::InitializeOptions how{.chunk = options.batch};
  // With fewer images than processes each process takes all of them.
  if (const auto count = static_cast<std::int64_t>(indices.size()); processes.size() > 1 && count >= processes.size()) {
    const auto shard = processes.shard();
    indices = {indices.begin() + shard.begin(count), indices.begin() + shard.end(count)};
    how.sum_over_processes = [&processes](const torch::Tensor& tensor) { processes.sum(tensor); };
  }
  const auto bytes = images.bytes(indices).to(model->device());
  const auto x = model->quantizer().dequantize(
      bytes, /*draw=*/0,
      {.seed = options.seed, .stream = ops::Stream::kInitialisationNoise, .indices = indices, .dtype = model->dtype()});
  return model->initialize(x, how);
}

std::int64_t evaluation_batch(std::int64_t training_batch) {
  constexpr std::int64_t kMost = 64;
  return std::min(training_batch, kMost);
}

std::optional<nn::TrainingData> completed(std::optional<nn::TrainingData> record, const data::Images& valid,
                                          const TrainOptions& options) {
  if (!record) return record;
  record->resize = valid.geometry().resize;
  record->random_crop = valid.geometry().random_crop;
  record->seed = options.seed;
  record->batch = evaluation_batch(options.batch);
  return record;
}

}  // namespace glow::train
