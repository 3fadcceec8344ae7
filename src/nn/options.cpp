#include <glow/nn/options.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include <glow/enum_names.h>
#include <glow/error.h>

#include "nn/json_object.h"

namespace glow::nn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kFormatVersion = 1;

constexpr EnumNames<Family, 3> kFamilyNames{{
    {"glow", Family::kGlow},
    {"realnvp", Family::kRealNVP},
    {"nice", Family::kNICE},
}};

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

constexpr EnumNames<NetworkKind, 2> kNetworkNames{{
    {"convolutional", NetworkKind::kConvolutional},
    {"dense", NetworkKind::kDense},
}};

constexpr EnumNames<PriorKind, 2> kPriorNames{{
    {"gaussian", PriorKind::kGaussian},
    {"logistic", PriorKind::kLogistic},
}};

/// A field that is not of every family, and those that have it.
struct FamilyField {
  std::string_view name;
  std::array<bool, 3> has;  // in the order of Family
};
constexpr std::array<FamilyField, 10> kFamilyFields{{
    {"levels", {true, true, false}},
    {"depth", {true, false, true}},
    {"permutation", {true, false, false}},
    {"coupling", {true, false, false}},
    {"edge_bias", {true, false, false}},
    {"learn_top", {true, false, false}},
    {"residual_blocks", {false, true, false}},
    {"network", {false, false, true}},
    {"hidden_layers", {false, false, true}},
    {"prior", {false, false, true}},
}};

Json json_of(std::int64_t value) { return value; }
Json json_of(bool value) { return value; }
template <class Kind>
requires std::is_enum_v<Kind> Json json_of(Kind value) { return to_string(value); }

void require(bool holds, const std::string& message) {
  if (!holds) throw ConfigError(message);
}

void require_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
  require(value >= low && value <= high, std::string(name) + ": expected " + std::to_string(low) + ".." +
                                             std::to_string(high) + ", got " + std::to_string(value));
}

Family read_family(JsonObject& reader) {
  std::string name;
  reader("family", name);
  for (const auto& [known, family] : kFamilyNames) {
    if (name == known) return family;
  }
  throw FormatError("glow.config: unknown family '" + name + "', this library reads 'glow', 'realnvp' and 'nice'");
}

/// Fields that are not of the family must be as it has them.
void check_family(const GlowOptions& options) {
  Json own = Json::object();
  const auto defaults = GlowOptions::of_family(options.family);
  visit_fields(defaults, [&](const char* name, auto value) { own[name] = json_of(value); });
  visit_fields(options, [&](const char* name, auto value) {
    if (has_field(options.family, name) || json_of(value) == own[name]) return;
    throw ConfigError(std::string(name) + ": the family " + to_string(options.family) + " has none to choose, got " +
                      json_of(value).dump());
  });
}

/// The upper ends keep the sizes of networks far from overflow.
void check_networks(const GlowOptions& options) {
  require_range("residual_blocks", options.residual_blocks, 1, 1024);
  require_range("hidden_layers", options.hidden_layers, 1, 1024);
  constexpr std::int64_t kWidest = 1 << 16;
  if (options.family == Family::kRealNVP) {
    require_range("hidden_width", options.hidden_width, 1, kWidest >> (options.levels - 1));
  }
  require(options.network == NetworkKind::kDense || options.hidden_layers == GlowOptions{}.hidden_layers,
          "hidden_layers: only a dense network has layers to choose, got " + std::to_string(options.hidden_layers));
  constexpr std::int64_t kMostDimensions = 1 << 20;
  require(options.network != NetworkKind::kDense || options.dimensions() <= kMostDimensions,
          "network: a dense one is for images of at most " + std::to_string(kMostDimensions) + " numbers, these have " +
              std::to_string(options.dimensions()));
}

}  // namespace

GlowOptions GlowOptions::of_family(Family family) {
  switch (family) {
    case Family::kRealNVP:
      return {.levels = 2,
              .depth = 6,
              .hidden_width = 64,
              .permutation = PermutationKind::kShuffle,
              .edge_bias = false,
              .learn_top = false,
              .family = family};
    case Family::kNICE:
      return {.levels = 1,
              .depth = 4,
              .permutation = PermutationKind::kReverse,
              .coupling = CouplingKind::kAdditive,
              .edge_bias = false,
              .learn_top = false,
              .family = family};
    case Family::kGlow:
      break;
  }
  return {};
}

bool has_field(Family family, std::string_view name) {
  const auto* found = std::find_if(kFamilyFields.begin(), kFamilyFields.end(),
                                   [&](const FamilyField& field) { return field.name == name; });
  return found == kFamilyFields.end() || found->has[static_cast<std::size_t>(family)];
}

std::int64_t step_count(const GlowOptions& options, std::int64_t level) {
  if (options.family != Family::kRealNVP) return options.depth;
  // The last scale is four checkerboard couplings alone.
  return level == options.levels - 1 ? 4 : options.depth;
}

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
  check_networks(*this);
  check_family(*this);
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

std::string to_string(Family family) { return name_of(kFamilyNames, family); }
std::string to_string(NetworkKind kind) { return name_of(kNetworkNames, kind); }
std::string to_string(PriorKind kind) { return name_of(kPriorNames, kind); }
std::string to_string(PermutationKind kind) { return name_of(kPermutationNames, kind); }
std::string to_string(CouplingKind kind) { return name_of(kCouplingNames, kind); }

void from_string(const std::string& name, PermutationKind& kind) {
  kind = enumerator_of(kPermutationNames, "permutation", name);
}

void from_string(const std::string& name, CouplingKind& kind) {
  kind = enumerator_of(kCouplingNames, "coupling", name);
}

void from_string(const std::string& name, Family& family) { family = enumerator_of(kFamilyNames, "family", name); }

void from_string(const std::string& name, NetworkKind& kind) { kind = enumerator_of(kNetworkNames, "network", name); }

void from_string(const std::string& name, PriorKind& kind) { kind = enumerator_of(kPriorNames, "prior", name); }

std::string to_json(const GlowOptions& options) {
  Json json{{"format_version", kFormatVersion}};
  visit_fields(options, [&](const char* name, auto value) {
    if (has_field(options.family, name)) json[name] = json_of(value);
  });
  return json.dump();
}

GlowOptions glow_options_from_json(const std::string& text) {
  JsonObject reader("glow.config", text);
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
