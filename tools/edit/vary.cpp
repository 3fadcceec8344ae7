#include <ostream>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/latent/arrange.h>
#include <glow/latent/vary.h>

#include "tools/common/flags.h"
#include "tools/common/text.h"
#include "tools/edit/commands.h"
#include "tools/edit/editor.h"

namespace glow::tools {
namespace {

struct VarySettings {
  EditSettings common;
  ImageSettings images;
  /// Empty: 0.25, 0.5, 0.75, 1.
  std::vector<double> amounts;
  std::int64_t count = 8;
  /// Only temperature and seed are flags.
  latent::VaryOptions noise;
  /// If given: without noise, eps is multiplied by each of these.
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
  visit("temperature", settings.noise.temperature);
  visit("seed", settings.noise.seed);
  visit("temperatures", settings.temperatures);
  visit("per_level", settings.per_level);
  visit("scale", settings.scale);
}

const std::vector<FlagText>& vary_rows() {
  static const std::vector<FlagText> rows{
      {"amounts", "Noise", "A,...",
       "how much of eps is replaced by noise, 0 to 1, one row each; not given: 0.25,0.5,0.75,1"},
      {"count", "Noise", "N", "variations of each image; variation j does not depend on their number or --pick",
       Kept::kNo, "variations", NumberWords(), old_name("count")},
      {"temperature", "Noise", "T|T0,T1,...", "temperature of the noise, one number or one per level"},
      seed_row("Noise", "the noise"),
      {"temperatures", "Temperature", "F,...",
       "instead of adding noise, multiply eps by each of these, one column each", Kept::kNo, "factors", NumberWords(),
       old_name("temperatures")},
      {"per_level", "Levels", "", "change one level at a time, each in rows of its own"},
      scale_row(),
  };
  return rows;
}

/// A row of pictures of one image: its name, the levels that vary in it, and the amount of noise.
struct VariedRow {
  std::string name;
  std::vector<bool> is_changed;
  double amount = 0;
};

/// The levels that vary in each row (all levels, or one in each row), and the names of the rows.
std::vector<VariedRow> changed_levels(bool per_level, std::size_t levels) {
  if (!per_level) return {{"", std::vector<bool>(levels, true)}};
  std::vector<VariedRow> all;
  for (std::size_t l = 0; l < levels; ++l) {
    all.push_back({"level " + std::to_string(l), std::vector<bool>(levels, false)});
    all.back().is_changed[l] = true;
  }
  return all;
}

std::vector<double> amounts_of(const VarySettings& settings) {
  return settings.amounts.empty() ? std::vector<double>{0.25, 0.5, 0.75, 1} : settings.amounts;
}

/// The rows of every image; with noise one row for each amount.
std::vector<VariedRow> rows_of_image(const VarySettings& settings, std::size_t levels) {
  const auto changed = changed_levels(settings.per_level, levels);
  if (!settings.temperatures.empty()) return changed;
  std::vector<VariedRow> rows;
  for (const auto& each : changed) {
    for (const double amount : amounts_of(settings)) {
      rows.push_back({(each.name.empty() ? "" : each.name + ": ") + brief(amount), each.is_changed, amount});
    }
  }
  return rows;
}

/// One number for each level: `changed` for the levels that vary in the row, `kept` for the others.
std::vector<double> by_level(const VariedRow& row, double changed, double kept) {
  std::vector<double> numbers;
  for (const bool is_changed : row.is_changed) numbers.push_back(is_changed ? changed : kept);
  return numbers;
}

/// The pictures of a row: the image, then its variations; or one picture for each temperature. `place`: the index of
/// the image in its source. The noise depends on it, but not on which other images were picked.
nn::Latents varied(const VarySettings& settings, const VariedRow& row, const nn::Latents& image, std::int64_t place) {
  std::vector<nn::Latents> pictures;
  for (const double temperature : settings.temperatures) {
    pictures.push_back(latent::scale(image, by_level(row, temperature, 1)));
  }
  if (pictures.empty()) {
    auto options = settings.noise;
    options.amount = by_level(row, row.amount, 0);
    options.indices = {place};
    pictures.push_back(image);
    for (; options.draw < settings.count; ++options.draw) pictures.push_back(latent::vary(image, options));
  }
  return latent::concatenate(pictures);
}

std::vector<std::string> vary_columns(const VarySettings& settings) {
  std::vector<std::string> names;
  for (const double temperature : settings.temperatures) names.push_back(brief(temperature));
  if (!names.empty()) return names;
  names.push_back("image");
  for (std::int64_t i = 1; i <= settings.count; ++i) names.push_back(std::to_string(i));
  return names;
}

data::GridLabels vary_labels(const VarySettings& settings, const std::vector<VariedRow>& rows, std::int64_t images) {
  data::GridLabels labels{.columns = vary_columns(settings)};
  // Rows without names get no labels.
  const bool says_nothing = !settings.per_level && !settings.temperatures.empty();
  for (std::int64_t i = 0; i < images && !says_nothing; ++i) {
    for (const auto& row : rows) labels.rows.push_back(row.name);
  }
  return labels;
}

void check_noise(const VarySettings& settings, const GivenFlags& given) {
  if (settings.temperatures.empty()) return;
  refuse(given, {"amounts", "variations", "temperature", "seed"}, "is for noise, which --factors replaces");
}

void check_vary(const VarySettings& settings, std::int64_t levels) {
  constexpr std::int64_t kMostVariations = 1000;
  require_range("count", settings.count, 1, kMostVariations);
  for (const double amount : settings.amounts) require_range("amounts", amount, 0, 1);
  for (const double temperature : settings.temperatures) require_at_least("temperatures", temperature, 0);
  settings.noise.validate(levels);
}

void vary(const VarySettings& settings, Console& console) {
  Editor editor(settings.common, console, settings.images.images);
  const auto levels = editor.options().levels;
  check_vary(settings, levels);
  const auto images = open_few_images(settings.images, editor.model(), editor.inputs());
  const auto labels = editor.labels(images);
  const auto rows = rows_of_image(settings, static_cast<std::size_t>(levels));
  const auto grid = vary_labels(settings, rows, images.size());
  const auto columns = static_cast<std::int64_t>(grid.columns.size());
  const auto pictures = images.size() * static_cast<std::int64_t>(rows.size()) * columns;
  const auto output = editor.output(pictures, columns, grid, settings.scale);
  PictureQueue queue(editor, *output, pictures);
  editor.encode(images, labels, [&](std::int64_t first, const nn::Latents& latents) {
    for (std::int64_t i = 0; i < latent::count(latents); ++i) {
      const auto image = latent::narrow(latents, i, 1);
      const auto row_labels = repeat_labels(latent::narrow_labels(labels, first + i, 1), columns);
      for (const auto& row : rows) queue.add(varied(settings, row, image, images.place(first + i)), row_labels);
    }
  });
  queue.finish();
  editor.report_not_finite();
  console.out << images_in(pictures, settings.common.out) << "\n";
}

}  // namespace

Subcommand vary_command() {
  return make_subcommand<VarySettings>(
      {.name = "glow-edit vary",
       .purpose = "Varies images by noise in their latents or by the temperature of their latents.",
       .closing = "Examples\n"
                  "  glow-edit vary faces.safetensors a.png --amounts 0.1 0.3 0.5 --out around.png\n"
                  "  glow-edit vary faces.safetensors a.png --factors 0 0.5 0.7 1 --per-level --out levels.png\n",
       .positional = {"model", "images"},
       .common = {"model", "images", "amounts", "variations", "factors", "per-level", "pick", "class", "scale", "out",
                  "overwrite", "threads"}},
      edit_flag_table("FILE.png: one grid; FILE.npy or a folder: its pictures, row by row",
                      image_flag_rows() + vary_rows()),
      vary, check_noise);
}

}  // namespace glow::tools
