#include "io/image_decoder.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

#include <webp/decode.h>

#include <glow/error.h>

#include "io/array_bytes.h"

namespace glow::io {
namespace {

/// libwebp's status as text.
std::string webp_problem(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return "the file ends early";
    case VP8_STATUS_BITSTREAM_ERROR:
      return "the data are damaged";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "it has a feature that libwebp does not support";
    default:
      return "error " + std::to_string(static_cast<int>(status)) + " of libwebp";
  }
}

class WebpDecoder final : public ImageDecoder {
 public:
  WebpDecoder(std::string_view bytes, const std::filesystem::path& name) : name_(name), bytes_(bytes) {}

  ImageHeader read_header() override {
    const WebPBitstreamFeatures features = get_features(bytes_);
    if (features.has_animation != 0) {
      throw FormatError(name_, "is an animated WebP file, expected one image: convert its frames to PNG, JPEG or WebP");
    }
    if (!reaches_image()) check(VP8_STATUS_NOT_ENOUGH_DATA);
    return {.shape = {.height = features.height, .width = features.width, .channels = features.has_alpha != 0 ? 4 : 3},
            .orientation = orientation()};
  }

  void read_pixels(Image& image, int /*reduction*/) override {
    WebPDecoderConfig config;
    // Fails only when the header and the library are of different versions.
    if (WebPInitDecoderConfig(&config) == 0) check(VP8_STATUS_INVALID_PARAM);
    config.output.colorspace = image.shape.channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = {
        .rgba = image.pixels.data(), .stride = image.shape.width * image.shape.channels, .size = image.pixels.size()};
    check(WebPDecode(data(bytes_), bytes_.size(), &config));
  }

 private:
  static const std::uint8_t* data(std::string_view bytes) {
    return reinterpret_cast<const std::uint8_t*>(bytes.data());
  }

  WebPBitstreamFeatures get_features(std::string_view bytes) const {
    WebPBitstreamFeatures features{};
    check(WebPGetFeatures(data(bytes), bytes.size(), &features));
    return features;
  }

  /// Whether `bytes` reach beyond the header of the image, which decides on alpha. For less of a file with a VP8X chunk
  /// libwebp returns the size and the alpha flag of that chunk, which the image may contradict.
  bool reaches_image() const {
    constexpr std::size_t kLosslessHeader = 5;  // after the name and the size of its chunk
    if (bytes_.substr(kFirstChunk, 4) != "VP8X") return true;
    return get_features(bytes_.substr(0, bytes_.size() - kLosslessHeader)).format != 0;
  }

  /// From the first EXIF and XMP chunks, which usually follow the image, if the flags of the VP8X chunk say that they
  /// exist. They must be in `bytes` then.
  Orientation orientation() const {
    constexpr std::size_t kFlags = kFirstChunk + kChunkHeader;
    constexpr unsigned kExifFlag = 0x08, kXmpFlag = 0x04;
    if (bytes_.substr(kFirstChunk, 4) != "VP8X") return {};
    const auto flags = static_cast<std::uint8_t>(bytes_[kFlags]);
    return find_orientation((flags & kExifFlag) != 0 ? find_chunk("EXIF") : "",
                            (flags & kXmpFlag) != 0 ? find_chunk("XMP ") : "");
  }

  /// The data of the first chunk (name, size, data, a zero if the size is odd) of this name, empty without one. Throws
  /// FormatError when `bytes` do not reach the end of the chunk or, without one, of the file.
  std::string_view find_chunk(std::string_view name) const {
    const std::size_t end = kRiffSize + 4 + riff_number(kRiffSize);
    for (std::size_t start = kFirstChunk; start + kChunkHeader <= end;) {
      if (start + kChunkHeader > bytes_.size()) check(VP8_STATUS_NOT_ENOUGH_DATA);
      const std::size_t data = start + kChunkHeader, size = riff_number(start + 4);
      if (size > end - data) break;
      if (bytes_.substr(start, 4) == name) {
        if (size > bytes_.size() - data) check(VP8_STATUS_NOT_ENOUGH_DATA);
        return bytes_.substr(data, size);
      }
      start = data + size + size % 2;
    }
    return {};
  }

  std::size_t riff_number(std::size_t offset) const {
    return read_little_endian<std::uint32_t>(bytes_.substr(offset, sizeof(std::uint32_t)));
  }

  void check(VP8StatusCode status) const {
    if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
    if (status != VP8_STATUS_OK) throw FormatError(name_, "not a whole WebP file: " + webp_problem(status));
  }

  // Offsets in a RIFF file: its size, its first chunk; and the size of a chunk's name and size.
  static constexpr std::size_t kRiffSize = 4, kFirstChunk = 12, kChunkHeader = 8;

  const std::filesystem::path& name_;
  std::string_view bytes_;
};

}  // namespace

std::unique_ptr<ImageDecoder> make_webp_decoder(std::string_view bytes, const std::filesystem::path& name) {
  return std::make_unique<WebpDecoder>(bytes, name);
}

}  // namespace glow::io
