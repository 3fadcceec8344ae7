#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)

namespace glow::images {

/// The binary attributes of images, found by the paths of the images.
class Attributes {
 public:
  /// The attributes of one image, in the order of names(): 1 yes, 0 no, -1 unknown.
  using Row = std::vector<std::int8_t>;

  /// An empty list of images with attributes of these names.
  explicit Attributes(std::vector<std::string> names) : names_(std::move(names)) {}

  /// The names of the attributes, in the order of the values of a Row.
  const std::vector<std::string>& names() const { return names_; }
  /// The number of images in the list.
  std::int64_t size() const { return static_cast<std::int64_t>(listed_.size()); }
  /// The rows of all images of a set, by their paths; nullptr for an image that is not listed. There are three passes,
  /// each over the images and rows that are not matched yet:
  /// 1. an image has the row with the longest path that is a suffix of its own: a/b/0.png that of b/0.png, else 0.png;
  /// 2. the same without extensions, because CelebA lists .jpg files that are also distributed as .png;
  /// 3. the row with the same file name without folders and extension.
  /// Throws FormatError naming them when two images match one row, or two rows match an image, equally well. The result
  /// is valid until the next `add`.
  std::vector<const Row*> find_all(const std::vector<std::string>& images) const;
  /// Adds the row of an image; returns false when the path has one already.
  bool add(const std::string& image, Row row);

 private:
  struct Listed {
    std::string path;
    Row row;
  };
  /// Indices into listed_ by key.
  using Places = std::unordered_map<std::string, std::vector<std::size_t>>;

  std::vector<std::string> names_;
  std::vector<Listed> listed_;
  /// By path, by path without extension, and by file name without extension: the passes of find_all.
  std::array<Places, 3> places_;
};

/// Reads a list of attributes:
/// - CelebA's format (list_attr_celeba.txt, also of CelebA-HQ), separated by spaces: a line with the number of images,
///   a line of names, then one line for each image with its file and 1 or -1 for each name;
/// - or CSV: a line with the heading of the column of files and the names, then one line for each image with its file
///   and 1, 0 or -1 (no) or an empty field (unknown) for each name.
/// For an image in an array, its index from 0 replaces the file. Throws IoError, and FormatError naming the line, also
/// for more than 10,000 names, a name longer than 256 bytes, or a file of more than 256 MiB.
Attributes read_attributes(const std::filesystem::path& path);

}  // namespace glow::images

#pragma GCC visibility pop
