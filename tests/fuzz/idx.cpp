#include "io/idx.h"

#include "fuzz/support.h"
#include "support/gzip.h"

namespace glow::fuzzing {
namespace {

void check(const io::IdxArray& array, const std::string& file) noexcept {
  require(array.bytes.size() == element_count(array.shape), "an idx array has the bytes of its shape");
  const std::filesystem::path path = file_path("packed.gz");
  testing::put(path, testing::gzip(file));
  const io::IdxArray packed = io::read_idx(path);
  require(packed.shape == array.shape && packed.bytes == array.bytes, "the gzipped file holds the same array");
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = glow::fuzzing::input_file(data, size);
  glow::fuzzing::read_or_refuse([&] {
    glow::fuzzing::check(glow::io::read_idx(path), {reinterpret_cast<const char*>(data), size});
  });
  return 0;
}
