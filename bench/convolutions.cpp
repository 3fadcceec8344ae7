#include "bench/convolutions.h"

#include <utility>

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include "ops/pixel_product.h"

namespace glow::bench {

Convolutions::Convolutions(const Settings& settings) {
  const auto& options = settings.model;
  if (settings.device.is_cuda()) {
    // By default cuDNN rounds float32 factors to TF32 and takes the first algorithm that it expects to be fast.
    at::globalContext().setAllowTF32CuDNN(settings.precision == nn::HiddenPrecision::kTf32);
    at::globalContext().setBenchmarkCuDNN(true);
  }
  const bool without_bfloat16 = settings.device.is_cpu() && !ops::cpu_multiplies_bfloat16();
  const auto tensors =
      torch::TensorOptions().device(settings.device).dtype(without_bfloat16 ? torch::kFloat : settings.hidden_dtype());
  for (std::int64_t level = 0; level < options.levels; ++level) {
    const auto shape = nn::level_shape(options, level);
    const auto outputs = ops::coupling_outputs(options.coupling, shape.channels);
    const auto width = options.hidden_width;
    const auto images = [&](std::int64_t channels) {
      return at::randn({settings.batch, channels, shape.height, shape.width}, tensors)
          .contiguous(at::MemoryFormat::ChannelsLast);
    };
    using Sizes = std::pair<std::int64_t, std::int64_t>;
    for (const auto& [in, out] :
         {Sizes{9 * shape.channels / 2, width}, Sizes{width, width}, Sizes{width, 9 * outputs}}) {
      layers_.push_back({images(in), at::randn({out, in, 1, 1}, tensors), images(out), options.depth});
    }
  }
}

void Convolutions::forward() const {
  for (const auto& layer : layers_) {
    for (std::int64_t k = 0; k < layer.repeats; ++k) at::conv2d(layer.x, layer.weight);
  }
}

void Convolutions::train() const {
  forward();
  for (const auto& layer : layers_) {
    for (std::int64_t k = 0; k < layer.repeats; ++k) {
      at::convolution_backward(layer.y, layer.x, layer.weight, c10::nullopt, {1, 1}, {0, 0}, {1, 1},
                               /*transposed=*/false, {0, 0}, /*groups=*/1, {true, true, false});
    }
  }
}

}  // namespace glow::bench
