#include <glow/nn/model_file.h>

#include <map>
#include <set>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/io/safetensors.h>
#include <glow/nn/training_data.h>
#include <glow/ops/runtime.h>
#include <glow/version.h>

#include "io/errors.h"
#include "io/json_object.h"
#include "nn/tensor_bytes.h"
#include "ops/all_finite.h"
#include "ops/check.h"

namespace glow::nn {
namespace {

constexpr const char* kFormat = "glow";
constexpr const char* kDataKey = "glow.data";
const std::set<std::string> kKnownKeys{"glow.version", "glow.config", "glow.classes", kDataKey, io::kChecksumKey};

/// Runs `read` and adds the file's name to its errors.
template <class Read>
auto naming(const std::filesystem::path& path, Read&& read) {
  try {
    return read();
  } catch (const IoError&) {
    throw;
  } catch (const FormatError& error) {
    if (!error.path().empty()) throw;
    throw FormatError(path, error.what());
  } catch (const Error& error) {
    throw FormatError(path, error.what());
  }
}

ModelInfo parse_info(const io::SafetensorsReader& file) {
  file.require_format(kFormat, "a model of Glow");
  for (const auto& [key, value] : file.metadata()) {
    if (key.starts_with("glow.") && !kKnownKeys.contains(key)) {
      throw FormatError("unknown metadata key " + io::in_quotes(key));
    }
  }
  ModelInfo info{.options = glow_options_from_json(file.metadata_value("glow.config")),
                 .class_names = {},
                 .training_data = std::nullopt,
                 .version = file.metadata_value("glow.version"),
                 .checksum = file.metadata_value(io::kChecksumKey)};
  const auto classes = file.metadata().find("glow.classes");
  if (classes != file.metadata().end()) info.class_names = io::parse_strings("glow.classes", classes->second);
  const auto data = file.metadata().find(kDataKey);
  if (data != file.metadata().end()) info.training_data = training_data_from_json(data->second);
  return info;
}

void require_finite(const std::string& name, const torch::Tensor& tensor) {
  if (!ops::all_finite(tensor)) throw NumericalError("tensor '" + name + "' is not finite");
}

void check_value(const std::string& name, const torch::Tensor& value) {
  require_finite(name, value);
  if (name.ends_with(".indices")) {
    const auto sorted = std::get<0>(value.sort());
    if (!sorted.equal(torch::arange(value.numel(), torch::kLong))) {
      throw FormatError("tensor '" + name + "' is not a permutation");
    }
  }
  if (name.ends_with(".weight_v") && value.flatten(1).square().sum(1).eq(0).any().item<bool>()) {
    throw FormatError("tensor '" + name + "': a filter has no direction");
  }
  if (name.ends_with(".running_variance") && value.lt(0).any().item<bool>()) {
    throw FormatError("tensor '" + name + "': a variance is negative");
  }
  if (name.ends_with(".sign_diagonal") && !value.abs().eq(1).all().item<bool>()) {
    throw FormatError("tensor '" + name + "': a sign is not +1 or -1");
  }
}

void load_tensor(const std::string& name, torch::Tensor& target, const io::SafetensorsReader& file,
                 std::map<std::string, const io::TensorEntry*>& entries) {
  const auto found = entries.find(name);
  if (found == entries.end()) throw FormatError("missing tensor '" + name + "'");
  const auto& entry = *found->second;
  const std::string dtype = target.scalar_type() == torch::kLong ? "I64" : "F32";
  if (entry.dtype != dtype || entry.shape != target.sizes().vec()) {
    throw FormatError("tensor '" + name + "': expected " + dtype + " " + ops::shape_text(target.sizes()) + ", got " +
                      entry.dtype + " " + ops::shape_text(entry.shape));
  }
  const auto value = to_tensor(entry);
  check_value(name, value);
  target.copy_(value);
  file.release(entry);
  entries.erase(found);
}

void load_weights(GlowImpl& model, const io::SafetensorsReader& file) {
  const torch::NoGradGuard no_grad;
  std::map<std::string, const io::TensorEntry*> entries;
  for (const auto& entry : file.entries()) entries.emplace(entry.name, &entry);
  for (auto& item : model.named_parameters()) load_tensor(item.key(), item.value(), file, entries);
  for (auto& item : model.named_buffers()) load_tensor(item.key(), item.value(), file, entries);
  if (!entries.empty()) throw FormatError("unknown tensor " + io::in_quotes(entries.begin()->first));
}

/// Prevents a malicious config from causing an allocation much larger than the file.
void check_amount(const io::SafetensorsReader& file, const GlowOptions& options) {
  std::uint64_t bytes = 0;
  for (const auto& entry : file.entries()) bytes += entry.data.size();
  const auto expected = static_cast<std::uint64_t>(parameter_count(options)) * sizeof(float);
  if (bytes < expected) {
    throw FormatError("glow.config asks for " + std::to_string(expected) + " bytes of weights, the file holds " +
                      std::to_string(bytes));
  }
}

}  // namespace

Glow load_model(const std::filesystem::path& path, torch::Device device, ModelInfo* info_of_file) {
  ops::require_device("device", device);
  const c10::InferenceMode ordinary_tensors(false);
  return naming(path, [&] {
    const io::SafetensorsReader file(path);
    const auto info = parse_info(file);
    file.verify_checksum();
    for (const auto& entry : file.entries()) file.release(entry);
    check_amount(file, info.options);
    Glow model(info.options, GlowImpl::WithoutWeights{});
    load_weights(*model, file);
    model->set_class_names(info.class_names);
    model->set_training_data(info.training_data);
    model->mark_initialized();
    model->eval();
    if (device != torch::kCPU) model->to(device);
    if (info_of_file != nullptr) *info_of_file = info;
    return model;
  });
}

std::string save_model(const Glow& model, const std::filesystem::path& path) {
  model->require_initialized();
  TensorBytes tensors;
  for (const auto& item : model->named_parameters()) tensors.add(item.key(), item.value().to(torch::kFloat));
  for (const auto& item : model->named_buffers()) {
    const bool integer = item.value().scalar_type() == torch::kLong;
    tensors.add(item.key(), integer ? item.value() : item.value().to(torch::kFloat));
  }
  for (const auto& entry : tensors.entries()) {
    if (entry.dtype == "F32") require_finite(entry.name, to_tensor(entry));
  }
  io::Metadata metadata{{"format", kFormat}, {"glow.version", kVersion}, {"glow.config", to_json(model->options())}};
  if (!model->class_names().empty()) metadata["glow.classes"] = nlohmann::json(model->class_names()).dump();
  if (model->training_data()) metadata[kDataKey] = to_json(*model->training_data());
  return io::write_safetensors(path, std::move(metadata), tensors.entries());
}

ModelInfo read_model_info(const std::filesystem::path& path) {
  return naming(path, [&] { return parse_info(io::SafetensorsReader(path)); });
}

}  // namespace glow::nn
