#include "tools/train/train_model.h"

#include <glow/error.h>
#include <glow/nn/model_file.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

void refuse_other_model(const TrainSettings& settings, const nn::ModelInfo& info, const ImageSplits& images) {
  const auto start = settings.run.init_from + " is a model of ";
  if (info.options.channels != settings.model.channels) {
    throw ConfigError("init_from", start + std::to_string(info.options.channels) + " channels, the images have " +
                                       std::to_string(settings.model.channels));
  }
  const bool other_names = !info.class_names.empty() && info.class_names != images.class_names;
  if (other_names || info.options.num_classes != settings.model.num_classes) {
    throw ConfigError("init_from", start + "other classes than " + settings.data.data);
  }
}

}  // namespace

void fit_model_to_images(TrainSettings& settings, const ImageSplits& images) {
  auto& model = settings.model;
  model.channels = images.train->channels();
  model.height = settings.data.image_size.height;
  model.width = settings.data.image_size.width;
  model.num_classes = static_cast<std::int64_t>(images.class_names.size());
  if (settings.training.weight_y > 0 && model.num_classes == 0) {
    throw ConfigError("weight_y", "expected 0 without --conditional, got " + brief(settings.training.weight_y));
  }
  if (!settings.run.init_from.empty() && !settings.run.resume) {
    refuse_other_model(settings, nn::read_model_info(settings.run.init_from), images);
  }
  try {
    model.validate();
  } catch (const ConfigError& error) {
    if (error.field() != "height" && error.field() != "width") throw;
    throw ConfigError("image_size", error.what());
  }
}

nn::Glow make_model(const TrainSettings& settings, const ImageSplits& images, const Compute& compute) {
  const bool is_new = settings.run.init_from.empty() || settings.run.resume;
  auto model = is_new ? nn::Glow(settings.model, settings.training.seed) : nn::load_model(settings.run.init_from);
  model->set_class_names(images.class_names);
  model->to(compute.device, compute.dtype);
  model->set_hidden_precision(compute.hidden);
  return model;
}

}  // namespace glow::tools
