#include <archive.h>
#include <archive_entry.h>

#include "fuzz/support.h"
#include "io/archive.h"

namespace glow::fuzzing {
namespace {

/// Repairs the checksums of the headers.
void repair(std::string& file) {
  constexpr std::size_t kBlock = 512;
  constexpr std::size_t kMagic = 257;
  constexpr std::size_t kChecksum = 148;
  for (std::size_t start = 0; start + kBlock <= file.size(); start += kBlock) {
    if (file.compare(start + kMagic, 5, "ustar") != 0) continue;
    file.replace(start + kChecksum, 8, "        ");
    unsigned sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<std::uint8_t>(file[start + i]);
    char digits[8];
    std::snprintf(digits, sizeof digits, "%06o", sum);
    file.replace(start + kChecksum, sizeof digits - 1, digits, sizeof digits - 1);
  }
}

bool every(std::string_view) { return true; }

/// The contents of what is not a directory, in order, as libarchive reads them.
std::vector<std::string> contents_by_libarchive(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> contents;
  archive* reader = archive_read_new();
  archive_read_support_format_tar(reader);
  archive_read_set_options(reader, "read_concatenated_archives");
  require(archive_read_open_memory(reader, data, size) == ARCHIVE_OK, "libarchive opens a tar that was indexed");
  archive_entry* entry = nullptr;
  for (int status = 0; (status = archive_read_next_header(reader, &entry)) != ARCHIVE_EOF;) {
    require(status == ARCHIVE_OK || status == ARCHIVE_WARN, "libarchive reads the headers of a tar that was indexed");
    if (archive_entry_filetype(entry) == AE_IFDIR) continue;
    std::string content(static_cast<std::size_t>(archive_entry_size(entry)), '\0');
    const la_ssize_t count = archive_read_data(reader, content.data(), content.size());
    require(count == static_cast<la_ssize_t>(content.size()), "libarchive reads the members of a tar that was indexed");
    contents.push_back(std::move(content));
  }
  archive_read_free(reader);
  return contents;
}

void check(const io::RegularFile& file, const std::vector<io::Member>& members,
           const std::vector<std::string>& contents) noexcept {
  require(members.size() == contents.size(), "every member that is not a directory is listed");
  for (std::size_t i = 0; i < members.size(); ++i) {
    const io::Member& member = members[i];
    require(io::read_member(file, member.name, member.place) == contents[i], "libarchive reads the same content");
    require(io::read_member_start(file, member.name, member.place, 10) == contents[i].substr(0, 10),
            "a start is that of the content");
  }
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glow::fuzzing;
  if (size >= 2 && data[0] == 'P' && data[1] == 'K') return 0;  // a zip has a fuzzer of its own
  const std::filesystem::path path = input_file(data, size);
  read_or_refuse([&] {
    const glow::io::RegularFile file(path);
    const std::vector<glow::io::Member> members = glow::io::index_archive(file, every);
    check(file, members, contents_by_libarchive(data, size));
  });
  read_or_refuse([&] {
    constexpr std::uint64_t kMostBytes = 1 << 20;
    glow::io::read_tar(path, every, kMostBytes, [](std::string&&, std::string&& content) {
      require(content.size() <= kMostBytes, "a content is not larger than accepted");
    });
  });
  return 0;
}
