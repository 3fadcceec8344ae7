#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace glow::io {

/// What precedes the pixels in a PNG file (W3C PNG, third edition, section 5).
struct PngStart {
  /// The signature and the chunks that the pixels depend on: IHDR, PLTE, tRNS. A tRNS chunk that is longer than the
  /// palette or the colour is cut, because libpng would ignore it.
  std::string header;
  /// Where the first IDAT chunk begins.
  std::size_t pixels = 0;
  /// Metadata that can have an orientation, see find_orientation. Those after the pixels are ignored: the specification
  /// has the eXIf chunk before them.
  std::string exif = {};
  std::string xmp = {};
};

/// `bytes`: a PNG file or its beginning. Checksums are left to libpng; other chunks and their checksums do not matter.
/// Throws FormatError naming `name`, also when the beginning does not reach the first IDAT chunk.
PngStart read_png_start(std::string_view bytes, const std::filesystem::path& name);

}  // namespace glow::io
