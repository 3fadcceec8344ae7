#include <glow/io/npy.h>

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

void check(const io::NpyReader& reader) noexcept {
  const auto element_size = static_cast<std::uint64_t>(reader.dtype().back() - '0');
  require(reader.data().size() == element_count(reader.shape()) * element_size,
          "an npy array has the bytes of its shape");
  const std::filesystem::path path = file_path("rewritten");
  io::write_npy(path, reader.dtype(), reader.shape(), reader.data());
  const io::NpyReader again(path);
  require(again.dtype() == reader.dtype() && again.shape() == reader.shape() && again.data() == reader.data(),
          "an array is the same after writing and reading");
}

/// Repairs the length of the dictionary, which ends at the last brace.
void repair(std::string& file) {
  constexpr std::size_t kMajorVersion = 6;
  constexpr std::size_t kLength = 8;
  const std::size_t brace = file.rfind('}');
  if (brace == std::string::npos || brace < kLength) return;
  const std::size_t length_size = file[kMajorVersion] == 1 ? 2 : 4;
  if (brace < kLength + length_size) return;
  file.replace(kLength, length_size, testing::little_endian(brace + 1 - kLength - length_size, length_size));
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = glow::fuzzing::input_file(data, size);
  glow::fuzzing::read_or_refuse([&] { glow::fuzzing::check(glow::io::NpyReader(path)); });
  return 0;
}
