#include <glow/version.h>

#include "tools/common/flag_values.h"
#include "tools/eval/eval_result.h"

namespace glow::tools {
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
          {"changed", round_trip.changed}};
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
