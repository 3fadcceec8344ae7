#include "fuzz/image.h"

namespace glow::fuzzing {
namespace {

/// Repairs the sizes of the file and of the chunks (name, size, data, a zero if the size is odd) that exceed the file.
void repair(std::string& file) {
  constexpr std::size_t kHeader = 8;
  constexpr std::size_t kFirstChunk = 12;
  if (file.size() < kFirstChunk) return;
  file.replace(4, 4, testing::little_endian(file.size() - kHeader, 4));
  for (std::size_t start = kFirstChunk; start + kHeader <= file.size();) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i)
      size |= static_cast<std::size_t>(static_cast<std::uint8_t>(file[start + 4 + i])) << (8 * i);
    size = std::min(size, file.size() - start - kHeader);
    file.replace(start + 4, 4, testing::little_endian(size, 4));
    start += kHeader + size + size % 2;
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
