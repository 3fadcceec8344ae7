#include "io/stored_tensor.h"

#include <zlib.h>

#include <glow/error.h>

#include "io/crc32c.h"
#include "io/errors.h"

namespace glow::io {
namespace {

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

bool is_intact(const Checksum& checksum) {
  switch (checksum.kind) {
    case Checksum::Kind::kNone:
      return true;
    case Checksum::Kind::kCrc32:
      return crc32_of(checksum.bytes) == checksum.value;
    case Checksum::Kind::kMaskedCrc32c:
      return masked_crc32c(checksum.bytes) == checksum.value;
  }
  return false;
}

void verify(const StoredTensor& tensor, const std::filesystem::path& path) {
  if (is_intact(tensor.checksum)) return;
  throw FormatError(path, "tensor " + in_quotes(tensor.name) + " is damaged: its bytes have another " +
                              (tensor.checksum.kind == Checksum::Kind::kCrc32 ? "CRC-32" : "CRC-32C") +
                              " than the file says");
}

}  // namespace glow::io
