#include "io/png_start.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <zlib.h>

#include <glow/error.h>

namespace glow::io {
namespace {

constexpr std::size_t kPngSignature = 8;
/// Before the data of a chunk: their length, the type of the chunk. After them: a checksum.
constexpr std::size_t kChunkStart = 8, kChunkEnd = 4;

std::uint32_t png_number(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes.substr(0, 4)) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

std::string png_bytes(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

/// The largest size of a tRNS chunk in a file with this IHDR chunk and palette.
std::size_t largest_transparency(std::string_view image_header, std::string_view palette) {
  constexpr std::size_t kColourType = kChunkStart + 9;
  constexpr char kGrey = 0, kRgb = 2;
  if (image_header.size() <= kColourType) return 0;
  if (image_header[kColourType] == kGrey) return 2;
  return image_header[kColourType] == kRgb ? 6 : png_number(palette) / 3;
}

/// The chunk with no more than `size` bytes of data, and with the checksum of these.
std::string cut_chunk(std::string_view chunk, std::size_t size) {
  if (chunk.size() <= kChunkStart + size + kChunkEnd) return std::string(chunk);
  const std::string body(chunk.substr(4, 4 + size));
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return png_bytes(static_cast<std::uint32_t>(size)) + body + png_bytes(static_cast<std::uint32_t>(checksum));
}

/// The chunks that read_png_start looks at. The last of a type counts.
struct PngChunks {
  std::string_view image_header, palette, transparency;

  void add(std::string_view type, std::string_view chunk) {
    if (type == "IHDR") image_header = chunk;
    if (type == "PLTE") palette = chunk;
    if (type == "tRNS") transparency = chunk;
  }
};

}  // namespace

PngStart read_png_start(std::string_view bytes, const std::filesystem::path& name) {
  const auto refuse = [&](const std::string& problem) { throw FormatError(name, "not a whole PNG file: " + problem); };
  PngChunks chunks;
  std::size_t start = kPngSignature;
  for (;;) {
    const std::string_view rest = bytes.substr(std::min(start, bytes.size()));
    if (rest.size() < kChunkStart) refuse("the file ends early");
    const std::string_view type = rest.substr(4, 4);
    if (type == "IDAT") break;
    if (type == "IEND") refuse("it holds no pixels");
    if (type == "CgBI")
      throw FormatError(name, "is a PNG image in Apple's variant for iPhones, which is not supported: convert it");
    const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
    if (!std::ranges::all_of(type, is_letter)) refuse("a chunk has no type");
    const std::size_t size = kChunkStart + std::size_t{png_number(rest)} + kChunkEnd;
    if (size > rest.size()) refuse("the file ends early");
    chunks.add(type, rest.substr(0, size));
    start += size;
  }
  std::string header(bytes.substr(0, kPngSignature));
  header += chunks.image_header;
  header += chunks.palette;
  header += cut_chunk(chunks.transparency, largest_transparency(chunks.image_header, chunks.palette));
  return {.header = std::move(header), .pixels = start};
}

}  // namespace glow::io
