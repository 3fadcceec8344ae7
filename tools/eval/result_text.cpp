#include <cmath>

#include "tools/common/text.h"
#include "tools/eval/eval_result.h"

namespace glow::tools {
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
                                   : ", at the centres of the bins: no bound";
  if (summary.noise_standard_error) text += ", the noise's part " + fixed(*summary.noise_standard_error, 5);
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
    listing.add("less PNG's", estimate_text(*summary.complexity_corrected) + ", PNG takes " +
                                  fixed(summary.png_bits_per_dim->mean, 4) + " bits/dim");
  }
}

std::string accuracy_text(const evaluate::ScoreSummary& summary) {
  const auto part = static_cast<double>(summary.correct) / static_cast<double>(summary.labelled);
  return fixed(100 * part, 2) + " % of " + grouped(summary.labelled) + " images by the largest p(x|y)";
}

std::string round_trip_text(const evaluate::RoundTrip& round_trip) {
  return "max|decode(encode(x)) - x| " + scientific(round_trip.max_error) + ", mean " +
         scientific(round_trip.mean_error) + "\n" + grouped(round_trip.changed) + " of " + grouped(round_trip.images) +
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

}  // namespace glow::tools
