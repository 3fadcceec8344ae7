#pragma once

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
  std::int64_t size() const { return static_cast<std::int64_t>(rows_.size()); }
  /// The row of an image; nullptr when it is not listed. Folders and the extension do not matter: CelebA lists .jpg
  /// files that are distributed as .png, too.
  const Row* find(const std::string& image) const;
  /// Adds the row of an image; false when it has one.
  bool add(const std::string& image, Row row);

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, Row> rows_;
};

/// Reads a list of attributes:
/// - as CelebA (list_attr_celeba.txt) and CelebA-HQ have it: the number of images, a line of names, then a line an
///   image, its file and 1 or -1 for each name, between spaces;
/// - or .csv: a line of names after a first one for the files', then a line an image, its file and 1, 0 or -1 (not,
/// too)
///   or nothing (not known) for each name, between commas.
/// Images of an array have their place, from 0, for a name. Throws IoError, and FormatError naming the line.
Attributes read_attributes(const std::filesystem::path& path);

}  // namespace glow::data
