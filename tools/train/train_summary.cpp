#include "tools/train/train_summary.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>

#include <glow/images/source.h>
#include <glow/nn/compute.h>
#include <glow/nn/model_file.h>
#include <glow/train/options.h>
#include <glow/train/run_directory.h>
#include <glow/train/trainer.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

/// Tensors of the parameters' size: parameters, gradients, two moments, the average, the averaged model and its folded
/// weights; and, during a step, the gradients of a level, which for the deepest level are about half of all.
constexpr double kCopiesOfParameters = 7.5;

/// Not measured: a context of the driver and two workspaces of cuBLAS; NCCL's buffers.
constexpr double kCudaBytes = 0.6e9, kNcclBytes = 0.5e9;

/// Values per pixel of a level.
struct PixelNumbers {
  /// Kept by a flow step for its backward pass.
  double kept;
  /// Used temporarily by the backward pass of one step.
  double used;
};

PixelNumbers pixel_numbers(const nn::GlowOptions& model, std::int64_t level, nn::MemoryPolicy memory,
                           double hidden_size) {
  const auto channels = static_cast<double>(nn::level_shape(model, level).channels);
  const auto [activations, workspace] = nn::network_memory(model, level, hidden_size);
  const auto used = workspace + 4 * channels;
  switch (memory) {
    case nn::MemoryPolicy::kStore:
      return {channels + activations, used};
    case nn::MemoryPolicy::kRecompute:
      return {channels, used + activations};
    case nn::MemoryPolicy::kReversible:
      break;
  }
  return {0, used + activations + 2 * channels};
}

}  // namespace

MemoryEstimate estimate_memory(const nn::GlowOptions& model, const train::TrainOptions& training,
                               const Compute& compute, std::int64_t processes) {
  const double hidden_size = compute.hidden == nn::HiddenPrecision::kBf16 ? 0.5 : 1;
  // Number of images in the largest part.
  const auto parts = processes * training.accumulate;
  const auto images = (training.batch + parts - 1) / parts;
  double kept = 0, used = 0;
  for (std::int64_t level = 0; level < model.levels; ++level) {
    const auto shape = nn::level_shape(model, level);
    const auto pixels = static_cast<double>(images * shape.height * shape.width);
    const auto numbers = pixel_numbers(model, level, training.memory, hidden_size);
    constexpr double kEnds = 3;  // the input and output of a level, and its latent
    kept += pixels * (static_cast<double>(nn::step_count(model, level)) * numbers.kept +
                      kEnds * static_cast<double>(shape.channels));
    used = std::max(used, pixels * numbers.used);
  }
  // A graph keeps the memory of its step, also while the tensors of an evaluation exist.
  if (train::why_no_cuda_graph(model, training, compute.device, processes).empty()) kept += used;
  const auto number_size = static_cast<double>(c10::elementSize(compute.dtype));
  return {.parameters = kCopiesOfParameters * number_size * static_cast<double>(nn::parameter_count(model)),
          .activations = number_size * (kept + used),
          .libraries = compute.device.is_cuda() ? kCudaBytes + (processes > 1 ? kNcclBytes : 0) : 0};
}

namespace {

std::string model_text(const nn::GlowOptions& model) {
  auto text = nn::describe(model);
  if (model.num_classes > 0) text += ", " + grouped(model.num_classes) + " classes";
  return text + "\n" + grouped(nn::parameter_count(model)) + " parameters";
}

std::string image_text(const nn::GlowOptions& model) {
  const auto colour = model.channels == 1   ? " grey"
                      : model.channels == 3 ? " RGB"
                                            : " with " + std::to_string(model.channels) + " channels";
  return std::to_string(model.height) + "x" + std::to_string(model.width) + colour + ", " +
         count_text(model.bits, "bit");
}

std::string data_text(const DataSettings& data, const ImageSplits& images) {
  const auto test = images.test ? grouped(images.test->size()) + " test" : "no test split";
  std::string text = data.data + "\n" + grouped(images.train->size()) + " training, " + grouped(images.valid->size()) +
                     " validation" + (images.record.held_out > 0 ? " (held out)" : "") + ", " + test;
  const bool skips = data.source.skip_corrupt || data.source.skip_small;
  if (skips) text += ", " + grouped(std::ssize(images.notes.skipped)) + " left out";
  if (data.geometry.random_crop) text += ", random crops";
  if (data.geometry.flip) text += ", flips";
  if (data.geometry.shift) text += ", shifts";
  const auto* kind = images::parse_specification(data.data).kind;
  const bool has_metadata = kind != nullptr && kind->has_image_files;
  if (has_metadata) text += "\nturned upright by their Exif orientation; colour profiles and gamma are ignored";
  return text;
}

/// A line about decays that differ from the published ones; empty when there are none.
std::string decay_text(const train::TrainOptions& training, const nn::GlowOptions& model) {
  const train::Schedule schedule(training, model.height, model.width);
  if (!schedule.is_floored()) return "";
  std::string names;
  if (training.beta2 == 0) names = "beta2";
  if (training.ema_decay < 0) names += names.empty() ? "ema-decay" : " and ema-decay";
  if (names.empty()) return "";
  return "\n" + names + " " + brief(training.beta2 == 0 ? schedule.beta2() : schedule.ema_decay()) +
         " instead of the published rule's lower value, because a batch has as many pixels as " +
         grouped(training.batch * model.height * model.width / (32 * 32)) + " images of 32x32";
}

std::string warmup_text(const train::TrainOptions& training, std::int64_t steps, const nn::GlowOptions& model) {
  const train::Schedule schedule(training, model.height, model.width);
  const auto warmup = schedule.warmup_steps();
  if (warmup == 0) return "no warm-up";
  auto text = "warm-up " + count_text(warmup, "step");
  if (warmup == steps / 10) text += " (a tenth of the run)";
  if (warmup > steps) {
    const auto part = schedule.learning_rate(steps - 1) / training.learning_rate;
    text += ": longer than the run (" + count_text(steps, "step") + "), which ends at " + fixed(100 * part, 0) +
            " % of --lr";
  }
  return text;
}

std::string training_text(const train::TrainOptions& training, std::int64_t train_images,
                          const nn::GlowOptions& model) {
  const auto steps_an_epoch = static_cast<double>(train_images) / static_cast<double>(training.batch);
  const auto steps = train::total_steps(training, train_images);
  const auto epochs = static_cast<double>(steps) / steps_an_epoch;
  return grouped(steps) + " steps of " + std::to_string(training.batch) + " images (" + fixed(epochs, 1) +
         " epochs)\n" + to_string(training.optimizer) + ", learning rate " + brief(training.learning_rate) + ", seed " +
         std::to_string(training.seed) + "\n" + warmup_text(training, steps, model) + decay_text(training, model);
}

}  // namespace

std::string score_text(const evaluate::ScoreSummary& score) {
  if (score.non_finite == score.images) return "none of " + grouped(score.images) + " images has a finite density";
  auto text = fixed(score.bits_per_dim.mean, 4);
  const auto error = score.bits_per_dim.standard_error;
  if (!std::isnan(error)) text += " +- " + fixed(error, 4);
  text += " bits/dim of " + count_text(score.images, "image");
  if (score.non_finite > 0) text += ", without " + grouped(score.non_finite) + " whose density is not finite";
  return text;
}

std::string device_text(const TrainSettings& settings, const Compute& compute, std::int64_t processes) {
  if (compute.device.is_cpu()) return compute.text;
  const auto reason = train::why_no_cuda_graph(settings.model, settings.training, compute.device, processes);
  return compute.text + (reason.empty() ? ", CUDA graph" : ", no CUDA graph (" + reason + ")");
}

std::string precision_note(const TrainSettings& settings, const Compute& compute, std::int64_t processes) {
  const bool is_fp32 = compute.dtype == torch::kFloat && compute.hidden == nn::HiddenPrecision::kFull;
  if (!compute.gpu_has_bf16 || !is_fp32 || settings.run.resume) return "";
  auto in_bf16 = compute;
  in_bf16.hidden = nn::HiddenPrecision::kBf16;
  const auto memory = [&](const Compute& each) {
    return bytes(estimate_memory(settings.model, settings.training, each, processes).sum());
  };
  return "note: fp32 does not use this GPU's tensor cores; --precision bf16 does, with about " + memory(in_bf16) +
         " of memory instead of " + memory(compute) + " (--precision fp32: without this note)";
}

std::string describe_start(const TrainSettings& settings, const ImageSplits& images, const Compute& compute,
                           const Processes& processes) {
  Listing listing;
  listing.add("model", model_text(settings.model));
  listing.add("images", image_text(settings.model));
  listing.add("data", data_text(settings.data, images));
  listing.add("training", training_text(settings.training, images.train->size(), settings.model));
  if (processes.are_several()) listing.add("processes", processes.text());
  const auto size = processes.launch().size;
  listing.add("device", device_text(settings, compute, size));
  const auto memory = estimate_memory(settings.model, settings.training, compute, size);
  listing.add("memory", "about " + bytes(memory.sum()) + " (an estimate: " + to_string(settings.training.memory) +
                            "; parameters and optimiser " + bytes(memory.parameters) + ", activations " +
                            bytes(memory.activations) +
                            (memory.libraries > 0 ? ", the GPU's libraries " + bytes(memory.libraries) : "") + ")");
  if (!settings.run.out.empty()) listing.add("directory", settings.run.out);
  return listing.text();
}

std::string describe_trial(const Trial& trial, const train::TrainOptions& training, std::int64_t train_images) {
  if (trial.steps == 0 && trial.not_measured.empty()) return "";
  Listing listing;
  if (trial.steps == 0) {
    listing.add("time", trial.not_measured);
    return listing.text();
  }
  const auto steps = train::total_steps(training, train_images);
  const auto seconds = trial.seconds;
  const auto rate = static_cast<double>(training.batch) / seconds;
  const auto step = seconds < 1 ? fixed(1000 * seconds, seconds < 0.01 ? 1 : 0) + " ms" : fixed(seconds, 1) + " s";
  listing.add("time", "about " + rough_duration(static_cast<double>(steps) * seconds) + " for the whole run (" +
                          count_text(steps, "step") + " at " + step + ", " + fixed(rate, rate < 10 ? 1 : 0) +
                          " images/s, measured on this machine; without evaluations)");
  constexpr double kOfABusyMachine = 0.5;
  if (trial.cpu_part < kOfABusyMachine) {
    listing.add("", "less when the machine is idle: other processes took most of the time of its cores");
  }
  if (trial.peak_bytes > 0) {
    listing.add("", bytes(trial.peak_bytes) + " of memory were in use during " +
                        (trial.steps == 1 ? "this step" : "these steps"));
  }
  return listing.text();
}

std::string small_set_note(const TrainSettings& settings, const ImageSplits& images) {
  constexpr std::int64_t kFewImages = 2000;
  const auto& run = settings.run;
  auto usual = nn::GlowOptions::of_family(settings.model.family);
  usual.channels = settings.model.channels;
  usual.height = settings.model.height;
  usual.width = settings.model.width;
  usual.num_classes = settings.model.num_classes;
  const auto count = images.train->size() + images.record.held_out;
  const bool is_chosen = run.resume || !run.preset.empty() || !run.init_from.empty() || settings.model != usual;
  if (is_chosen || count >= kFewImages) return "";
  const auto parameters = nn::parameter_count(settings.model);
  return "note: " + count_text(count, "picture") + " are few for " +
         (parameters < 1'000'000 ? grouped(parameters)
                                 : grouped(std::llround(1e-6 * static_cast<double>(parameters))) + " million") +
         " parameters; --preset pictures is made for such sets";
}

std::string describe_end(const TrainSettings& settings, const ImageSplits& images, const train::RunResult& result,
                         double seconds) {
  const train::RunDirectory directory(settings.run.out);
  const auto untested =
      images.test ? "scored earlier, when the run reached its end" : settings.data.data + " has no test split";
  Listing listing;
  listing.add("validation", fixed(result.best_bits_per_dim, 4) + " bits/dim, the best of the run, after step " +
                                grouped(result.best_step) + " of " + grouped(result.steps_done));
  listing.add("test", result.test ? score_text(*result.test) : untested);
  if (result.skipped > 0) {
    listing.add("skipped", count_text(result.skipped, "step") + " whose loss or gradient was not finite");
  }
  if (result.rollbacks > 0) {
    listing.add("rollbacks", grouped(result.rollbacks) + ", each of which halved the learning rate");
  }
  listing.add("model", directory.model().string());
  const auto samples = directory.sample_grid(result.steps_done);
  listing.add("samples", std::filesystem::exists(samples) ? samples.string() : "none: the model has no inverse");
  listing.add("metrics", directory.metrics().string());
  listing.add("report", directory.report().string());
  listing.add("time", duration(seconds));
  return listing.text();
}

}  // namespace glow::tools
