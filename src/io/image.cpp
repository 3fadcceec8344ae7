#include <glow/io/image.h>

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <png.h>
#include <turbojpeg.h>

#include <glow/io/file.h>

#include "io/errors.h"

namespace glow::io {
namespace {

/// An image of zeros. Throws FormatError when it would have more than 2^28 pixels.
Image blank_image(const std::filesystem::path& path, const ImageShape& shape) {
  constexpr std::size_t kMostPixels = std::size_t{1} << 28;
  const std::size_t pixels = static_cast<std::size_t>(shape.height) * static_cast<std::size_t>(shape.width);
  if (pixels > kMostPixels) {
    throw FormatError(path, "has " + std::to_string(shape.height) + "x" + std::to_string(shape.width) +
                                " pixels, more than the 2^28 accepted");
  }
  return {shape, std::vector<std::uint8_t>(pixels * static_cast<std::size_t>(shape.channels))};
}

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
      throw FormatError(path_, std::string("not a whole PNG file: ") + state_.message.data());
    }
  }

  const std::filesystem::path& path_;
  PngState state_;
  png_structp png_;
  png_infop info_;
};

struct DestroyHandle {
  void operator()(tjhandle handle) const { tjDestroy(handle); }
};

/// Decodes one JPEG file held in memory.
class JpegDecoder {
 public:
  JpegDecoder(const std::filesystem::path& path, std::string_view bytes)
      : path_(path), bytes_(bytes), handle_(tjInitDecompress()) {
    if (handle_ == nullptr) {
      throw std::bad_alloc();
    }
  }

  ImageShape read_header() const {
    ImageShape shape;
    int subsampling = 0;
    int colour_space = 0;
    check(tjDecompressHeader3(handle_.get(), data(), bytes_.size(), &shape.width, &shape.height, &subsampling,
                              &colour_space));
    // TurboJPEG takes a file that ends before its frame header for a valid tables-only file.
    if (shape.width < 1 || shape.height < 1) throw FormatError(path_, "not a whole JPEG file: it holds no image");
    if (colour_space == TJCS_CMYK || colour_space == TJCS_YCCK) {
      throw FormatError(path_, "a CMYK JPEG image, expected grey or RGB");
    }
    shape.channels = colour_space == TJCS_GRAY ? 1 : 3;
    return shape;
  }

  void read_pixels(Image& image) const {
    // The accurate DCT gives the same pixels on every machine; the limit on scans refuses a small file that would
    // take minutes to decode.
    constexpr int kFlags = TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS;
    constexpr int kTightRows = 0;
    check(tjDecompress2(handle_.get(), data(), bytes_.size(), image.pixels.data(), image.shape.width, kTightRows,
                        image.shape.height, image.shape.channels == 1 ? TJPF_GRAY : TJPF_RGB, kFlags));
  }

 private:
  const unsigned char* data() const { return reinterpret_cast<const unsigned char*>(bytes_.data()); }

  void check(int result) const {
    if (result != 0) {
      throw FormatError(path_, std::string("not a whole JPEG file: ") + tjGetErrorStr2(handle_.get()));
    }
  }

  const std::filesystem::path& path_;
  std::string_view bytes_;
  std::unique_ptr<std::remove_pointer_t<tjhandle>, DestroyHandle> handle_;
};

/// Calls `read` with the decoder for the file's format, which its first bytes identify; returns the result.
template <typename Read>
auto with_decoder(const std::filesystem::path& path, Read&& read) {
  const MappedFile file(path);
  if (file.bytes().starts_with("\x89PNG\r\n\x1a\n")) return read(PngDecoder(path, file.bytes()));
  if (file.bytes().starts_with("\xff\xd8\xff")) return read(JpegDecoder(path, file.bytes()));
  throw FormatError(path, "neither a PNG nor a JPEG file");
}

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

ImageShape read_image_shape(const std::filesystem::path& path) {
  return with_decoder(path, [](auto&& decoder) { return decoder.read_header(); });
}

Image read_image(const std::filesystem::path& path) {
  return with_decoder(path, [&](auto&& decoder) {
    Image image = blank_image(path, decoder.read_header());
    decoder.read_pixels(image);
    return image;
  });
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
