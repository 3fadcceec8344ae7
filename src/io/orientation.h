#pragma once

#include <string_view>

#include <glow/io/image.h>

namespace glow::io {

/// How a stored image is turned upright: its rows and its columns are reversed, then rows become columns.
struct Orientation {
  bool reverses_rows = false;
  bool reverses_columns = false;
  bool transposes = false;
  bool operator==(const Orientation&) const = default;
};

/// The orientation in an image's metadata, the tag Orientation of Exif (CIPA DC-008, 0x0112). `exif`: a TIFF structure,
/// perhaps after "Exif\0\0". `xmp`: an XMP packet, whose tiff:Orientation counts if `exif` lacks the tag. Both may be
/// empty. The image is upright if they are damaged or have another value than 1 to 8. These are the rules of Pillow's
/// ImageOps.exif_transpose, which fails where the structure does not begin as one.
Orientation find_orientation(std::string_view exif, std::string_view xmp);

/// The shape of the image after turning it upright.
ImageShape upright_shape(const ImageShape& stored, const Orientation& orientation);

Image turn_upright(Image stored, const Orientation& orientation);

}  // namespace glow::io
