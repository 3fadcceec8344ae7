#pragma once

#include <cstdint>

#include <c10/macros/Macros.h>

namespace glow::ops {

/// Which number of a channels_last tensor [N, channels, height, width] lies at `index` in memory.
struct PixelIndex {
  C10_HOST_DEVICE PixelIndex(std::uint32_t index, std::int64_t channels_of, std::int64_t height_of,
                             std::int64_t width_of) {
    const auto channels = static_cast<std::uint32_t>(channels_of), height = static_cast<std::uint32_t>(height_of),
               width = static_cast<std::uint32_t>(width_of);
    const auto pixel = index / channels, row_of_all = pixel / width;
    channel = static_cast<int>(index % channels);
    column = static_cast<int>(pixel % width);
    row = static_cast<int>(row_of_all % height);
    image = static_cast<int>(row_of_all / height);
  }
  int image, row, column, channel;
};

}  // namespace glow::ops
