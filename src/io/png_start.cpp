#include "io/png_start.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include <zlib.h>

#include <glow/error.h>

namespace glow::io {
namespace {

using namespace std::string_view_literals;

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

/// The text that zlib has compressed to `bytes`, empty if they are damaged or it exceeds 1 MiB.
std::string uncompress_text(std::string_view bytes) {
  if (bytes.empty()) return "";
  std::string text(std::size_t{1} << 20, '\0');
  uLongf size = text.size();
  const int status = uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                                reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  text.resize(status == Z_OK ? size : 0);
  return text;
}

constexpr std::string_view kXmpKeyword = "XML:com.adobe.xmp\0"sv;
/// Of a text in which programs stored Exif before there was the eXIf chunk (ImageMagick, ExifTool).
constexpr std::string_view kExifKeyword = "Raw profile type exif\0"sv;

/// The XMP packet in the data of an iTXt chunk, or nothing if there is none.
std::string read_xmp(std::string_view data) {
  data.remove_prefix(std::min(data.size(), kXmpKeyword.size()));
  if (data.size() < 2) return "";
  const bool is_compressed = data[0] != 0;
  data.remove_prefix(2);
  for (int string = 0; string < 2; ++string)  // the language and the translated keyword, which end with a zero
    data.remove_prefix(std::min(data.size(), data.substr(0, data.find('\0')).size() + 1));
  return is_compressed ? uncompress_text(data) : std::string(data);
}

/// The Exif block in the data of a text chunk: nothing, "exif" and the size on a line each, then hexadecimal digits.
std::string read_exif_text(std::string_view data, bool is_compressed) {
  const std::size_t start = kExifKeyword.size() + (is_compressed ? 1 : 0);  // 0, the method of compression
  data.remove_prefix(std::min(data.size(), start));
  std::string text = is_compressed ? uncompress_text(data) : std::string(data);
  for (int line = 0; line < 3; ++line) text.erase(0, text.find('\n') + 1);
  std::erase(text, '\n');
  std::string exif;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    std::uint8_t byte = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
    exif += static_cast<char>(byte);
  }
  return exif;
}

/// The chunks of one type that read_png_start looks at: whole ones, and the data of others. The last counts.
struct PngChunks {
  std::string_view image_header, palette, transparency;
  std::string_view exif, text, compressed_text, xmp;

  void add(std::string_view type, std::string_view chunk) {
    const std::string_view data = chunk.substr(kChunkStart, chunk.size() - kChunkStart - kChunkEnd);
    if (type == "IHDR") image_header = chunk;
    if (type == "PLTE") palette = chunk;
    if (type == "tRNS") transparency = chunk;
    if (type == "eXIf") exif = data;
    if (type == "tEXt" && data.starts_with(kExifKeyword)) text = data;
    if (type == "zTXt" && data.starts_with(kExifKeyword)) compressed_text = data;
    if (type == "iTXt" && data.starts_with(kXmpKeyword)) xmp = data;
  }

  std::string exif_block() const {
    if (!exif.empty()) return std::string(exif);
    return text.empty() ? read_exif_text(compressed_text, true) : read_exif_text(text, false);
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
  return {.header = std::move(header), .pixels = start, .exif = chunks.exif_block(), .xmp = read_xmp(chunks.xmp)};
}

}  // namespace glow::io
