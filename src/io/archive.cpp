#include "io/archive.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <new>
#include <span>
#include <unordered_set>

#include <zlib.h>

#include <glow/error.h>

#include "io/archive_formats.h"
#include "io/file_kind.h"

namespace glow::io {
namespace {

constexpr std::size_t kLongestMemberName = 4096;

bool name_ends_with(const std::filesystem::path& path, std::span<const std::string_view> ends) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

/// Calls `use` with each component of a name; an absolute name starts with an empty one.
template <typename Use>
void for_each_component(std::string_view name, Use use) {
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    use(name.substr(begin, end - begin));
    begin = end + 1;
  }
}

/// zlib's state for reading a raw deflate stream.
class RawInflate {
 public:
  RawInflate() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~RawInflate() { inflateEnd(&stream_); }
  RawInflate(const RawInflate&) = delete;
  RawInflate& operator=(const RawInflate&) = delete;

  /// Expands `input` to the start of `room`, which becomes what is left of it. Returns zlib's status: Z_OK when it has
  /// used the input and can go on with more, Z_BUF_ERROR when the room is too small.
  int expand(std::string_view input, std::span<char>& room) {
    constexpr std::size_t kMostAtOnce = std::numeric_limits<uInt>::max();
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    int status = Z_OK;
    do {
      const auto offered = static_cast<uInt>(std::min(room.size(), kMostAtOnce));
      stream_.next_out = reinterpret_cast<Bytef*>(room.data());
      stream_.avail_out = offered;
      status = inflate(&stream_, Z_NO_FLUSH);
      room = room.subspan(offered - stream_.avail_out);
    } while (status == Z_OK);  // until nothing changes
    return status == Z_BUF_ERROR && stream_.avail_in == 0 ? Z_OK : status;
  }

  /// zlib's description of the last error; may be null.
  const char* problem() const { return stream_.msg; }

 private:
  z_stream stream_{};
};

/// The first `count` bytes of a deflated member. If these are all, the stream must end there.
std::string inflate_member(const RegularFile& file, const std::string& name, const MemberPlace& place,
                           std::uint64_t count) {
  constexpr std::uint64_t kPiece = 64 * 1024;
  std::string content(count, '\0');
  std::span<char> room(content);
  RawInflate stream;
  int status = Z_OK;
  for (std::uint64_t done = 0; status == Z_OK && done < place.stored;) {
    const std::string piece = file.read(place.offset + done, std::min(kPiece, place.stored - done));
    status = stream.expand(piece, room);
    done += piece.size();
    if (count < place.size && room.empty()) return content;
  }
  if (status != Z_STREAM_END || !room.empty()) {
    const std::string reason = stream.problem() == nullptr ? "" : std::string(": ") + stream.problem();
    throw FormatError(member_path(file.path(), name), "is damaged: its deflate stream does not end after " +
                                                          std::to_string(place.size) + " bytes" + reason);
  }
  return content;
}

}  // namespace

std::filesystem::path member_path(const std::filesystem::path& archive, std::string_view name) {
  // Not path::operator/, which would replace the archive by an absolute name.
  return archive.native() + '/' + std::string(name.substr(0, kLongestMemberName));
}

std::string clean_member_name(std::string_view name) {
  std::string clean;
  clean.reserve(name.size());
  if (name.starts_with('/')) clean += '/';
  bool first = true;
  for_each_component(name, [&](std::string_view component) {
    if (component.empty() || component == ".") return;
    if (!first) clean += '/';
    clean += component;
    first = false;
  });
  return clean;
}

void refuse_unsafe_name(const std::filesystem::path& archive, std::string_view name) {
  if (name.empty()) throw FormatError(archive, "has a member without a name");
  if (name.size() > kLongestMemberName) {
    throw FormatError(member_path(archive, name), "has a name of " + std::to_string(name.size()) +
                                                      " bytes, more than " + std::to_string(kLongestMemberName));
  }
  if (name.find('\0') != std::string_view::npos) {
    throw FormatError(member_path(archive, name), "has a zero byte in its name");
  }
  if (name.starts_with('/')) {
    throw FormatError(member_path(archive, name), "has an absolute name: archive it with a relative one");
  }
  for_each_component(name, [&](std::string_view component) {
    if (component == "..") {
      throw FormatError(member_path(archive, name), "has a name with \"..\": archive it with a name without");
    }
  });
}

void refuse_equal_names(const std::filesystem::path& archive, const std::vector<Member>& members) {
  std::unordered_set<std::string_view> names;
  names.reserve(members.size());
  for (const Member& member : members) {
    if (!names.insert(member.name).second) throw second_member(archive, member.name);
  }
}

FormatError second_member(const std::filesystem::path& archive, std::string_view name) {
  return FormatError(member_path(archive, name), "is twice in the archive: expected names that differ");
}

bool is_archive_name(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 2> kEnds = {".tar", ".zip"};
  return name_ends_with(path, kEnds);
}

bool is_compressed_tar_name(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 17> kEnds = {
      ".tar.gz",  ".tgz",  ".taz",     ".tar.bz2",  ".tbz2", ".tbz",    ".tb2",   ".tar.xz", ".txz",
      ".tar.zst", ".tzst", ".tar.lz4", ".tar.lzma", ".tlz",  ".tar.lz", ".tar.z", ".tar.br"};
  return name_ends_with(path, kEnds);
}

std::vector<Member> index_archive(const RegularFile& file, const WantedMember& wanted) {
  const std::string start = file_start(file);
  if (const char* compression = compression_of(start)) {
    throw FormatError(file.path(), "is compressed (" + std::string(compression) +
                                       "): a compressed tar cannot be read at random positions, decompress it first");
  }
  std::vector<Member> members = begins_as_zip(start) ? index_zip(ArchiveBytes(file), wanted) : index_tar(file, wanted);
  refuse_equal_names(file.path(), members);
  return members;
}

std::vector<Member> index_zip(std::string_view bytes, const std::filesystem::path& path, const WantedMember& wanted) {
  std::vector<Member> members = index_zip(ArchiveBytes(bytes, path), wanted);
  refuse_equal_names(path, members);
  return members;
}

std::string read_member(const RegularFile& file, const std::string& name, const MemberPlace& place) {
  std::string content = read_member_start(file, name, place, place.size);
  if (place.has_crc && crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()) != place.crc) {
    throw FormatError(member_path(file.path(), name), "is damaged: its content has another CRC-32 than the directory");
  }
  return content;
}

std::string read_member_start(const RegularFile& file, const std::string& name, const MemberPlace& place,
                              std::uint64_t count) {
  count = std::min(count, place.size);
  return place.deflated ? inflate_member(file, name, place, count) : file.read(place.offset, count);
}

}  // namespace glow::io
