#include "images/encoded_images.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "io/errors.h"

namespace glow::images {
namespace {

/// A limit on the memory that an archive can demand, in which deflate makes a megabyte of a kilobyte.
constexpr std::uint64_t kLargestImage = std::uint64_t{1} << 28;

}  // namespace

io::MemberPlace EncodedImages::Entry::place() const {
  return {.offset = offset, .stored = stored, .size = bytes, .crc = crc, .deflated = deflated, .has_crc = has_crc};
}

void EncodedImages::add(std::string_view mount, std::string_view name, Entry entry) {
  const std::size_t length = mount.size() + name.size();
  if (length > std::numeric_limits<std::uint16_t>::max() ||
      names_.size() > std::numeric_limits<std::uint32_t>::max() - length)
    throw FormatError(root_, "expected shorter names of images, at most 4 GiB in all");
  entry.name_begin = static_cast<std::uint32_t>(names_.size());
  entry.name_length = static_cast<std::uint16_t>(length);
  names_.append(mount).append(name);
  entries_.push_back(entry);
}

void EncodedImages::add_file(std::string_view name) { add("", name, {}); }

std::int32_t EncodedImages::add_archive(Archive archive) {
  archives_.push_back(std::move(archive));
  return static_cast<std::int32_t>(archives_.size()) - 1;
}

void EncodedImages::add_member(std::int32_t archive, std::string_view name, const io::MemberPlace& place,
                               std::int32_t label) {
  if (std::max(place.stored, place.size) > std::numeric_limits<std::uint32_t>::max())
    throw FormatError(archives_[archive].file->path() / name, "expected an image of less than 4 GiB");
  add(archives_[archive].mount, name,
      {.offset = place.offset,
       .stored = static_cast<std::uint32_t>(place.stored),
       .bytes = static_cast<std::uint32_t>(place.size),
       .crc = place.crc,
       .deflated = place.deflated,
       .has_crc = place.has_crc,
       .archive = archive,
       .label = label});
}

void EncodedImages::sort() {
  const auto path_of = [&](const Entry& entry) {
    return entry.archive < 0 ? std::string() : archives_[entry.archive].file->path().string();
  };
  std::sort(entries_.begin(), entries_.end(), [&](const Entry& one, const Entry& other) {
    const int order = name_of(one).compare(name_of(other));
    return order != 0 ? order < 0 : path_of(one) < path_of(other);
  });
  for (std::int64_t next = 1; next < size(); ++next) {
    const bool is_file = entries_[next - 1].archive < 0;  // files are before members, their archive's path is empty
    if (is_file && name(next - 1) == name(next))
      throw FormatError(path(next), "expected one image of this name, but " + path(next - 1).string() +
                                        " is another (an archive beside its unpacked files? Remove one of them)");
  }
}

EncodedImages EncodedImages::take(const std::string& folder) {
  EncodedImages taken(root_ / folder.substr(0, folder.size() - 1));
  for (Archive archive : archives_) {
    // The folder is above the mount, or the mount is above the folder, or no member of the archive is taken.
    if (archive.mount.size() >= folder.size()) {
      archive.mount.erase(0, folder.size());
    } else {
      archive.stripped += folder.substr(archive.mount.size());
      archive.mount.clear();
    }
    taken.archives_.push_back(std::move(archive));
  }
  std::vector<bool> removed(entries_.size());
  for (std::int64_t index = 0; index < size(); ++index) {
    removed[index] = name(index).starts_with(folder);
    if (removed[index]) taken.add("", name(index).substr(folder.size()), entries_[index]);
  }
  remove(removed);
  return taken;
}

void EncodedImages::append(const EncodedImages& others) {
  const std::string root = others.root_.empty() ? "" : (others.root_ / "").string();
  const auto first = static_cast<std::int32_t>(archives_.size());
  for (Archive archive : others.archives_) {
    archive.mount = root + archive.mount;
    archives_.push_back(std::move(archive));
  }
  for (Entry entry : others.entries_) {
    if (entry.archive >= 0) entry.archive += first;
    add(root, others.name_of(entry), entry);
  }
}

void EncodedImages::remove(const std::vector<bool>& removed) {
  std::size_t index = 0;
  std::erase_if(entries_, [&](const Entry&) { return removed[index++]; });
}

std::string EncodedImages::member_name(const Entry& entry) const {
  const Archive& archive = archives_[entry.archive];
  return archive.stripped + std::string(name_of(entry).substr(archive.mount.size()));
}

std::filesystem::path EncodedImages::path(std::int64_t index) const {
  const Entry& entry = entries_[index];
  return entry.archive < 0 ? root_ / name(index) : archives_[entry.archive].file->path() / member_name(entry);
}

std::uint64_t EncodedImages::bytes(std::int64_t index) const {
  if (entries_[index].archive >= 0) return entries_[index].bytes;
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path(index), error);
  if (error) throw io::cannot_read(path(index), error.value());
  return bytes;
}

std::string EncodedImages::read(std::int64_t index) const {
  return read_start(index, std::numeric_limits<std::uint64_t>::max());
}

std::string EncodedImages::read_start(std::int64_t index, std::uint64_t count) const {
  const Entry& entry = entries_[index];
  std::optional<io::RegularFile> file;
  if (entry.archive < 0) file.emplace(path(index));
  const std::uint64_t size = file ? file->size() : entry.bytes;
  if (std::min(count, size) > kLargestImage)
    throw FormatError(path(index),
                      "expected an encoded image of at most 256 MiB, has " + std::to_string(size) + " bytes");
  if (file) return file->read(0, std::min(count, size));
  const io::RegularFile& archive = *archives_[entry.archive].file;
  if (count >= size) return io::read_member(archive, member_name(entry), entry.place());
  return io::read_member_start(archive, member_name(entry), entry.place(), count);
}

}  // namespace glow::images
