#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <glow/images/source.h>

#include "images/encoded_images.h"

namespace glow::images {

/// Calls task(0) ... task(count - 1) on the threads of data_workers, and in between, on the calling thread,
/// progress(what, done, count). Throws what the first task that fails throws.
void run_with_progress(std::int64_t count, const std::function<void(std::int64_t)>& task, const std::string& what,
                       const OpenProgress& progress);

/// Sizes and channels of all images.
struct Scan {
  std::vector<io::ImageShape> shapes;
  /// With OpenOptions::skip_corrupt: the error of each image that cannot be decoded, empty for the others.
  std::vector<std::string> problems;
};

/// Reads the header of every image, or decodes it with OpenOptions::skip_corrupt. Several processes (options.shard)
/// share the work. Throws, in all processes, the error of the first image that cannot be read: IoError, and without
/// skip_corrupt FormatError.
Scan scan_images(const EncodedImages& images, const OpenOptions& options);

}  // namespace glow::images
