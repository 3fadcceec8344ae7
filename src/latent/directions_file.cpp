#include <nlohmann/json.hpp>

#include <glow/io/safetensors.h>
#include <glow/latent/directions.h>
#include <glow/version.h>

#include "io/errors.h"
#include "latent/direction_names.h"
#include "latent/model_reference.h"
#include "nn/tensor_bytes.h"

namespace glow::latent {
namespace {

constexpr const char* kDirectionsFormat = "glow-directions";
constexpr const char* kNamesKey = "glow.names";

std::vector<std::string> parse_names(const io::SafetensorsReader& file) {
  const auto json = nlohmann::json::parse(file.metadata_value(kNamesKey), nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> names;
  for (const auto& name : json.is_array() ? json : nlohmann::json::array()) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  if (!json.is_array() || names.empty() || names.size() != json.size()) {
    throw FormatError(file.path(), std::string(kNamesKey) + ": expected a JSON array of names");
  }
  if (const auto problem = problem_of(names); !problem.empty()) {
    throw FormatError(file.path(), std::string(kNamesKey) + ": " + problem);
  }
  return names;
}

torch::Tensor read_tensor(const io::SafetensorsReader& file, const std::string& name, const std::string& dtype,
                          const std::vector<std::int64_t>& shape) {
  for (const auto& entry : file.entries()) {
    if (entry.name != name) continue;
    if (entry.dtype != dtype || entry.shape != shape) {
      throw FormatError(file.path(), "tensor " + io::in_quotes(name) + ": expected " + dtype + " " +
                                         io::to_text(shape) + ", is " + entry.dtype + " " + io::to_text(entry.shape));
    }
    return nn::to_tensor(entry);
  }
  throw FormatError(file.path(), "missing tensor " + io::in_quotes(name));
}

}  // namespace

void save_directions(const Directions& directions, const std::string& model_checksum,
                     const std::filesystem::path& path) {
  nn::TensorBytes tensors;
  tensors.add("directions", directions.vectors.to(torch::kFloat));
  tensors.add("counts", directions.counts);
  io::write_safetensors(path,
                        {{"format", kDirectionsFormat},
                         {"glow.version", kVersion},
                         {kModelKey, model_checksum},
                         {kNamesKey, nlohmann::json(directions.names).dump()}},
                        tensors.entries());
}

Directions load_directions(const std::filesystem::path& path, const nn::GlowOptions& options,
                           const std::string& model_checksum) {
  const io::SafetensorsReader file(path);
  const auto& format = file.metadata_value("format");
  if (format != kDirectionsFormat) {
    throw FormatError(path, "expected directions, its format is " + io::in_quotes(format));
  }
  check_model(file, model_checksum);
  Directions directions{.names = parse_names(file), .vectors = {}, .counts = {}};
  const auto attributes = static_cast<std::int64_t>(directions.names.size());
  directions.vectors = read_tensor(file, "directions", "F32", {attributes, options.dimensions()});
  directions.counts = read_tensor(file, "counts", "I64", {attributes, 2});
  if (!directions.vectors.isfinite().all().item<bool>()) {
    throw FormatError(path, "tensor \"directions\" is not finite");
  }
  return directions;
}

}  // namespace glow::latent
