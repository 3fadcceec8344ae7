#include <glow/nn/options.h>

#include <nlohmann/json.hpp>

#include <glow/checks.h>
#include <glow/error.h>

#include "io/json_object.h"
#include "nn/family.h"

namespace glow::nn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kFormatVersion = 1;

void require(bool holds, const std::string& field, const std::string& text) {
  if (!holds) throw ConfigError(field, text);
}

Family read_family(io::JsonObject& reader) {
  std::string name;
  reader("family", name);
  for (const auto& [known, family] : enum_names(Family{}).names) {
    if (name == known) return family;
  }
  throw FormatError("glow.config: unknown family '" + name + "', this library reads " + all_names<Family>());
}

/// Throws ConfigError unless the fields that the family does not use have its default values.
void check_family(const GlowOptions& options) {
  const auto own = io::json_of_fields(GlowOptions::of_family(options.family));
  visit_fields(options, [&](const char* name, auto value) {
    // For every field: it also refuses a value of an enumeration that has no name, which no file could hold.
    const auto json = io::json_of(value);
    if (has_field(options.family, name) || json == own[name]) return;
    throw ConfigError(name, "the family " + to_string(options.family) + " does not use it, got " + json.dump());
  });
}

}  // namespace

void GlowOptions::validate() const {
  require_range("channels", channels, 1, 1024);
  require_range("height", height, 1, 1 << 14);
  require_range("width", width, 1, 1 << 14);
  require_range("bits", bits, 1, 8);
  require_range("levels", levels, 1, 12);
  require_range("depth", depth, 1, 4096);
  require_range("hidden_width", hidden_width, 1, kWidestHidden);
  require_range("num_classes", num_classes, 0, 1 << 20);
  require_range("residual_blocks", residual_blocks, 1, 1024);
  require_range("hidden_layers", hidden_layers, 1, 1024);
  family_spec(family).validate(*this);
  check_family(*this);
  const auto multiple = std::int64_t{1} << levels;
  for (const auto& [name, size] : {std::pair{"height", height}, std::pair{"width", width}}) {
    require(size % multiple == 0, name,
            "expected a multiple of " + std::to_string(multiple) + " (2^levels) with " + std::to_string(levels) +
                " levels, got " + std::to_string(size));
  }
}

LevelShape level_shape(const GlowOptions& options, std::int64_t level) {
  // Each squeeze quadruples the channels, each split halves them.
  return {options.channels * 4 << level, options.height >> (level + 1), options.width >> (level + 1)};
}

LevelShape latent_shape(const GlowOptions& options, std::int64_t level) {
  auto shape = level_shape(options, level);
  if (level < options.levels - 1) shape.channels /= 2;
  return shape;
}

std::string to_json(const GlowOptions& options) {
  Json json{{"format_version", kFormatVersion}};
  visit_fields(options, [&](const char* name, auto value) {
    if (has_field(options.family, name)) json[name] = io::json_of(value);
  });
  return json.dump();
}

GlowOptions glow_options_from_json(const std::string& json) {
  io::JsonObject reader("glow.config", json);
  reader.format_version(kFormatVersion);
  auto options = GlowOptions::of_family(read_family(reader));
  visit_fields(options, [&](const char* name, auto& value) {
    if (std::string_view(name) != "family" && has_field(options.family, name)) reader(name, value);
  });
  reader.require_empty();
  options.validate();
  return options;
}

}  // namespace glow::nn
