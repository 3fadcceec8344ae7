#include "io/idx.h"

#include "fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = glow::fuzzing::input_file(data, size, "input.gz");
  glow::fuzzing::read_or_refuse([&] {
    const glow::io::IdxArray array = glow::io::read_idx(path);
    glow::fuzzing::require(array.bytes.size() == glow::fuzzing::element_count(array.shape),
                           "an idx array has the bytes of its shape");
  });
  return 0;
}
