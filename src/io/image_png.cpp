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

namespace glow::io {
namespace {

/// The state of libpng's callbacks: the unread bytes, and the message of the error that stopped libpng.
struct PngState {
  std::string_view unread;
  std::array<char, 160> message{};
};

/// libpng's error and warning handler. Must not return.
void stop(png_structp png, png_const_charp text) {
  auto& message = static_cast<PngState*>(png_get_error_ptr(png))->message;
  std::snprintf(message.data(), message.size(), "%s", text);
  png_longjmp(png, 1);
}

void read_bytes(png_structp png, png_bytep destination, std::size_t count) {
  std::string_view& unread = static_cast<PngState*>(png_get_io_ptr(png))->unread;
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
        state_{.unread = bytes},
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &state_, stop, stop)),
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
  ImageShape read_header() override {
    check(completes(png_, [this] {
      png_set_read_fn(png_, &state_, read_bytes);
      // Discard optional chunks (profiles, text, times); libpng still verifies their checksums.
      constexpr int kAllChunks = -1;
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, kAllChunks);
      png_read_info(png_, info_);
      png_set_expand(png_);
      png_set_scale_16(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    }));
    return {.height = static_cast<int>(png_get_image_height(png_, info_)),
            .width = static_cast<int>(png_get_image_width(png_, info_)),
            .channels = png_get_channels(png_, info_)};
  }

  void read_pixels(Image& image) override {
    const std::size_t row_bytes = png_get_rowbytes(png_, info_);
    std::vector<png_bytep> rows;
    for (std::size_t start = 0; start < image.pixels.size(); start += row_bytes) {
      rows.push_back(image.pixels.data() + start);
    }
    check(completes(png_, [this, first_row = rows.data()] {
      png_read_image(png_, first_row);
      png_read_end(png_, nullptr);
    }));
  }

 private:
  void check(bool completed) const {
    if (!completed) {
      throw FormatError(name_, std::string("not a whole PNG file: ") + state_.message.data());
    }
  }

  const std::filesystem::path& name_;
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
