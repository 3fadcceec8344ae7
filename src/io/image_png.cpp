#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include <png.h>

#include <glow/io/file.h>

#include "io/errors.h"
#include "io/image_codec.h"

namespace glow::io {
namespace {

/// What libpng's callbacks work on: the bytes still to read, and the complaint that stopped it.
struct PngState {
  std::string_view unread;
  std::array<char, 160> complaint{};
};

/// libpng's error and warning handler. Must not return.
void stop(png_structp png, png_const_charp message) {
  auto& complaint = static_cast<PngState*>(png_get_error_ptr(png))->complaint;
  std::snprintf(complaint.data(), complaint.size(), "%s", message);
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

/// Runs `step`, which libpng may leave by longjmp: it must own nothing that a destructor releases. False if
/// it did.
template <typename Step>
bool completes(png_structp png, Step step) {
  if (setjmp(png_jmpbuf(png)) != 0) {
    return false;
  }
  step();
  return true;
}

/// Decodes one PNG file held in memory.
class PngDecoder {
 public:
  PngDecoder(const std::filesystem::path& path, std::string_view bytes)
      : path_(path),
        state_{.unread = bytes},
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &state_, stop, stop)),
        info_(png_ != nullptr ? png_create_info_struct(png_) : nullptr) {
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  /// Reads up to the pixels and asks for 8-bit samples. Call first, once.
  ImageShape read_header() {
    check(completes(png_, [this] {
      png_set_read_fn(png_, &state_, read_bytes);
      // Of the chunks that an image can do without (profiles, text, times) only the checksums matter here.
      constexpr int kAllKnownToo = -1;
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, kAllKnownToo);
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

  void read_pixels(Image& image) {
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
      throw FormatError(path_, std::string("not a whole PNG file: ") + state_.complaint.data());
    }
  }

  const std::filesystem::path& path_;
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

bool looks_like_png(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }

ImageShape png_shape(const std::filesystem::path& path, std::string_view bytes) {
  return PngDecoder(path, bytes).read_header();
}

Image decode_png(const std::filesystem::path& path, std::string_view bytes) {
  PngDecoder decoder(path, bytes);
  Image image = blank_image(path, decoder.read_header());
  decoder.read_pixels(image);
  return image;
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

void write_png(const std::filesystem::path& path, const Image& image) { write_file(path, encode_png(image)); }

}  // namespace glow::io
