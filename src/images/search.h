#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <glow/images/source.h>

#include "images/encoded_images.h"
#include "images/left_out.h"

namespace glow::images {

/// Whether the name of a file is one of an image.
using IsImageName = bool (*)(std::string_view name);

/// .png, .jpg, .jpeg and .webp, in upper or lower case.
bool is_image_name(std::string_view name);
/// .npy, in upper or lower case.
bool is_npy_name(std::string_view name);

/// What a search found below a folder.
struct FoundFiles {
  /// Relative paths in bytewise order.
  std::vector<std::string> images;
  std::vector<std::string> archives;
  LeftOut left_out;
};

/// The names of the folders directly in a folder, without those of programs. Throws IoError.
std::set<std::string> folders_in(const std::filesystem::path& directory);

/// The images and archives at any depth below `directory`. Symbolic links are followed, but each folder is visited once
/// (see open_data_set). Hidden files, folders of programs and runs of glow-train are left out; if `directory` is itself
/// a run, its samples are. Throws IoError when a folder cannot be read, FormatError for a compressed tar.
FoundFiles find_files(const std::filesystem::path& directory, IsImageName is_image);

/// An archive, and the folder ("a/b/", or empty) of its members among the other images.
struct MountedArchive {
  std::filesystem::path path;
  std::string mount;
  /// The split that the archive holds, or empty. A folder of this name in it that contains all its images is left out
  /// of their names.
  std::string split;
};

/// Adds the images in archives, which the processes of `options` index together, and to `left_out` what is none. With
/// options.with_labels, a member KEY.cls with a number is the label of the image KEY.EXTENSION (WebDataset's
/// convention; KEY is the path up to the first dot of the file's name); then two images of one key are refused. Throws
/// IoError, FormatError.
void add_archives(EncodedImages& images, const std::vector<MountedArchive>& archives, IsImageName is_image,
                  const OpenOptions& options, LeftOut& left_out);

/// The images in one archive. A folder of the archive that contains all images is the root, unless it is the last
/// folder above all of them, which may be a class.
EncodedImages images_of_archive(const std::filesystem::path& path, IsImageName is_image, const OpenOptions& options,
                                LeftOut& left_out);

}  // namespace glow::images
