#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/regular_file.h"

// Members of archives, read where they lie. An archive is indexed once, from its headers; then any thread reads any
// member, and nothing is unpacked to disk. Formats: uncompressed tar (POSIX.1-2001 pax, ustar, GNU, v7) and zip
// (PKWARE's APPNOTE.TXT 6.3.10, including zip64) whose members are stored or deflated.

namespace glow::io {

/// The place of a member's bytes in its archive.
struct MemberPlace {
  std::uint64_t offset = 0;  ///< of the stored bytes in the archive
  std::uint64_t stored = 0;  ///< bytes in the archive
  std::uint64_t size = 0;    ///< bytes of the content
  std::uint32_t crc = 0;     ///< CRC-32 of the content, if `has_crc`
  bool deflated = false;     ///< the stored bytes are a raw deflate stream (RFC 1951)
  bool has_crc = false;      ///< in a zip only
};

struct Member {
  std::string name;  ///< a relative path with slashes, without "." and ".."; its bytes as they are in the archive
  MemberPlace place;
};

/// Whether the name of a member, cleaned like Member::name, is asked for.
using WantedMember = std::function<bool(std::string_view)>;

/// Whether the name ends in .tar or .zip, in any case.
bool is_archive_name(const std::filesystem::path& path);

/// Whether the name is one of a compressed tar (.tar.gz, .tgz, .tar.xz, ...), in any case.
bool is_compressed_tar_name(const std::filesystem::path& path);

/// The wanted regular members, in the order of the archive (of a zip: of its directory). The content decides between
/// tar and zip. Does not read the members' bytes and does not move the position of the file's descriptor. Tars that
/// were concatenated are read as one.
/// Throws IoError, and FormatError for a file that is no archive of these formats, a truncated or damaged one (also a
/// tar without a block of zeros at its end), and a wanted member that is a link, a sparse or another special file, is
/// encrypted or compressed in another way, has an absolute name or one with "..", or has the name of another.
std::vector<Member> index_archive(const RegularFile& file, const WantedMember& wanted);

/// The same for a zip that is in memory and starts like one (begins_as_zip). `path` names it in messages.
std::vector<Member> index_zip(std::string_view bytes, const std::filesystem::path& path, const WantedMember& wanted);

/// The content of a member; `name` is for messages. Several threads may read at once.
/// Throws IoError, and FormatError when the stored bytes contradict size or CRC-32.
std::string read_member(const RegularFile& file, const std::string& name, const MemberPlace& place);

/// The first `count` bytes of the content, all of it if it is shorter; the CRC-32 is not checked. Otherwise like
/// read_member.
std::string read_member_start(const RegularFile& file, const std::string& name, const MemberPlace& place,
                              std::uint64_t count);

/// Calls `visit(name, content)` for each wanted regular member of a tar, which may be compressed by gzip, in one pass
/// that holds one content at a time. It reads to the end, so that gzip's CRC-32 of all the bytes is checked; contents
/// are visited before.
/// Throws IoError; FormatError like index_archive, and for a content of more than `max_bytes`.
void read_tar(const std::filesystem::path& path, const WantedMember& wanted, std::uint64_t max_bytes,
              const std::function<void(std::string&& name, std::string&& content)>& visit);

}  // namespace glow::io
