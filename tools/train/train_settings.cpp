#include "tools/train/train_settings.h"

#include <algorithm>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/nn/model_file.h>
#include <glow/train/options.h>
#include <glow/train/run_directory.h>

#include "tools/common/flags.h"
#include "tools/common/presets.h"
#include "tools/common/text.h"
#include "tools/train/run_config.h"

namespace glow::tools {
namespace {

using enum Kept;

std::vector<FlagText> data_rows() {
  return {
      source_row("data", "Data", ""),
      {"image_size", "Data", "S|HxW", "height and width in pixels; not given: that of the source", kFixed},
      {"resize", "Data", "R|fit",
       "scale the shorter side to R pixels, then crop; fit: scale the largest centre part down, or only crop with "
       "--random-crop",
       kFixed, "", number_word("fit", 0)},
      {"random_crop", "Data", "", "train on random crops instead of central ones; evaluations use central crops",
       kFixed},
      {"flip", "Data", "", "mirror training images at random", kFixed},
      {"shift", "Data", "", "shift training images at random by up to a tenth of their size", kFixed},
      {"conditional", "Data", "", "train a class-conditional model; the classes of a folder are its sub-folders",
       kFixed},
      {"valid_images", "Data", "N|auto",
       "training images to hold out for validation; auto: none if the data set has a validation split, else a tenth, "
       "at most 5,000",
       kFixed, "", number_word("auto", -1)},
      {"split_seed", "Data", "S",
       "seed that chooses the held-out images; not given: --seed, or with --init-from the images that were held out "
       "from that model",
       kFixed},
  };
}

std::vector<FlagText> run_rows() {
  return {
      {"out", "Run", "DIR", "directory of the run"},
      overwrite_row("Run", "an earlier run in the folder"),
      {"resume", "Run", "", "continue the run in the directory --out"},
      {"accept_data", "Run", "",
       "with --resume: continue although the content of images has changed, because one was repaired for example; "
       "their "
       "number must be the same"},
      {.field = "preset",
       .group = "Run",
       .value = "NAME",
       .help = "use the settings of a preset, listed below; other flags override them",
       .choices = preset_names()},
      {"init_from", "Run", "MODEL", "start from the weights of a model file", kFixed},
      {"dry_run",
       "Run",
       "",
       "print what would be trained, how much memory it takes and, after a few steps that are not kept, how long; then "
       "stop",
       kNo,
       "",
       {},
       {},
       "print what would be trained, the memory and the time it takes; then stop"},
      {"dry_run_steps", "Run", "N|none", "steps that --dry-run measures, after one to warm up", kNo, "",
       number_word("none", 0)},
      {"quiet", "Run", "", "print errors only", kNo},
  };
}

std::vector<FlagText> model_rows() {
  return {
      {"family", "Model", "NAME",
       all_names<nn::Family>() + ": Glow, RealNVP (Dinh et al. 2016) or NICE (Dinh et al. 2014)", kFixed},
      {"bits", "Model", "B", "bits per channel value, 1 to 8", kFixed},
      {"levels", "Model", "L", "number of scales; height and width must be multiples of 2^L (nice has one)", kFixed},
      {"depth", "Model", "K", "flow steps per level (glow, nice)", kFixed},
      {"hidden_width", "Model", "W",
       "channels of the coupling networks' hidden layers; realnvp: on the first level, doubling with each level",
       kFixed, "width"},
      {"permutation", "Model", "KIND", "conv1x1, lu, shuffle or reverse (glow)", kFixed},
      {"coupling", "Model", "KIND", all_names<nn::CouplingKind>() + " (glow)", kFixed},
      {"edge_bias", "Model", "", "no extra input plane that marks the image's edges for 3x3 convolutions (glow)",
       kFixed, "no-edge-bias"},
      {"learn_top", "Model", "", "keep the prior of the top latent at N(0, I) (glow)", kFixed, "no-learn-top"},
      {"residual_blocks", "Model", "B", "residual blocks per coupling network (realnvp)", kFixed},
      {"network", "Model", "KIND", "convolutional or dense coupling networks (nice)", kFixed},
      {"hidden_layers", "Model", "N", "hidden layers of a dense network (nice)", kFixed},
      {"prior", "Model", "KIND", "prior of the latents: gaussian or logistic (nice)", kFixed},
  };
}

std::vector<FlagText> training_rows() {
  return {
      {"batch", "Training", "N", "images per step, in all processes together", kFixed},
      {"accumulate", "Training", "N", "compute the images of a step in N parts, one after the other, to save memory",
       kChangeable},
      {"steps", "Training", "N|auto", "length of the run in steps; auto: --epochs", kChangeable, "",
       number_word("auto", 0)},
      {"epochs", "Training", "E", "length of the run in passes over the training images", kChangeable},
      {"lr", "Training", "RATE", "learning rate after the warm-up", kFixed},
      {"optimizer", "Training", "KIND", "adamax or adam", kFixed},
      {"warmup_epochs",
       "Training",
       "E|auto|none",
       "length of the linear warm-up, in epochs of 50,000 images of 32x32; auto: the published 10, but at most a tenth "
       "of the run",
       kFixed,
       "",
       {{"auto", "-1"}, {"none", "0"}}},
      {"beta2", "Training", "B|auto",
       "decay of the second moment; auto: computed from the batch as in Glow's published code, but at least 0.9",
       kFixed, "", number_word("auto", 0)},
      {"ema_decay",
       "Training",
       "D|auto|none",
       "decay of the weights' average; auto: computed like --beta2; none: no average",
       kFixed,
       "",
       {{"auto", "-1"}, {"none", "0"}}},
      {"init_images", "Training", "N|auto", "images that initialise the actnorms; auto: computed from the image size",
       kFixed, "", number_word("auto", 0)},
      {"clip_norm", "Training", "G|none", "largest gradient norm", kFixed, "", number_word("none", 0)},
      {"skip_limit", "Training", "N",
       "after N skipped steps in a row (loss or gradient not finite) the run goes back to a checkpoint and halves the "
       "learning rate",
       kChangeable},
      {"weight_y", "Training", "W", "weight of the auxiliary classifier's loss", kFixed},
      {"memory", "Training", "POLICY",
       "store, recompute or reversible: what the forward pass keeps; in this order less memory, more computation",
       kChangeable},
      {"cuda_graph", "Training", "", "on a GPU: do not capture steps as CUDA graphs", kChangeable, "no-cuda-graph"},
      seed_row("Training", "all random numbers"),
  };
}

std::vector<FlagText> reporting_rows() {
  const NumberWords words{{"auto", "-1"}, {"end", "0"}};
  return {
      {"log_every", "Reporting", "N", "steps between lines of the log", kChangeable},
      {"eval_every", "Reporting", "N|auto|end",
       "steps between evaluations; end: only at the end; auto: a tenth of the run, 10 to 2,000, and enough that "
       "evaluations score no more images than steps train on",
       kChangeable, "", words},
      {"sample_every", "Reporting", "N|auto|end",
       "steps between sample grids; end: only at the end; auto: as between evaluations", kChangeable, "", words},
      {"checkpoint_every", "Reporting", "N|auto|end",
       "steps between checkpoints; end: only at the start and the end; auto: as between evaluations", kChangeable, "",
       words},
      {"keep", "Reporting", "N",
       "newest scheduled checkpoints to keep, in addition to one that a stop or the end may write", kChangeable},
  };
}

/// The flags of the preset that apply to the family and are not on the command line.
GivenFlags preset_layer(const GivenFlags& given, const TrainSettings& settings, const Flags& flags) {
  GivenFlags layer;
  if (settings.run.preset.empty()) return layer;
  for (const auto& flag : preset_flags(settings.run.preset)) {
    const bool other_length = flag.name == "steps" && find(given, "epochs");
    const bool other_family = !nn::has_field(settings.model.family, flags.at(flag.name).text.field);
    if (!find(given, flag.name) && !other_length && !other_family) layer.push_back(flag);
  }
  return layer;
}

/// Applies the given flags to the settings of an earlier run or model, which they must not contradict.
void set_agreeing(const Flags& flags, const GivenFlags& given, const std::string& earlier, const RunSettings& run) {
  std::vector<std::string> changeable;
  for (const auto& flag : flags.all()) {
    if (flag.text.kept == kChangeable) changeable.push_back("--" + flag.name);
  }
  for (const auto& each : given) {
    try {
      flags.set_agreeing({each}, earlier);
    } catch (const ConfigError& error) {
      if (!run.resume) throw;
      const bool is_of_training = flags.at(each.name).text.group == "Training";
      throw ConfigError(std::string(error.what()) + "; a resume may change " + joined(changeable) + "; a new run " +
                        (is_of_training ? "with --init-from " + train::RunDirectory(run.out).model().string() +
                                              " may change the other flags of training"
                                        : "may change everything"));
    }
  }
}

/// Runs `set`. A ConfigError that it throws names the preset, whose flags the user did not write.
template <class Set>
void naming_preset(const std::string& preset, Set&& set) {
  try {
    set();
  } catch (const ConfigError& error) {
    throw ConfigError("preset", preset + ": " + error.what());
  }
}

/// Whether a flag was given, and not with "false" or a word (or its number) that leaves the choice to another flag, as
/// "auto".
bool chooses(const GivenFlags& given, const Flags& flags, const char* name) {
  const auto* flag = find(given, name);
  if (flag == nullptr || flag->value == "false") return false;
  return std::ranges::none_of(flags.at(name).text.words, [&](const auto& word) {
    return flag->value == word.first || flag->value == word.second;
  });
}

void refuse_together(const GivenFlags& given, const Flags& flags, const char* one, const char* other) {
  if (chooses(given, flags, one) && chooses(given, flags, other)) {
    throw ConfigError("--" + std::string(one) + " and --" + other + " contradict each other");
  }
}

/// Earlier versions chose smaller automatic decays for large batches; a resumed run keeps its decays.
void keep_decays(train::TrainOptions& training, const Json& resolved) {
  const auto chosen = [&](const char* key) {
    const auto value = resolved.value(key, Json());
    return value.is_number() ? value.get<double>() : train::Schedule::kSmallestDecay;
  };
  const auto beta2 = chosen("beta2"), ema_decay = chosen("ema_decay");
  if (training.beta2 == 0 && beta2 < train::Schedule::kSmallestDecay) {
    // The flag cannot express a decay of 0: its value 0 means "automatic".
    if (beta2 <= 0)
      throw ConfigError("beta2: the run had 0, which this version does not choose; --init-from starts anew");
    training.beta2 = beta2;
  }
  if (training.ema_decay < 0 && ema_decay < train::Schedule::kSmallestDecay) training.ema_decay = ema_decay;
}

void restore(TrainSettings& settings, const Flags& flags, const std::filesystem::path& config) {
  try {
    const auto before = read_run_config(config);
    flags.restore(before.options);
    keep_decays(settings.training, before.resolved);
    // Earlier versions judged the channels by how the images are stored, so that a set in grey could be RGB.
    const bool has_channels = before.options.contains("image_channels");
    const auto* kind = images::parse_specification(settings.data.data).kind;
    if (!has_channels && kind != nullptr && kind->has_image_files && before.model.value("channels", Json()) == 3)
      settings.data.source.channels = Channels::kRgb;
    settings.data.found_data = place_of_data(before);
  } catch (const ConfigError& error) {
    throw FormatError(config, error.what());
  }
}

/// Applies the settings of the run of --resume or of the model of --init-from. Returns the path of its file; empty when
/// neither is given.
std::string earlier_layer(TrainSettings& settings, const Flags& flags) {
  if (settings.run.resume) {
    const auto config = train::RunDirectory(settings.run.out).config();
    restore(settings, flags, config);
    return config.string();
  }
  if (settings.run.init_from.empty()) return "";
  settings.model = nn::read_model_info(settings.run.init_from).options;
  settings.data.image_size = {settings.model.height, settings.model.width};
  settings.data.conditional = settings.model.num_classes > 0;
  return settings.run.init_from;
}

}  // namespace

const std::vector<FlagText>& train_flag_table() {
  static const auto table = data_rows() + source_setting_rows("Data", kFixed) + run_rows() + model_rows() +
                            training_rows() + reporting_rows() + compute_rows(Launchable::kYes) +
                            std::vector{data_threads_row()};
  return table;
}

void resolve_settings(TrainSettings& settings, const Flags& flags, GivenFlags given) {
  refuse_together(given, flags, "steps", "epochs");
  refuse_together(given, flags, "overwrite", "resume");
  if (settings.run.accept_data && !settings.run.resume) throw ConfigError("accept_data", "is only for --resume");
  for (auto& flag : given) {
    // As it is stored, so that a resume in another directory may repeat the flag.
    if (flag.name == "init-from" && !flag.value.empty())
      flag.value = std::filesystem::absolute(with_home(flag.value)).lexically_normal().string();
  }
  if (settings.run.resume && settings.training.warmup_epochs < 0) {
    // The run has a number for it.
    std::erase_if(given, [](const GivenFlag& flag) { return flag.name == "warmup-epochs"; });
  }
  const auto of_preset = preset_layer(given, settings, flags);
  auto wanted = of_preset;
  wanted.insert(wanted.end(), given.begin(), given.end());
  if (settings.run.out.empty() && !settings.run.dry_run) {
    throw ConfigError("out", "expected a directory, none is given");
  }

  // Each of these layers overrides the one before.
  settings.model = nn::GlowOptions::of_family(settings.model.family);
  flags.set(wanted);
  const auto earlier = earlier_layer(settings, flags);
  if (!earlier.empty()) {
    naming_preset(settings.run.preset, [&] { set_agreeing(flags, of_preset, earlier, settings.run); });
    set_agreeing(flags, given, earlier, settings.run);
  }
  if (find(wanted, "data")) {
    settings.data.found_data = "";
  } else if (settings.run.resume) {
    require_data(settings.data, earlier);
  }

  if (find(wanted, "epochs") && !find(wanted, "steps")) settings.training.steps = 0;
  settings.training.validate();
  require_at_least("dry_run_steps", settings.run.dry_run_steps, 0);
}

ConfigError with_origin(const ConfigError& error, const std::string& preset, const GivenFlags& given) {
  const std::string field(error.field());
  const auto name = field.substr(field.starts_with("--") ? 2 : 0);
  if (preset.empty() || find(given, name) || !find(preset_flags(preset), name)) return error;
  return {"--preset", preset + " sets " + error.what()};
}

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

void fit_to_images(TrainSettings& settings, const ImageSplits& images) {
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
    // Flags need not have been given: the images have a size, and the family a number of levels.
    throw ConfigError("images of " + std::to_string(model.height) + "x" + std::to_string(model.width) + ": " +
                      error.what() + " (--image-size changes the size)");
  }
  settings.training =
      train::with_lengths(settings.training, images.train->size(), images.valid->size(), model.height, model.width);
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
