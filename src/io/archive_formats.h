#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/archive.h"
#include "io/regular_file.h"

namespace glow::io {

/// The bytes of an archive: a file's, or bytes in memory. Both must outlive it.
class ArchiveBytes {
 public:
  explicit ArchiveBytes(const RegularFile& file) : file_(&file), path_(file.path()), size_(file.size()) {}
  ArchiveBytes(std::string_view bytes, const std::filesystem::path& path)
      : bytes_(bytes), path_(path), size_(bytes.size()) {}

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  /// `count` bytes at `offset`, which must be inside. Throws IoError.
  std::string read(std::uint64_t offset, std::uint64_t count) const {
    return file_ != nullptr ? file_->read(offset, count) : std::string(bytes_.substr(offset, count));
  }

 private:
  const RegularFile* file_ = nullptr;
  std::string_view bytes_;
  const std::filesystem::path& path_;
  std::uint64_t size_;
};

// What index_archive does for one format. index_zip expects bytes that start like a zip.
std::vector<Member> index_tar(const RegularFile& file, const WantedMember& wanted);
std::vector<Member> index_zip(const ArchiveBytes& file, const WantedMember& wanted);

/// "ARCHIVE/NAME" for messages, also when the name is absolute. Very long names are cut.
std::filesystem::path member_path(const std::filesystem::path& archive, std::string_view name);

/// The name without "." components and repeated slashes. A leading slash stays, and ".." does.
std::string clean_member_name(std::string_view name);

/// Throws FormatError for a cleaned name that is empty, absolute or too long, or has a ".." component or a zero byte.
void refuse_unsafe_name(const std::filesystem::path& archive, std::string_view name);

/// Throws FormatError when two members have the same name.
void refuse_equal_names(const std::filesystem::path& archive, const std::vector<Member>& members);

/// The error of a second member of a name.
FormatError second_member(const std::filesystem::path& archive, std::string_view name);

}  // namespace glow::io
