#include "io/lmdb.h"

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

void check(const io::LmdbValues& values, std::size_t file_size) noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(values.key(i).size() + values.value(i).size() <= file_size, "an entry is not larger than the file");
    for (const char byte : values.value(i)) sum += static_cast<std::uint8_t>(byte);
  }
  require(values.size() > 0 && sum <= file_size * file_size * 255, "all bytes of all entries can be read");
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = glow::fuzzing::input_file(data, size);
  glow::fuzzing::read_or_refuse([&] { glow::fuzzing::check(glow::io::LmdbValues(path), size); });
  return 0;
}
