#pragma once

#include <filesystem>
#include <string_view>

#include <glow/io/image.h>

namespace glow::io {

// One pair a format: `path` is for messages, `bytes` the file's content. All throw FormatError.

bool looks_like_png(std::string_view bytes);
ImageShape png_shape(const std::filesystem::path& path, std::string_view bytes);
Image decode_png(const std::filesystem::path& path, std::string_view bytes);

bool looks_like_jpeg(std::string_view bytes);
ImageShape jpeg_shape(const std::filesystem::path& path, std::string_view bytes);
Image decode_jpeg(const std::filesystem::path& path, std::string_view bytes);

/// An image of zeros. Throws FormatError when it would have more than 2^28 pixels.
Image blank_image(const std::filesystem::path& path, const ImageShape& shape);

}  // namespace glow::io
