#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/images/source.h>

namespace glow::bench {

/// Images to read, and how little their decoding alone could take.
struct Workload {
  std::string name;
  std::shared_ptr<const images::ImageSource> source;
  data::Geometry geometry;
  /// Reads a file and calls the decoder library, without a check, into memory that this thread keeps. For images in
  /// memory: copies one.
  std::function<void(std::int64_t index)> decode_alone;
  /// How often a measurement reads each image, so that it takes about as long for all workloads.
  std::int64_t passes;
};

/// The workloads, with so many files each, which are written to the folder unless they exist. Their sizes are those of
/// photographs. `names`: which ones; empty: all.
///
/// - `array`: 256 images of 32x32 a file, in memory, shifted.
/// - `png`: PNG files of 256x256, not scaled.
/// - `png-scaled`: PNG files of 1024x1024, scaled to 256x256.
/// - `jpeg-scaled`: JPEG files of 1024x1024, scaled to 256x256; alone they are decoded at the reduction by which
///   data::Images decodes them.
///
/// Throws ConfigError naming workloads for an unknown name.
std::vector<Workload> make_workloads(const std::filesystem::path& folder, std::int64_t files,
                                     const std::vector<std::string>& names);

}  // namespace glow::bench
