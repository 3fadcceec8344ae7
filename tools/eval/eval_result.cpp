#include "tools/eval/eval_result.h"

#include <cmath>

#include <ATen/ATen.h>

#include <glow/evaluate/histogram.h>
#include <glow/version.h>

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

std::string images_text(const ScoredImages& scored) {
  const auto& [images, scores, summary] = scored;
  return images.source + ", split " + images.split + ": " + count_text(summary.images, "image");
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

std::string round_trip_text(const evaluate::RoundTrip& round_trip) {
  return "max|decode(encode(x)) - x| " + scientific(round_trip.max_error) + ", mean " +
         scientific(round_trip.mean_error) + "\n" + grouped(std::ssize(round_trip.changed)) + " of " + grouped(round_trip.images) +
         " images come back as other bytes";
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
  listing.add("data", images_text(result.data));
  listing.add("geometry", result.data.images.fitted.geometry_text());
  if (result.conditional) {
    const bool marginal = settings.score.classes == evaluate::ClassDensity::kMarginal;
    listing.add("density", marginal ? "p(x), the mean over all classes" : "p(x|y) under each image's own label y");
  }
  add_scores(listing, settings, result.data.summary);
  if (result.data.images.labelled && result.data.summary.labelled > 0) {
    listing.add("accuracy", accuracy_text(result.data.summary));
  }
  if (result.round_trip) listing.add("round trip", round_trip_text(*result.round_trip));
  if (result.ood) {
    listing.add("other", images_text(*result.ood));
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
          {"changed", round_trip.changed.size()}};
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
            {"ood", result.ood ? set_json(*result.ood) : Json()},
            {"auroc", result.ood ? auroc_json(result.aurocs) : Json()}};
  // A path need not be UTF-8; other bytes are replaced.
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace glow::tools
