#include "io/image_decoder.h"

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include <png.h>

#include <glow/error.h>

#include "io/errors.h"
#include "io/png_start.h"

namespace glow::io {
namespace {

/// The state of libpng's callbacks: the unread bytes, and the message of the error that stopped libpng.
struct PngState {
  /// Read before `unread`.
  std::string_view unread_header;
  std::string_view unread;
  bool reads_pixels = false;
  std::array<char, 160> message{};
};

/// libpng's error handler. Must not return.
void stop(png_structp png, png_const_charp text) {
  auto& message = static_cast<PngState*>(png_get_error_ptr(png))->message;
  std::snprintf(message.data(), message.size(), "%s", text);
  png_longjmp(png, 1);
}

/// libpng's warning handler. In the header, libpng warns of what it ignores; with the pixels, of surplus data, which do
/// not matter, and of a wrong checksum of all pixels.
void judge_png_warning(png_structp png, png_const_charp text) {
  const std::string_view warning = text;
  const bool is_surplus = warning.ends_with("Too much image data") || warning.ends_with("Extra compressed data");
  if (static_cast<PngState*>(png_get_error_ptr(png))->reads_pixels && !is_surplus) stop(png, text);
}

void read_bytes(png_structp png, png_bytep destination, std::size_t count) {
  auto& state = *static_cast<PngState*>(png_get_io_ptr(png));
  std::string_view& unread = state.unread_header.empty() ? state.unread : state.unread_header;
  if (count > unread.size()) {
    png_error(png, "the file ends early");
  }
  std::memcpy(destination, unread.data(), count);
  unread.remove_prefix(count);
}

/// Runs `step`, which libpng may leave by longjmp, so it must not own anything that needs a destructor. Returns false
/// if libpng did.
template <typename Step>
bool completes(png_structp png, Step step) {
  if (setjmp(png_jmpbuf(png)) != 0) {
    return false;
  }
  step();
  return true;
}

class PngDecoder final : public ImageDecoder {
 public:
  PngDecoder(std::string_view bytes, const std::filesystem::path& name)
      : name_(name),
        start_(read_png_start(bytes, name)),
        state_{.unread_header = start_.header, .unread = bytes.substr(start_.pixels)},
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &state_, stop, judge_png_warning)),
        info_(png_ != nullptr ? png_create_info_struct(png_) : nullptr) {
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngDecoder() override { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  /// Reads up to the pixels and asks for 8-bit samples.
  ImageHeader read_header() override {
    check(completes(png_, [this] {
      png_set_read_fn(png_, &state_, read_bytes);
      // Some programs state a smaller window of zlib than they use.
      png_set_option(png_, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
      png_read_info(png_, info_);
      png_set_expand(png_);
      png_set_scale_16(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    }));
    return {.shape = {.height = static_cast<int>(png_get_image_height(png_, info_)),
                      .width = static_cast<int>(png_get_image_width(png_, info_)),
                      .channels = png_get_channels(png_, info_)},
            .orientation = find_orientation(start_.exif, start_.xmp)};
  }

  void read_pixels(Image& image, int /*reduction*/) override {
    const std::size_t row_bytes = png_get_rowbytes(png_, info_);
    std::vector<png_bytep> rows;
    for (std::size_t start = 0; start < image.pixels.size(); start += row_bytes) {
      rows.push_back(image.pixels.data() + start);
    }
    state_.reads_pixels = true;
    // Reads up to the end of the last IDAT chunk that has pixels. Whatever follows does not matter.
    check(completes(png_, [this, first_row = rows.data()] { png_read_image(png_, first_row); }));
  }

 private:
  void check(bool completed) const {
    if (completed) return;
    const std::string_view message = state_.message.data();
    if (message.ends_with("ut of memory") || message.ends_with("insufficient memory")) throw std::bad_alloc();
    throw FormatError(name_, "not a whole PNG file: " + std::string(message));
  }

  const std::filesystem::path& name_;
  PngStart start_;
  PngState state_;
  png_structp png_;
  png_infop info_;
};

void check_encodable(const Image& image) {
  const auto [height, width, channels] = image.shape;
  const bool sizes_exist = height > 0 && width > 0 && channels >= 1 && channels <= 4;
  const auto samples = static_cast<std::uint64_t>(height) * static_cast<std::uint64_t>(width);
  if (!sizes_exist || image.pixels.size() / static_cast<std::uint64_t>(channels) != samples ||
      image.pixels.size() % static_cast<std::uint64_t>(channels) != 0) {
    throw FormatError("cannot encode a PNG image of shape " + to_text({height, width, channels}) + " from " +
                      std::to_string(image.pixels.size()) + " bytes");
  }
}

}  // namespace

std::unique_ptr<ImageDecoder> make_png_decoder(std::string_view bytes, const std::filesystem::path& name) {
  return std::make_unique<PngDecoder>(bytes, name);
}

std::string encode_png(const Image& image) {
  check_encodable(image);
  constexpr std::array<png_uint_32, 4> kFormats = {PNG_FORMAT_GRAY, PNG_FORMAT_GA, PNG_FORMAT_RGB, PNG_FORMAT_RGBA};
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.height = static_cast<png_uint_32>(image.shape.height);
  header.width = static_cast<png_uint_32>(image.shape.width);
  header.format = kFormats[static_cast<std::size_t>(image.shape.channels - 1)];
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(header), '\0');
  png_alloc_size_t size = bytes.size();
  constexpr int kTightRows = 0;
  constexpr int kNo16Bit = 0;
  if (png_image_write_to_memory(&header, bytes.data(), &size, kNo16Bit, image.pixels.data(), kTightRows, nullptr) ==
      0) {
    throw FormatError(std::string("cannot encode a PNG image: ") + header.message);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace glow::io
