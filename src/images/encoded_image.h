#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include <glow/io/image.h>

namespace glow::images {

// One encoded image: PNG, JPEG, WebP, or an .npy file with a uint8 array [H, W], [H, W, C], [C, H, W] or [1, C, H, W],
// C = 1 or 3; an array whose first and last axis could both be the channels is [H, W, C]. The functions throw
// FormatError naming `name`.

/// Its shape, from its first bytes. `size`: the number of all its bytes. With fewer bytes than the header has, it
/// throws too.
io::ImageShape encoded_shape(std::string_view start, std::uint64_t size, const std::filesystem::path& name);

/// Its pixels. `least`: see io::decode_reduced_image.
io::Image decode(std::string_view bytes, const std::filesystem::path& name, io::ImageSize least);

}  // namespace glow::images
