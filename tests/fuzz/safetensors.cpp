#include <glow/io/safetensors.h>

#include <tuple>

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

/// Writes the file again and checks that only the checksum differs.
void check_rewritten(const io::SafetensorsReader& reader) noexcept {
  const std::filesystem::path path = file_path("rewritten");
  io::Metadata metadata = reader.metadata();
  metadata[io::kChecksumKey] = io::write_safetensors(path, reader.metadata(), reader.entries());
  const io::SafetensorsReader again(path);
  again.verify_checksum();
  require(again.metadata() == metadata, "the metadata are the same after writing and reading");
  require(again.entries().size() == reader.entries().size(), "there are as many tensors after writing and reading");
  for (std::size_t i = 0; i < again.entries().size(); ++i) {
    const io::TensorEntry& before = reader.entries()[i];
    const io::TensorEntry& after = again.entries()[i];
    require(std::tie(before.name, before.dtype, before.shape, before.data) ==
                std::tie(after.name, after.dtype, after.shape, after.data),
            "a tensor is the same after writing and reading");
  }
}

/// Repairs the length of the JSON, which ends at the last brace.
void repair(std::string& file) {
  constexpr std::size_t kLengthSize = 8;
  const std::size_t brace = file.rfind('}');
  if (brace == std::string::npos || brace < kLengthSize) return;
  file.replace(0, kLengthSize, testing::little_endian(brace + 1 - kLengthSize, kLengthSize));
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = glow::fuzzing::input_file(data, size);
  glow::fuzzing::read_or_refuse([&] {
    const glow::io::SafetensorsReader reader(path);
    glow::fuzzing::check_rewritten(reader);
    reader.verify_checksum();
  });
  return 0;
}
