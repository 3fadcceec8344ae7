#include "tools/eval/eval_result.h"

#include <ATen/ATen.h>

#include <glow/evaluate/histogram.h>

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

}  // namespace glow::tools
