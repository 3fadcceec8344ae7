#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/npy_header.h"
#include "io/regular_file.h"

namespace glow::io {

/// An array of an .npz file. Its data are read when they are needed if the file was made by numpy.savez, and are in
/// memory if it was made by numpy.savez_compressed. Several threads may read at once.
class NpzArray {
 public:
  /// Of the member, for messages: that of the file / the member's name.
  const std::filesystem::path& path() const { return path_; }
  /// See NpyReader::dtype.
  const std::string& dtype() const { return header_.dtype; }
  const std::vector<std::int64_t>& shape() const { return header_.shape; }
  std::uint64_t element_size() const { return header_.element_size; }
  /// Fills `bytes` with the array's data at `offset`; they must be inside. The CRC-32 of a stored array is not checked.
  /// Throws IoError.
  void read_at(std::uint64_t offset, std::span<char> bytes) const;

 private:
  friend std::map<std::string, NpzArray> open_npz(const std::filesystem::path&, const std::vector<std::string>&);

  std::filesystem::path path_;
  NpyHeader header_;
  std::shared_ptr<const RegularFile> file_;
  /// Of the data in the file.
  std::uint64_t offset_ = 0;
  /// The inflated member; null for a stored one.
  std::shared_ptr<const std::string> inflated_;
};

/// The arrays with these names that an .npz file has (numpy.lib.format: a zip whose members are NAME.npy). Throws
/// IoError; FormatError as index_archive, as NpyReader for each of these arrays (so for pickled objects), for a file
/// that is no zip, and for a compressed array of more than 4 GiB.
std::map<std::string, NpzArray> open_npz(const std::filesystem::path& path, const std::vector<std::string>& names);

/// The names of all arrays of an .npz file, in the order of the zip. Throws IoError, FormatError as index_archive.
std::vector<std::string> npz_names(const std::filesystem::path& path);

}  // namespace glow::io
