#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <glow/images/source.h>

namespace glow::images {

/// A folder and the images below it, as relative paths in bytewise order.
struct Folder {
  std::filesystem::path root;
  std::vector<std::string> files;
};

/// The PNG and JPEG files (by extension, in upper or lower case) at any depth below `directory`, as paths relative to
/// it, in bytewise order. Symbolic links are followed, but each folder is visited once (see open_data_set); hidden
/// files are ignored. Throws IoError when a folder cannot be read.
std::vector<std::string> find_images(const std::filesystem::path& directory);

/// For each image file an error message of one line that names the file, empty when io::read_image decodes it.
/// `progress` may be null: called with the number of files done and of all files. Throws IoError.
std::vector<std::string> find_corrupt(const std::vector<std::filesystem::path>& files,
                                      const std::function<void(std::int64_t, std::int64_t)>& progress);

/// 1 when every image is grey, else 3. Throws IoError, FormatError naming the file.
int find_channels(const Folder& folder);

/// PNG and JPEG files, read on request.
class ImageFiles : public ImageSource {
 public:
  /// `channels`: 1 or 3. Grey images are repeated, alpha is composited onto white, colour images are refused for 1.
  /// `labels`: one for each image, or empty.
  ImageFiles(Folder folder, int channels, std::vector<std::int64_t> labels);

  std::int64_t size() const override { return static_cast<std::int64_t>(folder_.files.size()); }
  int channels() const override { return channels_; }
  io::ImageShape shape(std::int64_t index) const override;
  io::Image image(std::int64_t index) const override;
  std::int64_t label(std::int64_t index) const override { return labels_.empty() ? -1 : labels_[index]; }
  std::string name(std::int64_t index) const override { return path(index).string(); }
  std::string key(std::int64_t index) const override;
  std::string content(std::int64_t index) const override;

 private:
  std::filesystem::path path(std::int64_t index) const { return folder_.root / folder_.files[index]; }
  void check_colour(const io::ImageShape& shape, std::int64_t index) const;

  Folder folder_;
  int channels_;
  std::vector<std::int64_t> labels_;
};

}  // namespace glow::images
