#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <glow/evaluate/ood.h>
#include <glow/evaluate/round_trip.h>
#include <glow/evaluate/score.h>

#include "tools/eval/eval_settings.h"

namespace glow::tools {

/// Images and their scores.
struct ScoredImages {
  EvalImages images;
  evaluate::Scores scores = {};
  evaluate::ScoreSummary summary = {};
};

/// The name of a score in the JSON object, and its AUROC for the two sets.
using NamedAuroc = std::pair<std::string, evaluate::Auroc>;

/// The results of glow-eval.
struct EvalResult {
  /// SHA-256 of the model file.
  std::string checksum;
  std::int64_t bits = 8;
  bool conditional = false;
  /// "cpu, 2 threads, fp32"
  std::string device;
  ScoredImages data;
  std::optional<ScoredImages> ood;
  /// Computed over the images with finite scores; empty when a set has none.
  std::vector<NamedAuroc> aurocs;
  std::optional<evaluate::RoundTrip> round_trip;
};

/// The AUROC of each score that is computed for both sets: bits_per_dim, importance_bits_per_dim, complexity_corrected.
std::vector<NamedAuroc> compare(const evaluate::Scores& inside, const evaluate::Scores& outside);

/// Readable lines "label   value".
std::string result_text(const EvalSettings& settings, const EvalResult& result);

/// The same as one JSON object (docs/formats.md), with a newline at its end. NaN and infinity become null.
std::string result_json(const EvalSettings& settings, const EvalResult& result);

/// The first line of scores.csv.
inline constexpr const char* kScoresHeading =
    "index,name,label,bits_per_dim,spread,importance_bits_per_dim,complexity_corrected,predicted";

/// scores.csv (docs/formats.md).
std::string scores_csv(const ScoredImages& scored);

/// An SVG histogram of bits/dim.
std::string result_histogram(const EvalResult& result);

}  // namespace glow::tools
