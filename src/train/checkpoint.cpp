#include <glow/train/checkpoint.h>

#include <string_view>
#include <type_traits>

#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/io/safetensors.h>
#include <glow/version.h>

#include "io/errors.h"
#include "io/json_object.h"
#include "nn/tensor_bytes.h"
#include "train/run_files.h"

namespace glow::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "glow-checkpoint";
constexpr const char* kExtension = ".safetensors";
constexpr const char* kBufferPrefix = "buffers.";
/// Also the version of the flat tensors' layout. Version 2 has no options, versions 2 and 3 have no warm-up.
constexpr std::int64_t kFormatVersion = 4, kOldestVersion = 2;
constexpr std::string_view kSinceVersion4 = "warmup_epochs";

std::string training_json(const TrainingState& state) {
  Json json{{"format_version", kFormatVersion}};
  const TrainingProgress& progress = state;
  // JSON has no infinity: best_bits_per_dim is null before the first evaluation.
  json.update(io::json_of_fields(progress));
  json["options"] = state.options ? io::json_of_fields(*state.options) : Json();  // null when they are not known
  return json.dump();
}

void parse_training(const std::string& text, TrainingState& state) {
  try {
    const auto json = Json::parse(text);
    const auto version = json.at("format_version").get<std::int64_t>();
    if (version < kOldestVersion || version > kFormatVersion) {
      throw FormatError("glow.training: format_version " + std::to_string(version) + ", this library reads " +
                        std::to_string(kOldestVersion) + " to " + std::to_string(kFormatVersion));
    }
    TrainingProgress& progress = state;
    visit_fields(progress, [&](const char* key, auto& value, auto...) {
      if (version < 4 && key == kSinceVersion4) return;
      const auto& number = json.at(key);
      const bool is_infinite = std::is_same_v<decltype(value), double&> && number.is_null();
      if (!is_infinite) number.get_to(value);
    });
    const auto options = version > kOldestVersion ? json.at("options") : Json();
    if (options.is_null()) return;
    visit_fields(state.options.emplace(), [&](const char* key, auto& value) { io::get_value(options.at(key), value); });
  } catch (const ConfigError& error) {
    throw FormatError(std::string("glow.training: ") + error.what());
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(std::string("glow.training: ") + error.what());
  }
}

torch::Tensor take(std::map<std::string, torch::Tensor>& tensors, const std::string& name) {
  auto node = tensors.extract(name);
  if (node.empty()) throw FormatError("missing tensor '" + name + "'");
  return node.mapped();
}

TrainingState parse_state(const std::string& training, const std::vector<io::TensorEntry>& entries) {
  TrainingState state;
  parse_training(training, state);
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& entry : entries) tensors.emplace(entry.name, nn::to_tensor(entry));
  visit_flat_tensors(state, [&](const char* name, torch::Tensor& tensor) { tensor = take(tensors, name); });
  const std::string prefix = kBufferPrefix;
  for (auto& [name, tensor] : tensors) {
    if (!name.starts_with(prefix)) throw FormatError("unknown tensor " + io::in_quotes(name));
    state.buffers.emplace(name.substr(prefix.size()), tensor);
  }
  return state;
}

/// Parses a file whose checksum has been verified.
LoadedCheckpoint parse_checkpoint(const io::SafetensorsReader& file) {
  file.require_format(kFormat, "a checkpoint of glow-train");
  const auto& config = file.metadata_value("glow.config");
  const auto& training = file.metadata_value("glow.training");
  try {
    return {parse_state(training, file.entries()), config};
  } catch (const FormatError& error) {
    throw FormatError(file.path(), error.what());
  }
}

/// Reads the header alone: true also when the tensors are damaged, false when the file is not a checkpoint.
bool is_scheduled(const std::filesystem::path& path) {
  try {
    TrainingState state;
    parse_training(io::SafetensorsReader(path).metadata_value("glow.training"), state);
    return state.scheduled;
  } catch (const FormatError&) {
    return false;
  }
}

void remove_others(const std::filesystem::path& directory, std::int64_t step, std::int64_t keep) {
  for (const auto& file : step_files(directory, kExtension)) {
    const bool is_kept = file.step <= step && keep > 0 && is_scheduled(file.path);
    if (is_kept) --keep;
    if (is_kept || file.step == step) continue;
    std::error_code error;
    std::filesystem::remove(file.path, error);
    if (error) throw io::cannot_write(file.path, error.message());
  }
}

}  // namespace

std::filesystem::path write_checkpoint(const std::filesystem::path& directory, TrainingState state,
                                       const std::string& config, const CheckpointPolicy& policy) {
  state.scheduled = policy.is_scheduled(state);
  nn::TensorBytes tensors;
  visit_flat_tensors(state, [&](const char* name, const torch::Tensor& tensor) { tensors.add(name, tensor); });
  for (const auto& [name, buffer] : state.buffers) tensors.add(kBufferPrefix + name, buffer);
  const auto path = directory / (step_name(state.step) + kExtension);
  io::write_safetensors(path,
                        {{"format", kFormat},
                         {"glow.version", kVersion},
                         {"glow.config", config},
                         {"glow.training", training_json(state)}},
                        tensors.entries());
  remove_others(directory, state.step, policy.keep);
  return path;
}

std::optional<IntactCheckpoint> newest_intact_checkpoint(const std::filesystem::path& directory,
                                                         const std::function<bool(const TrainingState&)>& wanted) {
  std::vector<std::string> damaged;
  bool all_damaged = true;
  for (const auto& candidate : step_files(directory, kExtension)) {
    std::optional<io::SafetensorsReader> file;
    try {
      file.emplace(candidate.path).verify_checksum();
    } catch (const FormatError& error) {
      damaged.push_back(error.what());
      continue;
    }
    all_damaged = false;
    auto content = parse_checkpoint(*file);
    if (!wanted || wanted(content.state)) return IntactCheckpoint{candidate.path, std::move(content), damaged};
  }
  if (all_damaged && !damaged.empty()) throw FormatError(damaged.front());
  return std::nullopt;
}

}  // namespace glow::train
