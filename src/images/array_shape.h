#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <glow/error.h>

namespace glow::images {

/// Whether an array looks as if its images were stored with the channels first: [N, C, H, W] with 1, 3 or 4 channels
/// and 8 pixels or more in each direction. Images of so few rows and that many channels do not exist.
bool has_channels_first(const std::vector<std::int64_t>& shape);

/// The axes that an array should have.
enum class ArrayAxes {
  kImage,               ///< [H, W] or [H, W, C], one image
  kImages,              ///< [N, H, W] or [N, H, W, C]
  kImagesWithChannels,  ///< [N, H, W, C]
};

/// The error of an array that holds no images of the expected kind: "expected EXPECTED, is "<f4" [9,3,8,8]: save ...",
/// with the expression of NumPy that converts such an array, if there is one. `dtype` is NumPy's type string.
FormatError other_array(const std::filesystem::path& path, const std::string& expected, ArrayAxes axes,
                        const std::string& dtype, const std::vector<std::int64_t>& shape);

}  // namespace glow::images
