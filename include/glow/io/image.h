#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)

namespace glow::io {

/// Height, width and channels of an image; channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
struct ImageShape {
  /// Rows of pixels.
  int height = 0;
  /// Pixels of a row.
  int width = 0;
  /// Samples of a pixel, 1 to 4.
  int channels = 0;
  /// Whether all numbers are equal.
  bool operator==(const ImageShape&) const = default;
};

/// An image in memory, 8 bits per sample, upright. Values are those in the file, sRGB by convention: colour profiles
/// (ICC), gamma and chromaticities (gAMA, cHRM, cICP) and the aspect of a pixel (pHYs, JFIF, Exif) are ignored.
struct Image {
  /// Height, width and channels.
  ImageShape shape;
  /// [height, width, channels], row by row.
  std::vector<std::uint8_t> pixels;
};

/// Height and width in pixels.
struct ImageSize {
  /// Rows of pixels.
  int height = 0;
  /// Pixels of a row.
  int width = 0;
  /// Whether both numbers are equal.
  bool operator==(const ImageSize&) const = default;
};

/// An image that was decoded at a fraction of its size.
struct ReducedImage {
  /// The smaller image.
  Image image;
  /// 1, 2, 4 or 8. A side of `image` is the side of the whole image divided by this, rounded up.
  int reduction = 1;
};

/// @file
/// All functions may be called from several threads at once. Those that read recognise the format by content, not by
/// name:
/// - PNG (W3C PNG, third edition). Palettes and transparent colours are expanded, 16-bit samples rounded to 8 bits. Of
///   an animation, the default image.
/// - JPEG (ITU-T T.81), baseline, extended and progressive, Huffman or arithmetic coding, 8 bits: grey (1 channel),
///   colour (3), and CMYK and YCCK (3), which are taken for inverted, as Adobe's programs store them: RGB is C K / 255,
///   M K / 255, Y K / 255 of the stored values.
/// - WebP (RFC 9649), lossy and lossless: 3 channels, with alpha 4. An animation is refused.
///
/// Images are turned upright, as Pillow's ImageOps.exif_transpose does, by the tag Orientation in Exif (the APP1
/// segment of JPEG, the eXIf chunk or the text "Raw profile type exif" of PNG, the EXIF chunk of WebP), or without this
/// tag by tiff:Orientation in XMP. An image whose metadata are damaged counts as upright. In PNG, metadata after the
/// pixels are ignored, as the specification puts the eXIf chunk before them; Pillow applies them, and ImageMagick
/// writes such files.
///
/// Files with oddities are read as long as they hold all pixels: bytes before a marker of JPEG and after the pixels,
/// wrong checksums and contents of chunks of PNG that the pixels do not depend on. FormatError names the file and what
/// it is:
/// - "not a whole PNG file: ...": pixels are missing or damaged, as far as the decoder can tell. The data of JPEG have
///   no checksum, so that changes after which they still decode to all pixels are not noticed.
/// - "is a 12-bit JPEG image, which is not supported: ..." and the like; formats that are not read (AVIF, HEIC, GIF,
///   BMP, TIFF, JPEG 2000 and JPEG XL) are named, with the advice to convert the image.
/// - more than 2^28 pixels, or 500 scans of a JPEG file.

/// The shape of the image that decode_image would return, from the header alone. `bytes`: the file in memory, or its
/// beginning; the first 64 KiB suffice unless a large profile or thumbnail, or the alpha of a large WebP image, comes
/// before the header, or a WebP file has Exif or XMP, which follow the image. Throws FormatError; for the beginning of
/// a file it may also mean that more bytes are needed, so try again with the whole file. A shape, if returned, is that
/// of the whole file. `name`: of the file, or of the member of an archive, in messages.
ImageShape decode_image_shape(std::string_view bytes, const std::filesystem::path& name);

/// Decodes an image in memory. Throws FormatError, and std::bad_alloc if the memory does not suffice.
Image decode_image(std::string_view bytes, const std::filesystem::path& name);

/// Decodes an image for scaling down: at the smallest of 1/2, 1/4 and 1/8 of its size whose sides are at least `least`,
/// otherwise whole; sizes are those of the upright image. Only JPEG images with a side of 8 pixels or more are reduced;
/// one that is turned only if this puts no partial row or column (see below) first. Each pixel is then the mean of
/// reduction x reduction pixels of the whole image, but for rounding, and for subsampled chroma, which is interpolated
/// less. Decoding takes 60 to 90 % of the time of the whole image; the scaling that follows has only 1/4 to 1/64 of the
/// pixels. Errors as decode_image; the limit is on the whole image.
///
/// Where a side is not a multiple of `reduction`, the last row or column is partly beyond the edge of the image. So
/// scale by (side of the whole image / reduction) / (side of the result), not by the sides of the two images; else the
/// picture is displaced by up to reduction - 1 pixels of the whole image at that edge.
///
/// An antialiased triangle filter to h x w then gives almost what it gives after decode_image. RMS and largest
/// difference in grey levels, over test pictures full of detail (tests/io/reduced_image_test.cpp), and the bound for
/// any grey picture, away from its edges:
///
///     least                      mean RMS   RMS of one picture   largest   bound
///     2h x 2w                         2.3                  6.6        25      46
///     4h x 4w                         1.0                  4.5        15      23
///     area instead of triangle        8.7                   25        96     112
ReducedImage decode_reduced_image(std::string_view bytes, const std::filesystem::path& name, ImageSize least);

/// decode_image_shape of a file. Throws IoError, FormatError.
ImageShape read_image_shape(const std::filesystem::path& path);

/// decode_image of a file. Throws IoError, FormatError.
Image read_image(const std::filesystem::path& path);

/// The bytes of a PNG file of `image`. Throws FormatError when the number of bytes does not fit the shape, or when PNG
/// cannot store the shape (no pixels, five channels).
std::string encode_png(const Image& image);

/// Writes a PNG file atomically. Throws IoError, and FormatError like encode_png.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace glow::io

#pragma GCC visibility pop
