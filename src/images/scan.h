#pragma once

#include <string>
#include <vector>

#include <glow/images/source.h>

#include "images/encoded_images.h"

namespace glow::images {

/// Sizes and channels of all images.
struct Scan {
  std::vector<io::ImageShape> shapes;
  /// The error of each image that cannot be decoded, empty for the others; empty without OpenOptions::skip_corrupt.
  std::vector<std::string> problems;
};

/// Reads the header of every image, or decodes it with OpenOptions::skip_corrupt. Several processes (options.shard)
/// share the work. Throws, in all processes, the error of the first image that cannot be read: IoError, and without
/// skip_corrupt FormatError.
Scan scan_images(const EncodedImages& images, const OpenOptions& options);

}  // namespace glow::images
