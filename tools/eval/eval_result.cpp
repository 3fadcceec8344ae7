#include "tools/eval/eval_result.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <glow/evaluate/histogram.h>
#include <glow/shard.h>
#include <glow/version.h>

#include "tools/common/files.h"
#include "tools/common/flags.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char character : text) result += character == '"' ? "\"\"" : std::string(1, character);
  return result + "\"";
}

/// Element `index` of [N] numbers; empty when the tensor is undefined.
std::string number_text(const torch::Tensor& numbers, std::int64_t index) {
  if (!numbers.defined()) return "";
  const auto number = numbers.data_ptr<double>()[index];
  return number != number ? "nan" : brief(number);
}

/// The same for classes; empty for class -1.
std::string class_text(const torch::Tensor& classes, std::int64_t index) {
  if (!classes.defined()) return "";
  const auto number = classes.data_ptr<std::int64_t>()[index];
  return number < 0 ? "" : std::to_string(number);
}

}  // namespace

std::vector<NamedAuroc> compare(const evaluate::Scores& inside, const evaluate::Scores& outside) {
  const auto in_mask = evaluate::finite(inside), out_mask = evaluate::finite(outside);
  std::vector<NamedAuroc> aurocs;
  if (!in_mask.any().item<bool>() || !out_mask.any().item<bool>()) return aurocs;
  const auto add = [&](const char* name, const torch::Tensor& in, const torch::Tensor& out) {
    aurocs.emplace_back(name, evaluate::auroc(in.masked_select(in_mask), out.masked_select(out_mask)));
  };
  add("bits_per_dim", inside.bits_per_dim, outside.bits_per_dim);
  if (inside.importance_bits_per_dim.defined()) {
    add("importance_bits_per_dim", inside.importance_bits_per_dim, outside.importance_bits_per_dim);
  }
  add("complexity_corrected", evaluate::complexity_corrected(inside), evaluate::complexity_corrected(outside));
  return aurocs;
}

std::string scores_csv(const ScoredImages& scored) {
  const auto& scores = scored.scores;
  const auto corrected = scores.png_bits_per_dim.defined() ? evaluate::complexity_corrected(scores) : torch::Tensor();
  std::string text = std::string(kScoresHeading) + "\n";
  for (std::int64_t i = 0; i < scored.images.images().size(); ++i) {
    text += std::to_string(i) + "," + quoted(scored.images.images().name(i)) + "," + class_text(scores.labels, i) +
            "," + number_text(scores.bits_per_dim, i) + "," + number_text(scores.spread, i) + "," +
            number_text(scores.importance_bits_per_dim, i) + "," + number_text(corrected, i) + "," +
            class_text(scores.predicted, i) + "\n";
  }
  return text;
}

std::string result_histogram(const EvalResult& result) {
  const auto series = [](const ScoredImages& scored) {
    return evaluate::HistogramSeries{scored.images.source + ", " + scored.images.split, scored.scores.bits_per_dim};
  };
  std::vector<evaluate::HistogramSeries> all{series(result.data)};
  if (result.ood) all.push_back(series(*result.ood));
  return evaluate::histogram_svg(all, {.title = "Share of the images", .axis = "bits/dim"});
}

namespace {

/// "7.2128 +- 0.0307"; a single image has no standard error.
std::string with_error(double value, double standard_error) {
  return fixed(value, 4) + (std::isnan(standard_error) ? "" : " +- " + fixed(standard_error, 4));
}

std::string estimate_text(const evaluate::Estimate& estimate) {
  return with_error(estimate.mean, estimate.standard_error);
}

std::string images_text(const EvalImages& images, bool of_data) {
  return images.source + (of_data ? ", split " + images.split : "") + ": " + images.subset.text();
}

std::string plain_text(const EvalSettings& settings, const evaluate::ScoreSummary& summary) {
  auto text = estimate_text(summary.bits_per_dim);
  text += settings.score.draws > 0 ? std::string(", ") + count_text(settings.score.draws, "draw")
                                   : ", at the centres of the bins: not a bound";
  if (summary.noise_standard_error)
    text += ", standard error due to the noise " + fixed(*summary.noise_standard_error, 5);
  return text;
}

void add_scores(Listing& listing, const EvalSettings& settings, const evaluate::ScoreSummary& summary) {
  if (summary.non_finite > 0) {
    listing.add("left out", count_text(summary.non_finite, "image") + " whose density is not finite");
  }
  listing.add("bits/dim", plain_text(settings, summary));
  if (summary.importance_bits_per_dim) {
    listing.add("importance",
                estimate_text(*summary.importance_bits_per_dim) + ", " + count_text(settings.score.importance, "draw"));
  }
  if (summary.complexity_corrected) {
    listing.add("minus PNG", estimate_text(*summary.complexity_corrected) + ", PNG takes " +
                                 fixed(summary.png_bits_per_dim->mean, 4) + " bits/dim");
  }
}

std::string accuracy_text(const evaluate::ScoreSummary& summary) {
  const auto part = static_cast<double>(summary.correct) / static_cast<double>(summary.labelled);
  return fixed(100 * part, 2) + " % of " + grouped(summary.labelled) + " images by the largest p(x|y)";
}

std::string round_trip_text(const evaluate::RoundTrip& round_trip, const ScoredImages& scored, std::int64_t bits) {
  const auto changed = std::ssize(round_trip.changed);
  const auto of = round_trip.images == scored.summary.images ? "" : grouped(round_trip.images) + " of ";
  return "max|decode(encode(x)) - x| " + scientific(round_trip.max_error) + ", mean " +
         scientific(round_trip.mean_error) + "\n" + of + count_text(scored.summary.images, "image") +
         " encoded and decoded, " +
         (changed == 0 ? "all come back " : grouped(changed) + (changed == 1 ? " does" : " do") + " not come back ") +
         byte_for_byte(bits) + (changed == 0 ? "" : ":") + listed_lines(changed, [&](std::int64_t i) {
           const auto index = round_trip.changed[static_cast<std::size_t>(i)];
           return std::to_string(index) + ": " + one_line(scored.images.images().name(index));
         });
}

/// The scores of one kind, float64 [N]; undefined if they were not computed.
torch::Tensor numbers_of(const evaluate::Scores& scores, ScoreKind kind) {
  if (kind == ScoreKind::kBitsPerDim) return scores.bits_per_dim;
  if (kind == ScoreKind::kImportance) return scores.importance_bits_per_dim;
  return scores.png_bits_per_dim.defined() ? evaluate::complexity_corrected(scores) : torch::Tensor();
}

enum class Ranking { kWorst, kBest };

std::int64_t length_of(const EvalSettings& settings, Ranking ranking) {
  return ranking == Ranking::kWorst ? settings.worst : settings.best;
}

/// The images of one of the two lists, in its order. Scores that are not finite are the worst; equal ones keep the
/// order of the images.
std::vector<std::int64_t> ranked(const EvalSettings& settings, const evaluate::Scores& scores, Ranking ranking) {
  const auto tensor = numbers_of(scores, settings.sort_by);
  const auto* numbers = tensor.data_ptr<double>();
  const auto badness = [&](std::int64_t index) {
    const auto number = std::isfinite(numbers[index]) ? numbers[index] : HUGE_VAL;
    return ranking == Ranking::kWorst ? -number : number;
  };
  auto order = index_range(0, tensor.size(0));
  std::ranges::stable_sort(order, {}, badness);
  order.resize(static_cast<std::size_t>(std::min(tensor.size(0), length_of(settings, ranking))));
  return order;
}

/// The name of an image as a shell takes it, if it is a file; other names are for people.
std::string pasted_name(const std::string& name) {
  return is_there(name) || name != one_line(name) ? shell_word(name) : name;
}

std::string ranking_text(const EvalSettings& settings, const ScoredImages& scored, Ranking ranking) {
  std::vector<ScoreKind> shown{settings.sort_by};
  if (settings.sort_by != ScoreKind::kBitsPerDim) shown.push_back(ScoreKind::kBitsPerDim);
  std::string text;
  std::vector<torch::Tensor> columns;
  for (const auto kind : shown) {
    text.append(to_string(kind)).append(", ");
    columns.push_back(numbers_of(scored.scores, kind));
  }
  text += "index, image";
  for (const auto index : ranked(settings, scored.scores, ranking)) {
    text += '\n';
    for (const auto& numbers : columns) text.append(fixed(numbers.data_ptr<double>()[index], 4)).append("  ");
    text.append(std::to_string(index)).append("  ").append(pasted_name(scored.images.images().name(index)));
  }
  return text;
}

std::string auroc_text(const std::vector<NamedAuroc>& aurocs) {
  std::string text;
  for (const auto& [name, auroc] : aurocs) {
    if (!text.empty()) text += "\n";
    text += with_error(auroc.value, auroc.standard_error) + " by " + name;
  }
  return text.empty() ? "none: a set has no image with a finite density" : text;
}

}  // namespace

std::string result_text(const EvalSettings& settings, const EvalResult& result) {
  Listing listing;
  listing.add("model", settings.model);
  listing.add("device", result.device);
  const bool of_data = settings.images.empty();
  listing.add(of_data ? "data" : "images", images_text(result.data.images, of_data));
  listing.add("geometry", result.data.images.fitted.geometry_text());
  if (result.conditional) {
    const bool marginal = settings.score.classes == evaluate::ClassDensity::kMarginal;
    listing.add("density", marginal ? "p(x), the mean over all classes" : "p(x|y) under each image's own label y");
  }
  add_scores(listing, settings, result.data.summary);
  if (result.data.images.labelled && result.data.summary.labelled > 0) {
    listing.add("accuracy", accuracy_text(result.data.summary));
  }
  if (result.round_trip) listing.add("round trip", round_trip_text(*result.round_trip, result.data, result.bits));
  if (settings.worst > 0) listing.add("worst", ranking_text(settings, result.data, Ranking::kWorst));
  if (settings.best > 0) listing.add("best", ranking_text(settings, result.data, Ranking::kBest));
  if (result.ood) {
    listing.add("other", images_text(result.ood->images, /*of_data=*/false));
    listing.add("geometry", result.ood->images.fitted.geometry_text());
    add_scores(listing, settings, result.ood->summary);
    listing.add("AUROC", auroc_text(result.aurocs));
  }
  if (!settings.scores.empty()) listing.add("scores", settings.scores);
  if (!settings.histogram.empty()) listing.add("histogram", settings.histogram);
  return listing.text();
}

namespace {

Json mean_of(const std::optional<evaluate::Estimate>& estimate) { return estimate ? Json(estimate->mean) : Json(); }

Json error_of(const std::optional<evaluate::Estimate>& estimate) {
  return estimate ? Json(estimate->standard_error) : Json();
}

Json geometry_json(const FittedImages& fitted) {
  const auto& geometry = fitted.images->geometry();
  return {{"height", geometry.height},
          {"width", geometry.width},
          {"resize", geometry.resize},
          {"random_crop", geometry.random_crop},
          {"from", to_string(fitted.from)}};
}

Json set_json(const ScoredImages& scored) {
  const auto& summary = scored.summary;
  Json json{{"source", scored.images.source},
            {"split", scored.images.split},
            {"geometry", geometry_json(scored.images.fitted)},
            {"images", summary.images},
            {"images_given", scored.images.subset.given()},
            {"subset", scored.images.subset.is_all() ? Json() : Json(scored.images.subset.which())},
            {"non_finite", summary.non_finite},
            {"bits_per_dim", summary.bits_per_dim.mean},
            {"standard_error", summary.bits_per_dim.standard_error},
            {"noise_standard_error", summary.noise_standard_error ? Json(*summary.noise_standard_error) : Json()},
            {"importance_bits_per_dim", mean_of(summary.importance_bits_per_dim)},
            {"importance_standard_error", error_of(summary.importance_bits_per_dim)},
            {"png_bits_per_dim", mean_of(summary.png_bits_per_dim)},
            {"complexity_corrected", mean_of(summary.complexity_corrected)},
            {"complexity_corrected_standard_error", error_of(summary.complexity_corrected)}};
  return json;
}

/// The number of correct predictions, the number of images with a label of the model, and their ratio.
Json accuracy_json(const ScoredImages& scored) {
  const auto& summary = scored.summary;
  if (!scored.images.labelled || summary.labelled == 0) return {};
  return {{"accuracy", static_cast<double>(summary.correct) / static_cast<double>(summary.labelled)},
          {"correct", summary.correct},
          {"images", summary.labelled}};
}

Json auroc_json(const std::vector<NamedAuroc>& aurocs) {
  Json json = Json::object();
  for (const auto& [name, auroc] : aurocs)
    json[name] = {{"value", auroc.value}, {"standard_error", auroc.standard_error}};
  return json;
}

Json round_trip_json(const evaluate::RoundTrip& round_trip) {
  return {{"images", round_trip.images},
          {"max_error", round_trip.max_error},
          {"mean_error", round_trip.mean_error},
          {"changed", round_trip.changed.size()},
          {"changed_images", round_trip.changed}};
}

/// Null if the list was not requested.
Json ranking_json(const EvalSettings& settings, const ScoredImages& scored, Ranking ranking) {
  if (length_of(settings, ranking) == 0) return {};
  std::vector<std::pair<std::string, torch::Tensor>> columns;
  for (const auto kind : {ScoreKind::kBitsPerDim, ScoreKind::kImportance, ScoreKind::kComplexityCorrected}) {
    if (auto numbers = numbers_of(scored.scores, kind); numbers.defined()) {
      columns.emplace_back(to_string(kind), std::move(numbers));
    }
  }
  Json json = Json::array();
  for (const auto index : ranked(settings, scored.scores, ranking)) {
    Json image{{"index", index}, {"name", scored.images.images().name(index)}};
    for (const auto& [name, numbers] : columns) image[name] = numbers.data_ptr<double>()[index];
    json.push_back(std::move(image));
  }
  return json;
}

}  // namespace

std::string result_json(const EvalSettings& settings, const EvalResult& result) {
  Json json{{"tool", "glow-eval"},
            {"version", kVersion},
            {"model", settings.model},
            {"checksum", result.checksum},
            {"bits", result.bits},
            {"precision", to_string(settings.compute.precision)},
            {"seed", settings.score.seed},
            {"batch", settings.score.batch},
            {"draws", settings.score.draws},
            {"importance", settings.score.importance},
            {"classes", result.conditional ? Json(to_string(settings.score.classes)) : Json()},
            {"data", set_json(result.data)},
            {"classification", accuracy_json(result.data)},
            {"round_trip", result.round_trip ? round_trip_json(*result.round_trip) : Json()},
            {"sort_by", to_string(settings.sort_by)},
            {"worst", ranking_json(settings, result.data, Ranking::kWorst)},
            {"best", ranking_json(settings, result.data, Ranking::kBest)},
            {"ood", result.ood ? set_json(*result.ood) : Json()},
            {"auroc", result.ood ? auroc_json(result.aurocs) : Json()}};
  // A path need not be UTF-8; other bytes are replaced.
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace glow::tools
