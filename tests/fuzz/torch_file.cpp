#include "io/torch_file.h"

#include <glow/io/safetensors.h>

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

bool is_part(std::string_view bytes, std::string_view input) {
  return bytes.empty() || (bytes.data() >= input.data() && bytes.data() + bytes.size() <= input.data() + input.size());
}

void check(const io::StoredTensor& tensor, std::string_view input) noexcept {
  const std::uint64_t count = element_count(tensor.shape);
  const std::uint64_t size = io::dtype_size(tensor.dtype);
  require(size > 0, "a tensor has a type of safetensors");
  require(is_part(tensor.data, input), "a tensor is a part of the file");
  require(count * size <= input.size(), "a tensor is not larger than the file");
  require(tensor.shape.size() == tensor.strides.size(), "a tensor has as many strides as sizes");
  if (count == 0) return;
  std::uint64_t span = 1;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    span += static_cast<std::uint64_t>(tensor.shape[i] - 1) * static_cast<std::uint64_t>(tensor.strides[i]);
  }
  require(span * size == tensor.data.size(), "a tensor has the bytes that its strides reach");
}

void read(std::string_view input) {
  constexpr std::size_t kMostVerified = 16;  // tensors, which may share a storage
  std::size_t verified = 0;
  for (const io::StoredTensor& tensor : io::read_torch(input, "input")) {
    check(tensor, input);
    if (verified++ < kMostVerified) read_or_refuse([&] { io::verify(tensor, "input"); });
  }
}

/// Removes the checksums from a zip's directory, as PyTorch leaves them out if it is told to.
void repair(std::string& file) {
  constexpr std::size_t kChecksum = 16;
  constexpr std::string_view kHeader = "PK\x01\x02";
  for (std::size_t start = file.find(kHeader); start != std::string::npos; start = file.find(kHeader, start + 1)) {
    if (start + kChecksum + 4 <= file.size()) file.replace(start + kChecksum, 4, 4, '\0');
  }
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of the exact size, so that the sanitizer sees reads beyond its end.
  const std::string input(reinterpret_cast<const char*>(data), size);
  glow::fuzzing::read_or_refuse([&] { glow::fuzzing::read(input); });
  return 0;
}
