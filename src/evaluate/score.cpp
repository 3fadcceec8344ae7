#include <glow/evaluate/score.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/evaluate/ood.h>

#include "data/batches.h"
#include "nn/labels.h"

namespace glow::evaluate {
namespace {

/// log p at one point of each image, float64 [N] on the CPU, and for classification log p(x | y) [N, Y].
struct Densities {
  torch::Tensor log_prob;
  torch::Tensor by_class;
};

Densities densities(const nn::Glow& model, const torch::Tensor& x, const torch::Tensor& labels,
                    const ScoreOptions& options) {
  const auto to_cpu = [](const torch::Tensor& numbers) { return numbers.to(torch::kCPU, torch::kDouble); };
  const auto classes = model->options().num_classes;
  const bool by_label = options.classes == ClassDensity::kLabel;
  if (classes == 0) return {to_cpu(model->log_prob(x)), {}};
  if (by_label && !options.classify) return {to_cpu(model->log_prob(x, labels)), {}};
  const auto by_class = to_cpu(model->log_prob_by_class(x));
  if (by_label) return {by_class.gather(1, labels.unsqueeze(1)).squeeze(1), by_class};
  return {by_class.logsumexp(1) - std::log(static_cast<double>(classes)), by_class};
}

/// argmax over the classes of [N, Y]; -1 where one of them is NaN or +inf (-inf is a class of density 0).
torch::Tensor largest(const torch::Tensor& by_class) {
  const auto usable = by_class.lt(HUGE_VAL).all(1);
  return at::where(usable, by_class.argmax(1), at::full({by_class.size(0)}, -1, at::kLong));
}

/// Scores one batch at a time.
class Scorer {
 public:
  Scorer(const nn::Glow& model, const ScoreOptions& options, std::int64_t images)
      : model_(model),
        options_(options),
        noisy_points_(std::max(options.draws, options.importance)),
        densities_in_all_(images * (noisy_points_ + (options.draws == 0 ? 1 : 0))) {}

  Scores score(const data::Batch& batch) {
    const bool needs_label = model_->options().num_classes > 0 && options_.classes == ClassDensity::kLabel;
    if (needs_label) nn::require_labels("labels", batch.labels, model_->options().num_classes);
    const auto bytes = batch.bytes.to(model_->device());
    std::vector<Densities> plain, noisy;
    if (options_.draws == 0) plain.push_back(at_point(model_->quantizer().center(bytes, model_->dtype()), batch));
    for (std::int64_t draw = 0; draw < noisy_points_; ++draw) {
      noisy.push_back(at_point(
          model_->quantizer().dequantize(
              bytes, draw,
              {.seed = options_.seed, .stream = options_.stream, .indices = batch.indices, .dtype = model_->dtype()}),
          batch));
      // Only the plain bound needs by_class: keeping [N, Y] of thousands of importance draws would fill the memory.
      if (draw >= options_.draws || !options_.classify) noisy.back().by_class.reset();
    }
    if (options_.draws > 0) plain.assign(noisy.begin(), noisy.begin() + options_.draws);
    noisy.resize(static_cast<std::size_t>(options_.importance));
    return numbers_of(batch, plain, noisy);
  }

 private:
  Densities at_point(const torch::Tensor& x, const data::Batch& batch) {
    auto result = densities(model_, x, batch.labels, options_);
    densities_done_ += batch.bytes.size(0);
    if (options_.progress) options_.progress(densities_done_, densities_in_all_);
    return result;
  }

  Scores numbers_of(const data::Batch& batch, const std::vector<Densities>& plain,
                    const std::vector<Densities>& weighted) const {
    Scores scores{.labels = batch.labels, .draws = options_.draws};
    const auto bits = bits_per_dim(stacked(plain, &Densities::log_prob));
    scores.bits_per_dim = bits.mean({0});
    if (options_.draws > 1) scores.spread = bits.std({0}, /*unbiased=*/true);
    if (!weighted.empty()) {
      const auto log_mean =
          stacked(weighted, &Densities::log_prob).logsumexp(0) - std::log(static_cast<double>(weighted.size()));
      scores.importance_bits_per_dim = bits_per_dim(log_mean);
    }
    if (options_.compress) scores.png_bits_per_dim = png_bits_per_dim(batch.bytes, model_->options().bits);
    if (options_.classify && plain[0].by_class.defined()) {
      scores.predicted = largest(stacked(plain, &Densities::by_class).mean({0}));
    }
    return scores;
  }

  torch::Tensor bits_per_dim(const torch::Tensor& log_prob) const { return model_->quantizer().bits_per_dim(log_prob); }

  static torch::Tensor stacked(const std::vector<Densities>& points, torch::Tensor Densities::*field) {
    std::vector<torch::Tensor> all;
    for (const auto& point : points) all.push_back(point.*field);
    return at::stack(all);
  }

  const nn::Glow& model_;
  const ScoreOptions& options_;
  std::int64_t noisy_points_;
  std::int64_t densities_done_ = 0;
  std::int64_t densities_in_all_;
};

constexpr auto kTensors = {&Scores::bits_per_dim,     &Scores::spread,    &Scores::importance_bits_per_dim,
                           &Scores::png_bits_per_dim, &Scores::predicted, &Scores::labels};

/// Joins the scores of batches; a shard may have none.
Scores concatenated(const std::vector<Scores>& batches, std::int64_t draws) {
  Scores all{.draws = draws};
  for (const auto field : kTensors) {
    if (batches.empty() || !(batches[0].*field).defined()) continue;
    std::vector<torch::Tensor> pieces;
    for (const auto& batch : batches) pieces.push_back(batch.*field);
    all.*field = at::cat(pieces);
  }
  return all;
}

}  // namespace

void ScoreOptions::validate() const {
  // Products of numbers up to this limit do not overflow.
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  require_range("batch", batch, 1, kMost);
  require_range("draws", draws, 0, kMost);
  require_range("importance", importance, 0, kMost);
}

Scores score(const nn::Glow& model, const data::Images& images, const ScoreOptions& options) {
  if (images.size() == 0) throw ConfigError("score: there are no images");
  options.validate();
  const torch::NoGradGuard no_grad;
  auto batches = data::all_batches(images, options.batch, /*with_labels=*/true, options.shard);
  const auto [first, end] = data::images_of_shard(images.size(), options.batch, options.shard);
  Scorer scorer(model, options, end - first);
  std::vector<Scores> scores;
  for (auto done = first; done < end; done += options.batch) scores.push_back(scorer.score(batches.next()));
  return concatenated(scores, options.draws);
}

Scores gathered(const Scores& shard, std::int64_t images, std::int64_t batch, distributed::Communicator& processes) {
  if (processes.size() == 1) return shard;
  const auto [first, end] = data::images_of_shard(images, batch, processes.shard());
  Scores all{.draws = shard.draws};
  for (const auto field : kTensors) {
    const auto& own = shard.*field;
    // A process without images has no tensors and learns from the others which scores exist.
    if (!processes.any(own.defined())) continue;
    const bool is_class = field == &Scores::predicted || field == &Scores::labels;
    auto numbers = torch::zeros({images}, is_class ? torch::kLong : torch::kDouble);
    if (own.defined()) numbers.narrow(0, first, end - first).copy_(own);
    processes.sum(numbers);
    all.*field = numbers;
  }
  return all;
}

torch::Tensor complexity_corrected(const Scores& scores) {
  if (!scores.png_bits_per_dim.defined()) throw ConfigError("compress", "the images were not compressed");
  return scores.bits_per_dim - scores.png_bits_per_dim;
}

torch::Tensor finite(const Scores& scores) {
  const auto plain = scores.bits_per_dim.isfinite();
  const auto& weighted = scores.importance_bits_per_dim;
  return weighted.defined() ? plain.logical_and(weighted.isfinite()) : plain;
}

Estimate estimate(const torch::Tensor& numbers) {
  const auto rows = numbers.detach().flatten().to(torch::kDouble);
  const auto count = static_cast<double>(rows.numel());
  Estimate result;
  if (rows.numel() == 0) return result;
  const auto mean = rows.mean(0);
  result.mean = mean.item<double>();
  if (rows.numel() > 1) {
    // From the deviations, so that a large mean costs no digits of the variance.
    const auto variance = (rows - mean).square().sum(0) / (count - 1);
    result.standard_error = (variance / count).sqrt().item<double>();
  }
  return result;
}

ScoreSummary summarise(const Scores& scores) {
  const auto mask = finite(scores);
  const auto of_finite = [&](const torch::Tensor& numbers) { return numbers.masked_select(mask); };
  const auto estimate_of = [&](const torch::Tensor& numbers) { return estimate(of_finite(numbers)); };
  const auto count = mask.sum().item<std::int64_t>();
  ScoreSummary summary{.images = mask.numel(), .non_finite = mask.numel() - count};
  summary.bits_per_dim = estimate_of(scores.bits_per_dim);
  if (scores.spread.defined()) {
    const auto variance = of_finite(scores.spread).square().sum().item<double>() / static_cast<double>(scores.draws);
    summary.noise_standard_error = std::sqrt(variance) / static_cast<double>(count);
  }
  if (scores.importance_bits_per_dim.defined()) {
    summary.importance_bits_per_dim = estimate_of(scores.importance_bits_per_dim);
  }
  if (scores.png_bits_per_dim.defined()) {
    summary.png_bits_per_dim = estimate_of(scores.png_bits_per_dim);
    summary.complexity_corrected = estimate_of(complexity_corrected(scores));
  }
  if (scores.predicted.defined()) {
    const auto is_labelled = scores.labels.ge(0);
    summary.labelled = is_labelled.sum().item<std::int64_t>();
    summary.correct = scores.predicted.eq(scores.labels).logical_and(is_labelled).sum().item<std::int64_t>();
  }
  return summary;
}

}  // namespace glow::evaluate
