// Minizip 1.1, as Debian 12 has it, ignores the zip64 fields of members where `long` has 64 bits (it compares 32-bit
// fields with a 64-bit -1), so that archives of more than 4 GiB cannot be indexed with it; libarchive and libzip do not
// tell where a member's bytes are. So the directory is parsed here. Numbers of sections are those of APPNOTE.TXT.

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <sys/stat.h>

#include <glow/error.h>

#include "io/archive_formats.h"
#include "io/array_bytes.h"

namespace glow::io {
namespace {

constexpr std::uint32_t kInZip64 = std::numeric_limits<std::uint32_t>::max();

/// The bytes of a file through a buffer, for small reads at offsets that mostly increase.
class ZipWindow {
 public:
  ZipWindow(const ArchiveBytes& file, std::uint64_t size) : file_(file), size_(size) {}

  /// `count` bytes at `offset`, valid until the next call; nothing if the file does not have them.
  std::optional<std::string_view> view(std::uint64_t offset, std::uint64_t count) {
    if (offset > file_.size() || count > file_.size() - offset) return std::nullopt;
    if (offset < start_ || offset + count > start_ + bytes_.size()) {
      bytes_ = file_.read(offset, std::min(std::max(count, size_), file_.size() - offset));
      start_ = offset;
    }
    return std::string_view(bytes_).substr(offset - start_, count);
  }

 private:
  const ArchiveBytes& file_;
  std::uint64_t size_;
  std::uint64_t start_ = 0;
  std::string bytes_;
};

/// The little-endian integer at `offset` in a record.
template <typename Integer>
std::uint64_t zip_field(std::string_view record, std::size_t offset) {
  return read_little_endian<Integer>(record.substr(offset));
}

/// Where the directory is.
struct ZipDirectory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  bool zip64 = false;
};

[[noreturn]] void refuse_parts(const ArchiveBytes& file) {
  throw FormatError(file.path(), "is one part of a split zip: join the parts first");
}

/// The offset of the end of central directory record (4.3.16).
std::uint64_t find_zip_end(const ArchiveBytes& file) {
  constexpr std::uint64_t kEndSize = 22;
  constexpr std::uint64_t kLongestComment = std::numeric_limits<std::uint16_t>::max();
  const std::uint64_t count = std::min(file.size(), kEndSize + kLongestComment);
  const std::string tail = file.read(file.size() - count, count);
  std::size_t start = tail.rfind("PK\x05\x06");
  while (start != std::string::npos) {
    const std::string_view record = std::string_view(tail).substr(start);
    constexpr std::size_t kCommentLength = 20;
    if (record.size() >= kEndSize && zip_field<std::uint16_t>(record, kCommentLength) <= record.size() - kEndSize) {
      return file.size() - count + start;
    }
    start = start == 0 ? std::string::npos : tail.rfind("PK\x05\x06", start - 1);
  }
  throw FormatError(file.path(), "has no zip directory at its end: it is truncated, or one part of a split zip");
}

/// The zip64 end of central directory record (4.3.14), whose locator (4.3.15) precedes the other end; nothing without.
std::optional<ZipDirectory> read_zip64_end(const ArchiveBytes& file, std::uint64_t end) {
  constexpr std::uint64_t kLocatorSize = 20;
  constexpr std::uint64_t kRecordSize = 56;
  if (end < kLocatorSize) return std::nullopt;
  const std::string locator = file.read(end - kLocatorSize, kLocatorSize);
  if (!locator.starts_with("PK\x06\x07")) return std::nullopt;
  if (zip_field<std::uint32_t>(locator, 16) > 1) refuse_parts(file);
  const auto start = zip_field<std::uint64_t>(locator, 8);
  const std::string record = start <= end && end - start >= kRecordSize ? file.read(start, kRecordSize) : "";
  if (!record.starts_with("PK\x06\x06")) {
    throw FormatError(file.path(), "has a damaged zip64 directory: no end record at byte " + std::to_string(start));
  }
  const auto count = zip_field<std::uint64_t>(record, 32);
  if (zip_field<std::uint32_t>(record, 16) != 0 || zip_field<std::uint32_t>(record, 20) != 0 ||
      zip_field<std::uint64_t>(record, 24) != count) {
    refuse_parts(file);
  }
  return ZipDirectory{.offset = zip_field<std::uint64_t>(record, 48),
                      .size = zip_field<std::uint64_t>(record, 40),
                      .count = count,
                      .zip64 = true};
}

ZipDirectory read_zip_end(const ArchiveBytes& file, std::uint64_t end) {
  if (const auto zip64 = read_zip64_end(file, end)) return *zip64;
  constexpr std::uint64_t kRecordSize = 22;
  const std::string record = file.read(end, kRecordSize);
  const auto count = zip_field<std::uint16_t>(record, 10);
  if (zip_field<std::uint16_t>(record, 4) != 0 || zip_field<std::uint16_t>(record, 6) != 0 ||
      zip_field<std::uint16_t>(record, 8) != count) {
    refuse_parts(file);
  }
  return {.offset = zip_field<std::uint32_t>(record, 16), .size = zip_field<std::uint32_t>(record, 12), .count = count};
}

/// A central directory header (4.3.12).
struct ZipEntry {
  std::uint64_t made_by = 0;
  std::uint64_t flags = 0;
  std::uint64_t method = 0;
  std::uint64_t crc = 0;
  std::uint64_t stored = 0;
  std::uint64_t size = 0;
  std::uint64_t attributes = 0;
  std::uint64_t offset = 0;  ///< of the local header
  std::string_view name;
  std::string_view extra;
  std::uint64_t record_size = 0;
};

/// The header at `offset`, valid until the next use of the window; nothing if none is there.
std::optional<ZipEntry> read_zip_entry(ZipWindow& window, std::uint64_t offset) {
  constexpr std::uint64_t kFixed = 46;
  const auto fixed = window.view(offset, kFixed);
  if (!fixed || !fixed->starts_with("PK\x01\x02")) return std::nullopt;
  const auto name_size = zip_field<std::uint16_t>(*fixed, 28);
  const auto extra_size = zip_field<std::uint16_t>(*fixed, 30);
  const auto comment_size = zip_field<std::uint16_t>(*fixed, 32);
  const auto record = window.view(offset, kFixed + name_size + extra_size + comment_size);
  if (!record) return std::nullopt;
  return ZipEntry{.made_by = zip_field<std::uint16_t>(*record, 4),
                  .flags = zip_field<std::uint16_t>(*record, 8),
                  .method = zip_field<std::uint16_t>(*record, 10),
                  .crc = zip_field<std::uint32_t>(*record, 16),
                  .stored = zip_field<std::uint32_t>(*record, 20),
                  .size = zip_field<std::uint32_t>(*record, 24),
                  .attributes = zip_field<std::uint32_t>(*record, 38),
                  .offset = zip_field<std::uint32_t>(*record, 42),
                  .name = record->substr(kFixed, name_size),
                  .extra = record->substr(kFixed + name_size, extra_size),
                  .record_size = record->size()};
}

/// The data of the zip64 extra field (4.5.3).
std::string_view zip64_extra(std::string_view extra) {
  constexpr std::size_t kHeader = 4;
  while (extra.size() >= kHeader) {
    const std::size_t size = std::min<std::size_t>(zip_field<std::uint16_t>(extra, 2), extra.size() - kHeader);
    constexpr std::uint64_t kZip64 = 1;
    if (zip_field<std::uint16_t>(extra, 0) == kZip64) return extra.substr(kHeader, size);
    extra.remove_prefix(kHeader + size);
  }
  return {};
}

/// Replaces the fields that stand in the zip64 extra field. Returns false if one is missing there.
bool resolve_zip64(ZipEntry& entry) {
  std::string_view values = zip64_extra(entry.extra);
  for (std::uint64_t* field : {&entry.size, &entry.stored, &entry.offset}) {
    if (*field != kInZip64) continue;
    if (values.size() < sizeof(std::uint64_t)) return false;
    *field = zip_field<std::uint64_t>(values, 0);
    values.remove_prefix(sizeof(std::uint64_t));
  }
  return true;
}

constexpr std::uint64_t kZipStored = 0;
constexpr std::uint64_t kZipDeflated = 8;

/// The type bits of the mode that a Unix system stored, otherwise 0.
mode_t zip_file_type(const ZipEntry& entry) {
  const std::uint64_t system = entry.made_by >> 8;
  constexpr std::uint64_t kUnix = 3;
  constexpr std::uint64_t kMacOs = 19;
  return system == kUnix || system == kMacOs ? static_cast<mode_t>(entry.attributes >> 16) & S_IFMT : 0;
}

/// A wanted member, for messages.
struct ZipName {
  const ArchiveBytes& file;
  const std::string& name;

  [[noreturn]] void refuse(const std::string& problem) const {
    throw FormatError(member_path(file.path(), name), problem);
  }
};

/// Throws FormatError for an entry whose content is not stored or deflated bytes, or cannot have the stated size.
void check_zip_entry(const ZipName& member, const ZipEntry& entry) {
  if (zip_file_type(entry) == S_IFLNK) member.refuse("is a symbolic link: archive the file itself");
  constexpr std::uint64_t kEncrypted = 1 << 0 | 1 << 13;
  if ((entry.flags & kEncrypted) != 0) member.refuse("is encrypted: archive it without a password");
  if (entry.method != kZipStored && entry.method != kZipDeflated) {
    member.refuse("is compressed by method " + std::to_string(entry.method) +
                  ", expected a stored (0) or deflated (8) member");
  }
  if (entry.method == kZipStored && entry.stored != entry.size) {
    member.refuse("claims " + std::to_string(entry.size) + " bytes, but " + std::to_string(entry.stored) +
                  " are stored without compression");
  }
  constexpr std::uint64_t kMostExpansion = 1032;  // a deflate stream's: 258 bytes for two bits
  if (entry.size / kMostExpansion > entry.stored) {
    member.refuse("claims " + std::to_string(entry.size) + " bytes, more than its " + std::to_string(entry.stored) +
                  " stored bytes can hold");
  }
}

/// The offset of the stored bytes, after the local header (4.3.7). Throws FormatError unless it belongs to the entry
/// and the bytes end before `limit`.
std::uint64_t zip_data_offset(ZipWindow& window, const ZipName& member, const ZipEntry& entry, std::uint64_t limit) {
  constexpr std::uint64_t kFixed = 30;
  const auto header = window.view(entry.offset, kFixed + entry.name.size());
  if (!header || !header->starts_with("PK\x03\x04") || zip_field<std::uint16_t>(*header, 8) != entry.method ||
      zip_field<std::uint16_t>(*header, 26) != entry.name.size() || header->substr(kFixed) != entry.name) {
    member.refuse("is not at byte " + std::to_string(entry.offset) +
                  ", where the directory has it: the archive is damaged");
  }
  const std::uint64_t offset = entry.offset + header->size() + zip_field<std::uint16_t>(*header, 28);
  if (offset > limit || entry.stored > limit - offset) {
    member.refuse("has " + std::to_string(entry.stored) +
                  " stored bytes, more than are before the directory: the archive is damaged");
  }
  return offset;
}

[[noreturn]] void refuse_directory(const ArchiveBytes& file, const std::string& problem) {
  throw FormatError(file.path(), "has a damaged zip directory: " + problem);
}

}  // namespace

std::vector<Member> index_zip(const ArchiveBytes& file, const WantedMember& wanted) {
  const std::uint64_t end = find_zip_end(file);
  const ZipDirectory directory = read_zip_end(file, end);
  if (directory.offset > end || directory.size > end - directory.offset) {
    refuse_directory(file, std::to_string(directory.size) + " bytes at byte " + std::to_string(directory.offset) +
                               ", expected them before byte " + std::to_string(end));
  }
  constexpr std::uint64_t kWindow = 256 * 1024;
  constexpr std::uint64_t kLocalWindow = 4 * 1024;
  ZipWindow headers(file, std::min(kWindow, directory.size));
  ZipWindow local_headers(file, kLocalWindow);
  std::vector<Member> members;
  std::uint64_t count = 0;
  for (std::uint64_t offset = directory.offset; offset < directory.offset + directory.size; ++count) {
    auto entry = read_zip_entry(headers, offset);
    if (!entry) refuse_directory(file, "no member at byte " + std::to_string(offset));
    offset += entry->record_size;
    std::string name = clean_member_name(entry->name);
    if (entry->name.ends_with('/') || zip_file_type(*entry) == S_IFDIR || !wanted(name)) continue;
    refuse_unsafe_name(file.path(), name);
    const ZipName member{file, name};
    if (!resolve_zip64(*entry)) member.refuse("has no zip64 sizes, which its header refers to");
    check_zip_entry(member, *entry);
    const std::uint64_t data = zip_data_offset(local_headers, member, *entry, directory.offset);
    members.push_back({.name = std::move(name),
                       .place = {.offset = data,
                                 .stored = entry->stored,
                                 .size = entry->size,
                                 .crc = static_cast<std::uint32_t>(entry->crc),
                                 .deflated = entry->method == kZipDeflated,
                                 .has_crc = true}});
  }
  // Old writers store the low 16 bits of the number.
  if (count != directory.count && (directory.zip64 || (count & 0xffff) != directory.count)) {
    refuse_directory(file, std::to_string(count) + " members, expected " + std::to_string(directory.count));
  }
  return members;
}

}  // namespace glow::io
