#include "io/image_decoder.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

#include <webp/decode.h>

#include <glow/error.h>

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
    return {.shape = {.height = features.height, .width = features.width, .channels = features.has_alpha != 0 ? 4 : 3}};
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
    constexpr std::size_t kFirstChunk = 12;
    constexpr std::size_t kLosslessHeader = 5;  // after the name and the size of its chunk
    if (bytes_.substr(kFirstChunk, 4) != "VP8X") return true;
    return get_features(bytes_.substr(0, bytes_.size() - kLosslessHeader)).format != 0;
  }

  void check(VP8StatusCode status) const {
    if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
    if (status != VP8_STATUS_OK) throw FormatError(name_, "not a whole WebP file: " + webp_problem(status));
  }

  const std::filesystem::path& name_;
  std::string_view bytes_;
};

}  // namespace

std::unique_ptr<ImageDecoder> make_webp_decoder(std::string_view bytes, const std::filesystem::path& name) {
  return std::make_unique<WebpDecoder>(bytes, name);
}

}  // namespace glow::io
