#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <zlib.h>

#include "support/files.h"

namespace glow::testing {

struct PngChunk {
  std::string type;
  std::string data;
};

/// The chunks of a PNG file. Throws when the signature is missing, the file truncated or a checksum wrong.
inline std::vector<PngChunk> png_chunks(const std::string& bytes) {
  const auto number = [&](std::size_t place) {
    std::uint32_t value = 0;
    for (const char byte : bytes.substr(place, 4)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  };
  if (!bytes.starts_with("\x89PNG\r\n\x1a\n")) throw std::runtime_error("no PNG signature");
  std::vector<PngChunk> chunks;
  for (std::size_t place = 8; place < bytes.size();) {
    const std::size_t size = number(place);
    if (place + 12 + size > bytes.size()) throw std::runtime_error("a PNG chunk is cut short");
    const auto checked = bytes.substr(place + 4, 4 + size);
    const auto sum = crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
    if (sum != number(place + 8 + size)) throw std::runtime_error("a PNG chunk has a wrong checksum");
    chunks.push_back({checked.substr(0, 4), checked.substr(4)});
    place += 12 + size;
  }
  return chunks;
}

/// One chunk as bytes.
inline std::string png_chunk(const PngChunk& chunk) {
  const auto checked = chunk.type + chunk.data;
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
  return big_endian(chunk.data.size(), 4) + checked + big_endian(sum, 4);
}

/// Each frame of an animated PNG as a PNG file.
inline std::vector<std::string> png_frames(const std::string& bytes) {
  std::vector<std::string> frames;
  std::string header = bytes.substr(0, 8);
  for (const auto& chunk : png_chunks(bytes)) {
    if (chunk.type == "IHDR") header += png_chunk(chunk);
    if (chunk.type == "fcTL") frames.push_back(header);
    if (chunk.type == "IDAT") frames.at(0) += png_chunk(chunk);
    if (chunk.type == "fdAT") frames.back() += png_chunk({"IDAT", chunk.data.substr(4)});
  }
  for (auto& frame : frames) frame += png_chunk({"IEND", ""});
  return frames;
}

}  // namespace glow::testing
