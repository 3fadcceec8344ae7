#pragma once

#include <vector>

#include <glow/images/source.h>

#include "images/encoded_images.h"
#include "images/faults.h"

namespace glow::images {

/// Sizes and channels of all images.
struct Scan {
  /// Zeros for an image with a fault.
  std::vector<io::ImageShape> shapes;
  /// In the order of the images.
  std::vector<Fault> faults;
};

enum class ScanDepth {
  /// The header of every image.
  kHeaders,
  /// Every image is decoded; the channels of one whose three planes are equal are those of a grey one.
  kPixels,
};

/// Reads all images. Several processes (options.shard) share the work. All get the same result; errors of images are
/// part of it.
Scan scan_images(const EncodedImages& images, ScanDepth depth, const OpenOptions& options);

/// Decodes the images that `scan` says are in colour, and sets the channels of those that are grey. Adds faults.
void scan_colours(const EncodedImages& images, Scan& scan, const OpenOptions& options);

/// Whether one of a few images that `scan` says are in colour is. Decodes them on the calling thread.
bool has_obvious_colour(const EncodedImages& images, const Scan& scan);

}  // namespace glow::images
