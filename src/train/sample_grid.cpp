#include "train/sample_grid.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

#include <glow/data/image_grid.h>

namespace glow::train {
namespace {

constexpr double kTemperature = 0.7;
constexpr std::int64_t kColumns = 6;
constexpr std::int64_t kMostClasses = 10;

}  // namespace

io::Image as_grid(const torch::Tensor& bytes, std::int64_t columns) {
  const auto channels = bytes.size(1);
  if (channels == 1 || channels == 3) return data::image_grid(bytes, columns);
  return data::image_grid(bytes.reshape({-1, 1, bytes.size(2), bytes.size(3)}), columns * channels);
}

io::Image sample_grid(const nn::Glow& model, std::int64_t batch, std::uint64_t seed,
                      const std::function<void()>& drawn) {
  const torch::NoGradGuard no_grad;
  const auto classes = model->options().num_classes;
  const auto count = kColumns * (classes > 0 ? std::min(classes, kMostClasses) : kColumns);
  std::vector<torch::Tensor> pieces;
  for (std::int64_t first = 0; first < count; first += batch) {
    const auto end = std::min(first + batch, count);
    nn::SampleOptions options{.temperature = kTemperature, .seed = seed, .first_index = first};
    if (classes > 0) options.labels = at::arange(first, end, at::kLong).div(kColumns, "floor");
    pieces.push_back(model->quantizer().to_bytes(model->sample(end - first, options)).cpu());
    drawn();
  }
  return as_grid(at::cat(pieces), kColumns);
}

}  // namespace glow::train
