#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <glow/images/source.h>

#include "images/encoded_images.h"
#include "images/image_files.h"
#include "images/scan.h"

namespace glow::images {

/// Images and what is known about each.
struct ScannedImages {
  EncodedImages images;
  Scan scan;
};

/// By split.
using ScannedSplits = std::map<std::string, ScannedImages>;

/// The end of an error about a damaged image: "--skip-corrupt leaves out damaged images"; empty if the option is set or
/// has no name.
std::string advice_on_damage(const OpenOptions& options);

/// Reads the headers of all images, or decodes them with skip_corrupt, and removes those that the options leave out;
/// their errors are added to `skipped`. Throws an error about all others that cannot be read in `place`.
void scan_splits(const std::filesystem::path& place, ScannedSplits& splits, const OpenOptions& options,
                 std::vector<std::string>& skipped);

/// The channels that the options ask for, or those of the training images. Decodes images that are stored in colour
/// where it matters whether they are grey. Throws an error about all that must be grey and are not.
ImageFiles::Colour choose_colour(const std::filesystem::path& place, ScannedSplits& splits, const OpenOptions& options);

}  // namespace glow::images
