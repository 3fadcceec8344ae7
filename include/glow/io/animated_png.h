#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <glow/io/image.h>

#pragma GCC visibility push(default)

namespace glow::io {

/// Images that are shown one after the other.
struct Animation {
  /// In the order of display, all of one shape.
  std::vector<Image> frames;
  /// Duration of each frame in milliseconds: 1 to 65535.
  std::int64_t frame_milliseconds = 100;
  /// How often the animation runs; 0: forever.
  std::uint32_t plays = 0;
};

/// The bytes of an animated PNG file (PNG specification, third edition: acTL, fcTL and fdAT chunks). A viewer without
/// support for animation shows the first frame. Throws FormatError when there is no frame, when the frames differ in
/// shape, when PNG cannot store their shape, or when frame_milliseconds is out of range.
std::string encode_animated_png(const Animation& animation);

/// Writes an animated PNG file atomically. Throws IoError, and FormatError as encode_animated_png does.
void write_animated_png(const std::filesystem::path& path, const Animation& animation);

}  // namespace glow::io

#pragma GCC visibility pop
