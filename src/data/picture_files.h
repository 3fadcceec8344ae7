#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <glow/data/source.h>

namespace glow::data {

/// A folder and the images below it, as relative paths in bytewise order.
struct Folder {
  std::filesystem::path root;
  std::vector<std::string> files;
};

/// 1 when every image is grey, else 3. Throws IoError, FormatError naming the file.
int find_channels(const Folder& folder);

/// PNG and JPEG files, read when they are asked for.
class PictureFiles : public ImageSource {
 public:
  /// `channels`: 1 or 3; grey is repeated, alpha composited onto white, colour where 1 is asked for refused.
  /// `labels`: one an image, or empty.
  PictureFiles(Folder folder, int channels, std::vector<std::int64_t> labels);

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

}  // namespace glow::data
