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
  const auto bytes = at::cat(pieces);
  const auto channels = bytes.size(1);
  if (channels == 1 || channels == 3) return data::image_grid(bytes, kColumns);
  return data::image_grid(bytes.reshape({count * channels, 1, bytes.size(2), bytes.size(3)}), kColumns * channels);
}

}  // namespace glow::train
