#include "train/report_pictures.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

#include <glow/io/image.h>

#include "train/sample_grid.h"

namespace glow::train {
namespace {

constexpr std::int64_t kImages = 6;
constexpr std::int64_t kPairs = 4;
constexpr std::int64_t kPlaces = 7;
constexpr double kLevelTemperature = 0.7;

/// Between rows [N, D], on the great circle: `from` at t = 0, `to` at t = 1.
torch::Tensor on_great_circle(const torch::Tensor& from, const torch::Tensor& to, double t) {
  constexpr double kParallel = 1e-6;
  const auto a = from.to(torch::kDouble), b = to.to(torch::kDouble);
  const auto angle = ((a * b).sum(1, true) / (a.norm(2, 1, true) * b.norm(2, 1, true))).clamp(-1, 1).acos();
  const auto is_straight = angle.sin().abs() < kParallel;
  const auto weight = [&](double part) {
    return at::where(is_straight, at::full_like(angle, part), (angle * part).sin() / angle.sin());
  };
  return (weight(1 - t) * a + weight(t) * b).to(from.scalar_type());
}

/// Latents of which the levels finer than `level` come from `fresh`, the others from `kept`.
nn::Latents with_fresh_levels(const nn::Latents& kept, const nn::Latents& fresh, std::size_t level) {
  auto mixed = kept;
  std::copy_n(fresh.eps.begin(), level, mixed.eps.begin());
  return mixed;
}

/// Draws with a model, a batch at a time.
class Draftsman {
 public:
  Draftsman(const nn::Glow& model, const data::Images& images, const TrainOptions& options,
            const std::function<void()>& drawn)
      : model_(model), images_(images), options_(options), drawn_(drawn) {}

  io::Image temperatures() const {
    const auto unit = nn::flatten(model_->sample_latents(kImages, {.seed = options_.seed}));
    std::vector<torch::Tensor> rows;
    for (const auto temperature : kShownTemperatures) rows.push_back(unit * temperature);
    const auto classes = classes_count();
    const auto labels =
        classes > 0 ? at::arange(kImages, at::kLong).remainder(classes).repeat(rows.size()) : torch::Tensor();
    return as_grid(decode(at::cat(rows), labels), kImages);
  }

  io::Image interpolations() const {
    const auto images = first_images(2 * kPairs);
    const auto every_second = [](const torch::Tensor& all, std::int64_t first) {
      return all.slice(0, first, c10::nullopt, 2);
    };
    const auto labels = classes_count() > 0 ? every_second(images.labels, 0) : torch::Tensor();
    const auto from = encode(every_second(images.bytes, 0), labels), to = encode(every_second(images.bytes, 1), labels);
    std::vector<torch::Tensor> places;
    for (std::int64_t place = 0; place < kPlaces; ++place) {
      places.push_back(on_great_circle(from, to, static_cast<double>(place) / (kPlaces - 1)));
    }
    const auto rows = at::stack(places, 1).flatten(0, 1);
    return as_grid(decode(rows, labels.defined() ? labels.repeat_interleave(kPlaces) : labels), kPlaces);
  }

  io::Image levels() const {
    const auto images = first_images(kImages);
    const auto& quantizer = model_->quantizer();
    const auto kept = nn::unflatten(encode(images.bytes, images.labels), model_->options());
    const auto fresh = model_->sample_latents(kImages, {.temperature = kLevelTemperature, .seed = options_.seed});
    std::vector<torch::Tensor> rows;
    for (std::size_t level = 0; level <= kept.eps.size(); ++level) {
      rows.push_back(nn::flatten(with_fresh_levels(kept, fresh, level)));
    }
    const auto labels = images.labels.defined() ? images.labels.repeat(rows.size()) : images.labels;
    const auto as_seen = quantizer.to_bytes(quantizer.center(images.bytes));
    return as_grid(at::cat({as_seen, decode(at::cat(rows), labels)}), kImages);
  }

 private:
  struct LabelledImages {
    torch::Tensor bytes, labels;
  };

  std::int64_t classes_count() const { return model_->options().num_classes; }

  /// Labels only for a conditional model. Where there are not as many, they repeat.
  LabelledImages first_images(std::int64_t count) const {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < count; ++i) indices.push_back(i % images_.size());
    return {images_.bytes(indices), classes_count() > 0 ? images_.labels(indices) : torch::Tensor()};
  }

  /// uint8 [N, C, H, W] -> their latents [N, D].
  torch::Tensor encode(const torch::Tensor& bytes, const torch::Tensor& labels) const {
    return in_batches(bytes, labels, [&](const torch::Tensor& some, const torch::Tensor& their_labels) {
      const auto x = model_->quantizer().center(some.to(model_->device()), model_->dtype());
      return nn::flatten(model_->encode(x, their_labels));
    });
  }

  /// The reverse, on the CPU.
  torch::Tensor decode(const torch::Tensor& rows, const torch::Tensor& labels) const {
    return in_batches(rows, labels, [&](const torch::Tensor& some, const torch::Tensor& their_labels) {
      const auto x = model_->decode(nn::unflatten(some, model_->options()), their_labels);
      return model_->quantizer().to_bytes(x).cpu();
    });
  }

  template <class Work>
  torch::Tensor in_batches(const torch::Tensor& all, const torch::Tensor& labels, Work&& work) const {
    std::vector<torch::Tensor> pieces;
    for (std::int64_t first = 0; first < all.size(0); first += options_.batch) {
      const auto end = std::min(first + options_.batch, all.size(0));
      pieces.push_back(work(all.slice(0, first, end), labels.defined() ? labels.slice(0, first, end) : labels));
      drawn_();
    }
    return at::cat(pieces);
  }

  const nn::Glow& model_;
  const data::Images& images_;
  const TrainOptions& options_;
  const std::function<void()>& drawn_;
};

}  // namespace

std::filesystem::path write_pictures(const RunDirectory& directory, std::int64_t step, const nn::Glow& model,
                                     const data::Images& validation, const TrainOptions& options,
                                     const std::function<void()>& drawn) {
  const torch::NoGradGuard no_grad;
  const auto path = directory.sample_grid(step);
  const Draftsman draftsman(model, validation, options, drawn);
  const auto grid = sample_grid(model, options.batch, options.seed, drawn);
  const auto temperatures = draftsman.temperatures(), interpolations = draftsman.interpolations(),
             levels = draftsman.levels();
  io::write_png(directory.temperatures(), temperatures);
  io::write_png(directory.interpolations(), interpolations);
  io::write_png(directory.levels(), levels);
  io::write_png(path, grid);
  return path;
}

}  // namespace glow::train
