#pragma once

#include <glow/io/image.h>

namespace glow::data {

/// Whether a picture has no colour (grey, with or without alpha).
bool is_grey(const io::ImageShape& shape);

/// The picture with 1 (from a grey one only) or 3 channels: grey is repeated, alpha is composited onto white.
io::Image to_channels(io::Image image, int channels);

}  // namespace glow::data
