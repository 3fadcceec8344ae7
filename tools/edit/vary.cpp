#include <iostream>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/latent/arrange.h>
#include <glow/latent/vary.h>

#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct VarySettings {
  EditSettings common;
  ImageSettings images;
  /// None: 0.25, 0.5, 0.75, 1.
  std::vector<double> amounts;
  std::int64_t count = 8;
  std::vector<double> temperature = {1.0};
  std::uint64_t seed = 0;
  /// Not none: no noise, but eps times each of these.
  std::vector<double> temperatures;
  bool per_level = false;
  std::int64_t scale = 1;
};

template <class Visitor>
void visit_fields(VarySettings& settings, Visitor&& visit) {
  visit_fields(settings.common, visit);
  visit_fields(settings.images, visit);
  visit("amounts", settings.amounts);
  visit("count", settings.count);
  visit("temperature", settings.temperature);
  visit("seed", settings.seed);
  visit("temperatures", settings.temperatures);
  visit("per_level", settings.per_level);
  visit("scale", settings.scale);
}

const std::vector<FlagText>& vary_rows() {
  static const std::vector<FlagText> rows{
      {"amounts", "Noise", "A,...",
       "how much of eps gives way to noise, 0 to 1, a row each; not given: 0.25,0.5,0.75,1"},
      {"count", "Noise", "N", "variations of an image, the same noise in every row"},
      {"temperature", "Noise", "T|T0,T1,...", "of the noise"},
      {"seed", "Noise", "S", "of the noise, too"},
      {"temperatures", "Temperature", "T,...", "instead of noise: eps of the image times each of these, in a row"},
      {"per_level", "Levels", "", "change one level at a time, rows of its own each"},
      {"scale", "Output", "S", "pixels of a grid that each pixel is wide and high"},
  };
  return rows;
}

/// Rows of pictures of one image.
struct VariedRows {
  std::vector<std::string> names;
  std::vector<nn::Latents> rows;
};

/// The levels that a row changes, all or one after the other, and what they are called.
struct ChangedLevels {
  std::string name;
  std::vector<bool> is_changed;
};

std::vector<ChangedLevels> changed_levels(bool per_level, std::size_t levels) {
  if (!per_level) return {{"", std::vector<bool>(levels, true)}};
  std::vector<ChangedLevels> all;
  for (std::size_t l = 0; l < levels; ++l) {
    all.push_back({"level " + std::to_string(l), std::vector<bool>(levels, false)});
    all.back().is_changed[l] = true;
  }
  return all;
}

/// A number for the levels that change, another for those that stay.
std::vector<double> by_level(const ChangedLevels& levels, double changed, double kept) {
  std::vector<double> numbers;
  for (const bool is_changed : levels.is_changed) numbers.push_back(is_changed ? changed : kept);
  return numbers;
}

std::vector<double> amounts_of(const VarySettings& settings) {
  return settings.amounts.empty() ? std::vector<double>{0.25, 0.5, 0.75, 1} : settings.amounts;
}

/// The image, then its variations; a row for each amount.
VariedRows noise_rows(const VarySettings& settings, const nn::Latents& image, std::int64_t place) {
  VariedRows result;
  for (const auto& levels : changed_levels(settings.per_level, image.eps.size())) {
    for (const double amount : amounts_of(settings)) {
      const latent::VaryOptions options{.amount = by_level(levels, amount, 0),
                                        .temperature = settings.temperature,
                                        .seed = settings.seed,
                                        .first_index = place * settings.count};
      result.names.push_back((levels.name.empty() ? "" : levels.name + ": ") + brief(amount));
      result.rows.push_back(latent::concatenate({image, latent::vary(latent::repeat(image, settings.count), options)}));
    }
  }
  return result;
}

/// A column for each temperature.
VariedRows temperature_rows(const VarySettings& settings, const nn::Latents& image) {
  VariedRows result;
  for (const auto& levels : changed_levels(settings.per_level, image.eps.size())) {
    std::vector<nn::Latents> row;
    for (const double temperature : settings.temperatures) {
      row.push_back(latent::scale(image, by_level(levels, temperature, 1)));
    }
    result.names.push_back(levels.name);
    result.rows.push_back(latent::concatenate(row));
  }
  return result;
}

VariedRows varied_rows(const VarySettings& settings, const nn::Latents& image, std::int64_t place) {
  return settings.temperatures.empty() ? noise_rows(settings, image, place) : temperature_rows(settings, image);
}

std::vector<std::string> vary_columns(const VarySettings& settings) {
  std::vector<std::string> names;
  for (const double temperature : settings.temperatures) names.push_back(brief(temperature));
  if (!names.empty()) return names;
  names.push_back("image");
  for (std::int64_t i = 1; i <= settings.count; ++i) names.push_back(std::to_string(i));
  return names;
}

void check_vary(const VarySettings& settings, std::int64_t levels) {
  constexpr std::int64_t kMostVariations = 1000;
  require_range("count", settings.count, 1, kMostVariations);
  if (!settings.amounts.empty() && !settings.temperatures.empty()) {
    throw ConfigError("amounts: of noise there are none with --temperatures, which take its place");
  }
  for (const double amount : settings.amounts) {
    if (!(amount >= 0 && amount <= 1)) throw ConfigError("amounts: expected 0 to 1, got " + brief(amount));
  }
  for (const double temperature : settings.temperatures) {
    if (!(temperature >= 0)) throw ConfigError("temperatures: expected numbers >= 0, got " + brief(temperature));
  }
  latent::VaryOptions{.temperature = settings.temperature}.validate(levels);
}

void vary(const VarySettings& settings) {
  Editor editor(settings.common);
  const auto levels = editor.options().levels;
  check_vary(settings, levels);
  const auto images = open_few_images(settings.images, editor.options(), editor.inputs());
  const auto labels = editor.labels(images);
  const auto latents = editor.encode(images.bytes(), labels);
  data::GridLabels grid{.columns = vary_columns(settings)};
  std::vector<nn::Latents> rows;
  for (std::int64_t i = 0; i < images.size(); ++i) {
    const auto varied = varied_rows(settings, latent::narrow(latents, i, 1), i);
    grid.rows.insert(grid.rows.end(), varied.names.begin(), varied.names.end());
    rows.insert(rows.end(), varied.rows.begin(), varied.rows.end());
  }
  // Beside rows that all say nothing nothing is written.
  if (!settings.per_level && !settings.temperatures.empty()) grid.rows.clear();
  const auto columns = static_cast<std::int64_t>(grid.columns.size());
  const auto pictures = static_cast<std::int64_t>(rows.size()) * columns;
  const auto output = editor.output(pictures, columns, grid, settings.scale);
  output->add(editor.decode(latent::concatenate(rows), repeat_labels(labels, pictures / images.size())));
  output->finish();
  editor.report_not_finite();
  std::cout << images_in(pictures, settings.common.out) << "\n";
}

}  // namespace

Subcommand vary_command() {
  return make_subcommand<VarySettings>(
      {.name = "glow-edit vary",
       .purpose = "Other images around an image: noise in its latents, or their temperature.",
       .closing = "Examples\n"
                  "  glow-edit vary --model faces.safetensors --images a.png --amounts 0.1,0.3,0.5 --out around.png\n"
                  "  glow-edit vary --model faces.safetensors --images a.png --temperatures 0,0.5,0.7,1 --per-level "
                  "--out levels.png\n"},
      edit_flag_table("FILE.png: one grid; FILE.npy or a folder: its pictures row by row",
                      image_flag_rows() + vary_rows()),
      vary);
}

}  // namespace glow::tools
