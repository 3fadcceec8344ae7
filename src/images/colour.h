#pragma once

#include <glow/io/image.h>

namespace glow::images {

/// Whether an image is stored without colour (grey, with or without alpha).
inline bool is_grey(const io::ImageShape& shape) { return shape.channels <= 2; }

/// Whether an image has no colour, however it is stored: it has no planes of colours, or equal ones.
bool has_no_colour(const io::Image& image);

/// The text of the error for another image where grey is required.
constexpr const char* kNotGrey = "expected a grey image (1 channel is required), has colour";

/// The image with 1 or 3 channels: alpha is composited onto white, grey is repeated. Colour becomes grey by the weights
/// of ITU-R BT.601, (299 R + 587 G + 114 B) / 1000, rounded; this does not change grey that is stored in colour.
io::Image to_channels(io::Image image, int channels);

}  // namespace glow::images
