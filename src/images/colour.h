#pragma once

#include <glow/io/image.h>

namespace glow::images {

/// Whether an image has no colour (grey, with or without alpha).
inline bool is_grey(const io::ImageShape& shape) { return shape.channels <= 2; }

/// The image with 1 (only from a grey image) or 3 channels: grey is repeated, alpha is composited onto white.
io::Image to_channels(io::Image image, int channels);

}  // namespace glow::images
