#include <glow/io/image.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <glow/error.h>
#include <glow/io/file.h>

#include "io/image_decoder.h"

namespace glow::io {
namespace {

using namespace std::string_view_literals;

/// Formats of images that this library does not decode, with their article.
struct NamedSignature {
  std::string_view signature;
  std::string_view format;
};
constexpr NamedSignature kUnsupported[] = {
    {"GIF87a"sv, "a GIF"},
    {"GIF89a"sv, "a GIF"},
    {"II*\0"sv, "a TIFF"},
    {"MM\0*"sv, "a TIFF"},
    {"II+\0"sv, "a TIFF"},  // BigTIFF
    {"MM\0+"sv, "a TIFF"},
    {"\0\0\0\x0cjP  \r\n\x87\n"sv, "a JPEG 2000"},
    {"\xff\x4f\xff\x51"sv, "a JPEG 2000"},  // without a container
    {"\0\0\0\x0cJXL \r\n\x87\n"sv, "a JPEG XL"},
    {"\xff\x0a"sv, "a JPEG XL"},  // without a container
};
/// Brands of ISO base media files. The first that a file lists decides: AVIF and HEIC files also have the brand of
/// HEIF.
constexpr NamedSignature kUnsupportedBrands[] = {
    {"avif"sv, "an AVIF"}, {"avis"sv, "an AVIF"}, {"heic"sv, "a HEIC"}, {"heix"sv, "a HEIC"}, {"heim"sv, "a HEIC"},
    {"heis"sv, "a HEIC"},  {"hevc"sv, "a HEIC"},  {"hevx"sv, "a HEIC"}, {"mif1"sv, "a HEIF"}, {"msf1"sv, "a HEIF"},
};

std::uint32_t byte_at(std::string_view bytes, std::size_t offset) { return static_cast<std::uint8_t>(bytes[offset]); }

/// Whether a file type box (ISO/IEC 14496-12: size, "ftyp", brand, version, compatible brands) has the brand.
bool has_brand(std::string_view bytes, std::string_view brand) {
  constexpr std::size_t kBrands = 8;
  constexpr std::size_t kVersion = 12;
  if (bytes.size() < kBrands || bytes.substr(4, 4) != "ftyp") return false;
  const std::uint32_t size =
      byte_at(bytes, 0) << 24 | byte_at(bytes, 1) << 16 | byte_at(bytes, 2) << 8 | byte_at(bytes, 3);
  bytes = bytes.substr(0, size);
  for (std::size_t i = kBrands; i < bytes.size(); i += brand.size()) {
    if (i != kVersion && bytes.substr(i, brand.size()) == brand) return true;
  }
  return false;
}

/// Whether the bytes are the headers of a BMP file. Its two letters alone also begin many texts, so this compares the
/// size of the second header with those of the versions of the format too.
bool is_bmp(std::string_view bytes) {
  constexpr std::size_t kSecondHeader = 14;
  constexpr std::uint8_t kSizes[] = {12, 40, 52, 56, 64, 108, 124};
  return bytes.size() >= kSecondHeader + 4 && bytes.starts_with("BM") &&
         std::ranges::find(kSizes, byte_at(bytes, kSecondHeader)) != std::end(kSizes) &&
         bytes.substr(kSecondHeader + 1, 3) == "\0\0\0"sv;
}

/// The format with its article, or nothing when it is not known.
std::string_view find_unsupported_format(std::string_view bytes) {
  for (const auto& [signature, format] : kUnsupported) {
    if (bytes.starts_with(signature)) return format;
  }
  for (const auto& [brand, format] : kUnsupportedBrands) {
    if (has_brand(bytes, brand)) return format;
  }
  return is_bmp(bytes) ? "a BMP" : "";
}

/// The decoder for the format that the first bytes identify.
std::unique_ptr<ImageDecoder> make_decoder(std::string_view bytes, const std::filesystem::path& name) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return make_png_decoder(bytes, name);
  if (bytes.starts_with("\xff\xd8\xff")) return make_jpeg_decoder(bytes, name);
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP")
    return make_webp_decoder(bytes, name);
  const std::string_view format = find_unsupported_format(bytes);
  if (format.empty()) throw FormatError(name, "neither a PNG, a JPEG nor a WebP file");
  throw FormatError(name,
                    "is " + std::string(format) + " image, which is not supported: convert it to PNG, JPEG or WebP");
}

/// Throws FormatError when an image has more than 2^28 pixels.
void check_pixels(const ImageShape& shape, const std::filesystem::path& name) {
  constexpr std::size_t kMostPixels = std::size_t{1} << 28;
  if (static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width) > kMostPixels) {
    throw FormatError(name, "has " + std::to_string(shape.height) + "x" + std::to_string(shape.width) +
                                " pixels, more than the 2^28 accepted");
  }
}

Image blank_image(const ImageShape& shape) {
  const std::size_t pixels = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  return {shape, std::vector<std::uint8_t>(pixels * static_cast<std::size_t>(shape.channels))};
}

}  // namespace

ImageShape decode_image_shape(std::string_view bytes, const std::filesystem::path& name) {
  return make_decoder(bytes, name)->read_header();
}

Image decode_image(std::string_view bytes, const std::filesystem::path& name) {
  const auto decoder = make_decoder(bytes, name);
  const ImageShape shape = decoder->read_header();
  check_pixels(shape, name);
  Image image = blank_image(shape);
  decoder->read_pixels(image);
  return image;
}

ReducedImage decode_reduced_image(std::string_view bytes, const std::filesystem::path& name, ImageSize least) {
  const auto decoder = make_decoder(bytes, name);
  ImageShape shape = decoder->read_header();
  check_pixels(shape, name);
  const int reduction = decoder->find_reduction(shape, least);
  shape.height = (shape.height + reduction - 1) / reduction;
  shape.width = (shape.width + reduction - 1) / reduction;
  ReducedImage reduced{blank_image(shape), reduction};
  decoder->read_pixels(reduced.image);
  return reduced;
}

ImageShape read_image_shape(const std::filesystem::path& path) {
  return decode_image_shape(MappedFile(path).bytes(), path);
}

Image read_image(const std::filesystem::path& path) { return decode_image(MappedFile(path).bytes(), path); }

void write_png(const std::filesystem::path& path, const Image& image) { write_file(path, encode_png(image)); }

}  // namespace glow::io
