#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/archive.h"
#include "io/regular_file.h"

namespace glow::images {

/// A list of encoded images: files below a folder, and members of archives, which are read where they lie. Some 60
/// bytes for an image, because a set may have millions.
class EncodedImages {
 public:
  /// An archive whose members are images below the folder `mount` ("a/b/", or empty) of this list. The names of the
  /// members begin with `stripped`, which is not part of the names in this list.
  struct Archive {
    std::shared_ptr<const io::RegularFile> file;
    std::string mount = {};
    std::string stripped = {};
  };

  /// `root`: the folder of the files that are no members of archives; empty for paths as they are.
  explicit EncodedImages(std::filesystem::path root = {}) : root_(std::move(root)) {}

  void add_file(std::string_view name);
  /// Returns the number of the archive for add_member.
  std::int32_t add_archive(Archive archive);
  /// `name`: below the mount of the archive. `label`: of the image, or -1. Throws FormatError for an image of 4 GiB.
  void add_member(std::int32_t archive, std::string_view name, const io::MemberPlace& place, std::int32_t label);
  /// Sorts by name, bytewise; equal names in different archives by the archive's path. Throws FormatError for a name
  /// that is both a file and a member of an archive, which happens when an archive lies beside its unpacked members.
  void sort();
  /// Moves the images whose names begin with `folder` ("a/b/") to a new list, in which this is the root.
  EncodedImages take(const std::string& folder);
  /// Appends the images of another list, under their paths for messages as names. This list's root must be empty.
  void append(const EncodedImages& others);
  /// Sets what `label` returns.
  void set_label(std::int64_t index, std::int32_t label) { entries_[index].label = label; }
  /// Removes the images whose element in `removed` is true.
  void remove(const std::vector<bool>& removed);

  const std::filesystem::path& root() const { return root_; }
  std::int64_t size() const { return std::ssize(entries_); }
  /// The path below the root, with slashes.
  std::string_view name(std::int64_t index) const { return name_of(entries_[index]); }
  /// The path for messages; for a member, that of the archive and the member's name.
  std::filesystem::path path(std::int64_t index) const;
  /// The label that the archive has for the image, or that was set, or -1.
  std::int32_t label(std::int64_t index) const { return entries_[index].label; }
  /// The number of bytes of the encoded image. Throws IoError.
  std::uint64_t bytes(std::int64_t index) const;
  /// The encoded image, and its first `count` bytes. Throw IoError, FormatError; also for more than 256 MiB.
  std::string read(std::int64_t index) const;
  std::string read_start(std::int64_t index, std::uint64_t count) const;

 private:
  /// 40 bytes, because there may be millions.
  struct Entry {
    /// The place of the member; zeros for a file.
    io::MemberPlace place() const;

    std::uint64_t offset = 0;
    std::uint32_t stored = 0;
    std::uint32_t bytes = 0;
    std::uint32_t crc = 0;
    /// The name's place in names_.
    std::uint32_t name_begin = 0;
    std::uint16_t name_length = 0;
    bool deflated = false;
    bool has_crc = false;
    /// Index in archives_, -1 for a file.
    std::int32_t archive = -1;
    std::int32_t label = -1;
  };

  std::string_view name_of(const Entry& entry) const {
    return std::string_view(names_).substr(entry.name_begin, entry.name_length);
  }
  void add(std::string_view mount, std::string_view name, Entry entry);
  std::string member_name(const Entry& entry) const;

  std::filesystem::path root_;
  std::vector<Archive> archives_;
  /// Not a vector, which would take three times the memory while it grows.
  std::deque<Entry> entries_;
  /// All names, one after the other.
  std::string names_;
};

}  // namespace glow::images
