#include <zlib.h>

#include "fuzz/support.h"
#include "io/archive.h"

namespace glow::fuzzing {
namespace {

/// Replaces the little-endian number at a place in the file, if the file has it.
void put_number(std::string& file, std::size_t place, std::uint64_t value, std::size_t size) {
  if (place + size <= file.size()) file.replace(place, size, testing::little_endian(value, size));
}

/// Repairs the places of the members and of the directory.
void repair(std::string& file) {
  constexpr std::size_t kOffset = 42;
  const std::size_t end = file.rfind("PK\x05\x06");
  const std::size_t directory = std::min(file.find("PK\x01\x02"), end);
  if (end == std::string::npos) return;
  std::size_t local = 0;
  std::size_t count = 0;
  for (std::size_t at = directory; at < end; at = file.find("PK\x01\x02", at + 1), ++count) {
    local = file.find("PK\x03\x04", local);
    if (local != std::string::npos) put_number(file, at + kOffset, local++, 4);
  }
  put_number(file, end + 8, count, 2);
  put_number(file, end + 10, count, 2);
  put_number(file, end + 12, end - directory, 4);
  put_number(file, end + 16, directory, 4);
}

bool every(std::string_view) { return true; }

/// Reads a member, whose stored bytes may be damaged.
void read(const io::RegularFile& file, const io::Member& member) {
  read_or_refuse([&] {
    const std::string content = io::read_member(file, member.name, member.place);
    require(content.size() == member.place.size, "a content has the size of the directory");
    const auto* bytes = reinterpret_cast<const Bytef*>(content.data());
    require(crc32_z(0, bytes, content.size()) == member.place.crc, "a content has the CRC-32 of the directory");
    for (const std::uint64_t count : {0, 1, 100}) {
      require(io::read_member_start(file, member.name, member.place, count) == content.substr(0, count),
              "a start is that of the content");
    }
  });
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glow::fuzzing;
  if (size < 2 || data[0] != 'P' || data[1] != 'K') return 0;  // a tar has a fuzzer of its own
  const std::filesystem::path path = input_file(data, size);
  read_or_refuse([&] {
    const glow::io::RegularFile file(path);
    for (const glow::io::Member& member : glow::io::index_archive(file, every)) {
      require(member.place.offset + member.place.stored <= size, "the stored bytes are in the file");
      read(file, member);
    }
  });
  return 0;
}
