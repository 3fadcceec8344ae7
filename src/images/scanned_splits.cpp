#include "images/scanned_splits.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include <glow/error.h>

#include "images/colour.h"
#include "images/faults.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

/// Removes images, whose faults are in the order of the images. Throws FormatError when none is left in `place`.
void remove_faulty(const fs::path& place, ScannedImages& all, const std::vector<Fault>& faults,
                   std::vector<std::string>& skipped) {
  if (faults.empty()) return;
  std::vector<bool> removed(all.images.size());
  for (const Fault& fault : faults) {
    removed[fault.image] = true;
    skipped.push_back(fault.text);
  }
  all.images.remove(removed);
  std::size_t index = 0;
  std::erase_if(all.scan.shapes, [&](const io::ImageShape&) { return removed[index++]; });
  all.scan.faults.clear();
  if (all.images.size() == 0)
    throw FormatError(all.images.root().empty() ? place : all.images.root(),
                      "expected an image that can be used, has none: " + skipped.back());
}

/// The images that are too small.
std::vector<Fault> size_faults(const ScannedImages& all, const OpenOptions& options) {
  std::vector<Fault> faults;
  for (std::int64_t index = 0; index < all.images.size(); ++index) {
    const std::string problem = options.size_problem(all.scan.shapes[index]);
    if (!problem.empty()) faults.push_back({.image = index, .text = all.images.path(index).string() + ": " + problem});
  }
  return faults;
}

/// Throws an error about all faults in all splits, first those of images that cannot be read at all.
/// `skips_corrupt`: about no others.
void throw_faults_in(const fs::path& place, const ScannedSplits& splits, bool skips_corrupt,
                     const std::string& way_out) {
  std::vector<Fault> faults;
  std::int64_t images = 0;
  for (const auto& [name, split] : splits) {
    std::ranges::copy_if(split.scan.faults, std::back_inserter(faults),
                         [&](const Fault& fault) { return fault.is_io || !skips_corrupt; });
    images += split.images.size();
  }
  std::stable_partition(faults.begin(), faults.end(), [](const Fault& fault) { return fault.is_io; });
  throw_faults(place, faults, images, way_out);
}

/// The same for images that the options do not leave out.
void throw_damage(const fs::path& place, const ScannedSplits& splits, const OpenOptions& options) {
  const bool has_damage = std::ranges::any_of(
      splits, [](const auto& split) { return !std::ranges::all_of(split.second.scan.faults, &Fault::is_io); });
  throw_faults_in(place, splits, options.skip_corrupt, has_damage ? advice_on_damage(options) : "");
}

bool all_grey(const Scan& scan) { return std::ranges::all_of(scan.shapes, is_grey); }

/// Whether all images are grey, by their pixels. `is_scanned`: whether the scan was of pixels.
bool all_grey(ScannedImages& split, bool is_scanned, const OpenOptions& options) {
  if (!is_scanned && !all_grey(split.scan) && !has_obvious_colour(split.images, split.scan))
    scan_colours(split.images, split.scan, options);
  return all_grey(split.scan);
}

/// Refuses images in colour where grey is required.
void require_grey(const fs::path& place, ScannedSplits& splits, const OpenOptions& options) {
  if (!options.skip_corrupt) {
    for (auto& [name, split] : splits) scan_colours(split.images, split.scan, options);
    throw_damage(place, splits, options);
  }
  for (auto& [name, split] : splits) {
    for (std::int64_t index = 0; index < split.images.size(); ++index) {
      if (!is_grey(split.scan.shapes[index]))
        split.scan.faults.push_back({.image = index, .text = FormatError(split.images.path(index), kNotGrey).what()});
    }
  }
  const bool may_be_rgb = options.channels == 0 && !options.names.rgb.empty();
  const std::string rgb = may_be_rgb ? options.names.rgb + " reads all as RGB, " : "";
  throw_faults_in(place, splits, /*skips_corrupt=*/false,
                  options.names.to_grey.empty() ? "" : rgb + options.names.to_grey + " converts to grey");
}

}  // namespace

std::string advice_on_damage(const OpenOptions& options) {
  const bool is_known = options.skip_corrupt || options.names.skip_corrupt.empty();
  return is_known ? "" : options.names.skip_corrupt + " leaves out damaged images";
}

void scan_splits(const fs::path& place, ScannedSplits& splits, const OpenOptions& options,
                 std::vector<std::string>& skipped) {
  const ScanDepth depth = options.skip_corrupt ? ScanDepth::kPixels : ScanDepth::kHeaders;
  for (auto& [name, split] : splits) split.scan = scan_images(split.images, depth, options);
  throw_damage(place, splits, options);
  for (auto& [name, split] : splits) {
    const std::vector<Fault> faults = std::move(split.scan.faults);
    remove_faulty(place, split, faults, skipped);
    if (options.size_problem) remove_faulty(place, split, size_faults(split, options), skipped);
  }
}

ImageFiles::Colour choose_colour(const fs::path& place, ScannedSplits& splits, const OpenOptions& options) {
  const bool is_grey_set =
      options.channels == 0 ? all_grey(splits.at("train"), options.skip_corrupt, options) : options.channels == 1;
  throw_damage(place, splits, options);
  const ImageFiles::Colour colour{.channels = is_grey_set ? 1 : 3, .to_grey = options.to_grey};
  if (is_grey_set && !options.to_grey) require_grey(place, splits, options);
  return colour;
}

}  // namespace glow::images
