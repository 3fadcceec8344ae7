#include <glow/nn/options.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include <glow/enum_names.h>
#include <glow/error.h>

namespace glow::nn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kFormatVersion = 1;
constexpr const char* kFamily = "glow";

constexpr EnumNames<PermutationKind, 4> kPermutationNames{{
    {"reverse", PermutationKind::kReverse},
    {"shuffle", PermutationKind::kShuffle},
    {"conv1x1", PermutationKind::kConv1x1},
    {"lu", PermutationKind::kLU},
}};

constexpr EnumNames<CouplingKind, 2> kCouplingNames{{
    {"additive", CouplingKind::kAdditive},
    {"affine", CouplingKind::kAffine},
}};

struct JsonWriter {
  Json& json;
  void operator()(const char* name, std::int64_t value) { json[name] = value; }
  void operator()(const char* name, bool value) { json[name] = value; }
  template <class Kind>
  requires std::is_enum_v<Kind>
  void operator()(const char* name, Kind value) { json[name] = to_string(value); }
};

/// Takes each field out of the object, so that what is left over is unknown.
struct JsonReader {
  Json& json;

  void operator()(const char* name, std::int64_t& value) { value = take(name, &Json::is_number_integer); }
  void operator()(const char* name, bool& value) { value = take(name, &Json::is_boolean); }
  template <class Kind>
  requires std::is_enum_v<Kind>
  void operator()(const char* name, Kind& value) {
    from_string(take(name, &Json::is_string).template get<std::string>(), value);
  }

  Json take(const char* name, bool (Json::*has_type)() const noexcept) {
    const auto found = json.find(name);
    if (found == json.end()) throw FormatError(std::string("glow.config: missing key '") + name + "'");
    Json value = *found;
    if (!(value.*has_type)()) {
      throw FormatError(std::string("glow.config: '") + name + "' has the wrong type: " + value.dump());
    }
    json.erase(found);
    return value;
  }
};

bool holds_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// Called by the JSON parser as it goes. A deep value would overflow the stack when it is copied or printed, and a line
/// break would tear a message in two.
bool check_plain(int depth, Json::parse_event_t event, const Json& parsed) {
  const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
  if (opens && depth > 0) throw FormatError("glow.config: an array or an object stands where a plain value should");
  if (parsed.is_string() && holds_control_character(parsed.get_ref<const std::string&>())) {
    throw FormatError("glow.config: a control character in " + parsed.dump());
  }
  return true;
}

Json parse_object(const std::string& text) {
  Json json = Json::parse(text, check_plain, /*allow_exceptions=*/false);
  // The parser takes a NUL byte for the end and does not look at what follows.
  if (!json.is_object() || text.find('\0') != std::string::npos) throw FormatError("glow.config: not a JSON object");
  return json;
}

void require(bool holds, const std::string& message) {
  if (!holds) throw ConfigError(message);
}

void require_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
  require(value >= low && value <= high, std::string(name) + ": expected " + std::to_string(low) + ".." +
                                             std::to_string(high) + ", got " + std::to_string(value));
}

}  // namespace

void GlowOptions::validate() const {
  // The upper ends keep every product of sizes far from overflow; no real model comes near them.
  require_range("channels", channels, 1, 1024);
  require_range("height", height, 1, 1 << 14);
  require_range("width", width, 1, 1 << 14);
  require_range("bits", bits, 1, 8);
  require_range("levels", levels, 1, 12);
  require_range("depth", depth, 1, 4096);
  require_range("hidden_width", hidden_width, 1, 1 << 16);
  require_range("num_classes", num_classes, 0, 1 << 20);
  const auto multiple = std::int64_t{1} << levels;
  for (const auto& [name, size] : {std::pair{"height", height}, std::pair{"width", width}}) {
    require(size % multiple == 0, std::string(name) + ": expected a multiple of " + std::to_string(multiple) +
                                      " (2^levels) with " + std::to_string(levels) + " levels, got " +
                                      std::to_string(size));
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

std::string to_string(PermutationKind kind) { return name_of(kPermutationNames, kind); }
std::string to_string(CouplingKind kind) { return name_of(kCouplingNames, kind); }

void from_string(const std::string& name, PermutationKind& kind) {
  kind = enumerator_of(kPermutationNames, "permutation", name);
}

void from_string(const std::string& name, CouplingKind& kind) {
  kind = enumerator_of(kCouplingNames, "coupling", name);
}

std::string to_json(const GlowOptions& options) {
  Json json{{"format_version", kFormatVersion}, {"family", kFamily}};
  visit_fields(options, JsonWriter{json});
  return json.dump();
}

GlowOptions glow_options_from_json(const std::string& text) {
  Json json = parse_object(text);
  JsonReader reader{json};
  std::int64_t format_version = 0;
  reader("format_version", format_version);
  if (format_version != kFormatVersion) {
    throw FormatError("glow.config: format_version " + std::to_string(format_version) + ", this library reads " +
                      std::to_string(kFormatVersion));
  }
  const auto family = reader.take("family", &Json::is_string).get<std::string>();
  if (family != kFamily) throw FormatError("glow.config: unknown family '" + family + "', this library reads 'glow'");
  GlowOptions options;
  visit_fields(options, reader);
  if (!json.empty()) throw FormatError("glow.config: unknown key '" + json.begin().key() + "'");
  options.validate();
  return options;
}

}  // namespace glow::nn
