#include <zlib.h>

#include "fuzz/image.h"

namespace glow::fuzzing {
namespace {

/// Repairs the checksums of the chunks (length, type, data, checksum), and a last length beyond the file.
void repair(std::string& file) {
  constexpr std::size_t kSignature = 8;
  constexpr std::size_t kAround = 12;
  for (std::size_t start = kSignature; start + kAround <= file.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<std::uint8_t>(file[start + i]);
    length = std::min(length, file.size() - start - kAround);
    file.replace(start, 4, testing::big_endian(length, 4));
    const auto* type = reinterpret_cast<const Bytef*>(file.data() + start + 4);
    file.replace(start + 8 + length, 4, testing::big_endian(crc32(0, type, static_cast<uInt>(4 + length)), 4));
    start += kAround + length;
  }
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glow::fuzzing::fuzz_image(data, size);
  return 0;
}
