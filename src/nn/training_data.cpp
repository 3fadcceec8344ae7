#include <glow/nn/training_data.h>

#include <algorithm>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include <glow/checks.h>
#include <glow/error.h>

#include "io/json_object.h"

namespace glow::nn {
namespace {

constexpr const char* kName = "glow.data";
constexpr std::int64_t kDataVersion = 1;

bool is_digest(const std::string& text) {
  constexpr std::size_t kDigits = 64;
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::map<std::string, bool> optional_fields(const TrainingData& data) {
  std::map<std::string, bool> fields;
  visit_optional_fields(data, [&](const char* key, bool value) { fields.emplace(key, value); });
  return fields;
}

}  // namespace

void TrainingData::validate() const {
  // Evaluations use this batch size: a larger one could exhaust the memory.
  constexpr std::int64_t kMostImages = std::int64_t{1} << 40, kMostPixels = 1 << 20, kLargestBatch = 1024;
  require_range("images", images, 1, kMostImages);
  require_range("held_out", held_out, 0, images - 1);
  require_range("resize", resize, 0, kMostPixels);
  require_range("batch", batch, 1, kLargestBatch);
  if (!is_digest(fingerprint)) throw ConfigError("fingerprint", "expected a SHA-256 in 64 hexadecimal digits");
}

std::string to_json(const TrainingData& data) {
  nlohmann::ordered_json json{{"format_version", kDataVersion}};
  json.update(io::json_of_fields(data));
  const auto defaults = optional_fields(TrainingData());
  for (const auto& [key, value] : optional_fields(data)) {
    if (value != defaults.at(key)) json[key] = value;
  }
  // A path may contain line breaks or bytes that are not UTF-8.
  auto source = io::to_utf8(data.source);
  std::replace_if(
      source.begin(), source.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  json["source"] = source;
  return json.dump();
}

TrainingData training_data_from_json(const std::string& text) {
  io::JsonObject reader(kName, text);
  reader.format_version(kDataVersion);
  TrainingData data;
  visit_fields(data, reader);
  visit_optional_fields(data, [&](const char* key, bool& value) {
    if (reader.has(key)) reader(key, value);
  });
  reader.require_empty();
  try {
    data.validate();
  } catch (const ConfigError& error) {
    throw FormatError(std::string(kName) + ": " + error.what());
  }
  return data;
}

}  // namespace glow::nn
