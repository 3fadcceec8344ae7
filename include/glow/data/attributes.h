#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace glow::data {

/// Which attributes images have, by the images' names.
class Attributes {
 public:
  /// Of each image, one an attribute: 1 it has it, 0 it has not, -1 nobody knows.
  using Row = std::vector<std::int8_t>;

  explicit Attributes(std::vector<std::string> names) : names_(std::move(names)) {}

  const std::vector<std::string>& names() const { return names_; }
  /// How many images it knows.
  std::int64_t size() const { return static_cast<std::int64_t>(listed_.size()); }
  /// The rows of all images of a set, by their paths; nullptr for one that is not listed. First an image has the row
  /// whose path its own ends with, the longest such: a/b/0.png that of b/0.png, or else of 0.png. Then, of the rows
  /// that are left, the same without extensions, for CelebA lists .jpg files that are distributed as .png, too. Then
  /// that of the same file name without folders and extension, provided no other image nor row has that. Throws
  /// FormatError naming them when two images fit one row, or two rows an image, equally well. Valid until the next
  /// `add`.
  std::vector<const Row*> find_all(const std::vector<std::string>& images) const;
  /// The row of a set's only image. One of several may have another's here, which only find_all sees.
  const Row* find(const std::string& image) const { return find_all({image}).front(); }
  /// Adds the row of an image; false when that very path has one.
  bool add(const std::string& image, Row row);

 private:
  struct Listed {
    std::string path;
    Row row;
  };
  /// Where in listed_ a key is.
  using Places = std::unordered_map<std::string, std::vector<std::size_t>>;

  std::vector<std::string> names_;
  std::vector<Listed> listed_;
  /// By the path as it is written, without its extension, and by the file's name without that.
  std::array<Places, 3> places_;
};

/// Reads a list of attributes:
/// - as CelebA (list_attr_celeba.txt) and CelebA-HQ have it: the number of images, a line of names, then a line an
///   image, its file and 1 or -1 for each name, between spaces;
/// - or .csv: a line of names after a first one for the files', then a line an image, its file and 1, 0 or -1 (not,
///   too) or nothing (not known) for each name, between commas.
/// Images of an array have their place, from 0, for a name. Throws IoError, and FormatError naming the line; for more
/// than 10,000 names, one longer than 256 bytes, or a file of more than 256 MiB, too.
Attributes read_attributes(const std::filesystem::path& path);

}  // namespace glow::data
