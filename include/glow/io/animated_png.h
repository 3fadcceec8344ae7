#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <glow/io/image.h>

namespace glow::io {

struct Animation {
  /// What is shown one after the other, all of one shape.
  std::vector<Image> frames;
  /// How long each is, in milliseconds: 1 to 65535.
  std::int64_t frame_milliseconds = 100;
  /// How often it runs; 0: for ever.
  std::uint32_t plays = 0;
};

/// The bytes of an animated PNG file (PNG specification, third edition: acTL, fcTL and fdAT chunks); whoever does not
/// know of these sees the first frame. Throws FormatError when there is no frame, their shapes differ, have no place in
/// the format, or frame_milliseconds is out of range.
std::string encode_animated_png(const Animation& animation);

/// Writes such a file atomically. Throws IoError, and FormatError like encode_animated_png.
void write_animated_png(const std::filesystem::path& path, const Animation& animation);

}  // namespace glow::io
