#include "fuzz/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glow::fuzzing::fuzz_image(data, size);
  return 0;
}
