#include "train/pictures.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

#include <glow/data/image_grid.h>
#include <glow/io/image.h>
#include <glow/latent/arrange.h>
#include <glow/latent/codec.h>
#include <glow/latent/interpolate.h>
#include <glow/latent/vary.h>

namespace glow::train {
namespace {

constexpr std::int64_t kImages = 6;
constexpr std::int64_t kMostClasses = 10;
constexpr std::int64_t kPairs = 4;
constexpr std::int64_t kPlaces = 7;
constexpr double kTemperature = 0.7;

/// The grid of uint8 [N, C, H, W].
io::Image as_grid(const torch::Tensor& bytes, std::int64_t columns) {
  const auto channels = bytes.size(1);
  if (channels == 1 || channels == 3) return data::image_grid(bytes, columns);
  return data::image_grid(bytes.reshape({-1, 1, bytes.size(2), bytes.size(3)}), columns * channels);
}

class PictureMaker {
 public:
  PictureMaker(const nn::Glow& model, const data::Images& images, const TrainOptions& options,
               const std::function<void()>& drawn)
      : codec_(model, options.batch, [&drawn](std::int64_t, std::int64_t) { drawn(); }),
        images_(images),
        seed_(options.seed) {}

  io::Image samples() {
    const auto classes = classes_count();
    const auto count = kImages * (classes > 0 ? std::min(classes, kMostClasses) : kImages);
    nn::SampleOptions options{.temperature = kTemperature, .seed = seed_};
    if (classes > 0) options.labels = at::arange(count, at::kLong).div(kImages, "floor");
    return as_grid(codec_.sample(count, options), kImages);
  }

  io::Image temperatures() {
    const auto samples = codec_.model()->sample_latents(kImages, {.seed = seed_});
    std::vector<nn::Latents> rows;
    for (const auto temperature : kShownTemperatures) rows.push_back(latent::scale(samples, temperature));
    const auto classes = classes_count();
    const auto labels = classes > 0 ? at::arange(kImages, at::kLong).remainder(classes) : torch::Tensor();
    const auto bytes = codec_.decode(latent::concatenate(rows), repeated(labels, std::size(kShownTemperatures)));
    return as_grid(bytes, kImages);
  }

  io::Image interpolations() {
    const auto images = first_images(2 * kPairs);
    const auto every_second = [](const torch::Tensor& all, std::int64_t first) {
      return all.slice(0, first, c10::nullopt, 2);
    };
    const auto labels = classes_count() > 0 ? every_second(images.labels, 0) : torch::Tensor();
    const auto from = codec_.encode(every_second(images.bytes, 0), labels),
               to = codec_.encode(every_second(images.bytes, 1), labels);
    std::vector<nn::Latents> columns;
    for (std::int64_t place = 0; place < kPlaces; ++place) {
      columns.push_back(latent::interpolate(from, to, static_cast<double>(place) / (kPlaces - 1)));
    }
    // [place, pair, ...] to [pair, place, ...]: one row for each pair.
    const auto bytes = codec_.decode(latent::concatenate(columns), repeated(labels, kPlaces));
    return as_grid(
        bytes.view({kPlaces, kPairs, bytes.size(1), bytes.size(2), bytes.size(3)}).transpose(0, 1).flatten(0, 1),
        kPlaces);
  }

  io::Image levels() {
    const auto images = first_images(kImages);
    const auto kept = codec_.encode(images.bytes, images.labels);
    std::vector<nn::Latents> rows;
    for (std::int64_t level = 0; level <= codec_.model()->options().levels; ++level) {
      rows.push_back(latent::resample_finest(kept, level, {.temperature = kTemperature, .seed = seed_}));
    }
    const auto& quantizer = codec_.model()->quantizer();
    const auto as_seen = quantizer.to_bytes(quantizer.center(images.bytes));
    const auto drawn =
        codec_.decode(latent::concatenate(rows), repeated(images.labels, codec_.model()->options().levels + 1));
    return as_grid(at::cat({as_seen, drawn}), kImages);
  }

 private:
  struct LabelledImages {
    torch::Tensor bytes, labels;
  };

  std::int64_t classes_count() const { return codec_.model()->options().num_classes; }

  /// The first `count` validation images, repeated if the set has fewer; with labels for a conditional model.
  LabelledImages first_images(std::int64_t count) const {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < count; ++i) indices.push_back(i % images_.size());
    return {images_.bytes(indices), classes_count() > 0 ? images_.labels(indices) : torch::Tensor()};
  }

  static torch::Tensor repeated(const torch::Tensor& labels, std::int64_t times) {
    return labels.defined() ? labels.repeat({times}) : labels;
  }

  latent::Codec codec_;
  const data::Images& images_;
  std::uint64_t seed_;
};

}  // namespace

std::filesystem::path write_pictures(const RunDirectory& directory, std::int64_t step, const nn::Glow& model,
                                     const data::Images& validation, const TrainOptions& options,
                                     const std::function<void()>& drawn) {
  const auto path = directory.sample_grid(step);
  PictureMaker maker(model, validation, options, drawn);
  const auto samples = maker.samples(), temperatures = maker.temperatures(), interpolations = maker.interpolations(),
             levels = maker.levels();
  io::write_png(directory.temperatures(), temperatures);
  io::write_png(directory.interpolations(), interpolations);
  io::write_png(directory.levels(), levels);
  io::write_png(path, samples);
  return path;
}

}  // namespace glow::train
