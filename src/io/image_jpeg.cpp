#include <memory>
#include <new>
#include <type_traits>

#include <turbojpeg.h>

#include "io/errors.h"
#include "io/image_codec.h"

namespace glow::io {
namespace {

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
    // A file that ends before its frame begins passes for one of tables alone.
    if (shape.width < 1 || shape.height < 1) throw FormatError(path_, "not a whole JPEG file: it holds no picture");
    if (colour_space == TJCS_CMYK || colour_space == TJCS_YCCK) {
      throw FormatError(path_, "a CMYK JPEG image, expected grey or RGB");
    }
    shape.channels = colour_space == TJCS_GRAY ? 1 : 3;
    return shape;
  }

  void read_pixels(Image& image) const {
    // An exact transform, so that every machine sees the same pixels; and no file of ten thousand empty
    // scans.
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

}  // namespace

bool looks_like_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

ImageShape jpeg_shape(const std::filesystem::path& path, std::string_view bytes) {
  return JpegDecoder(path, bytes).read_header();
}

Image decode_jpeg(const std::filesystem::path& path, std::string_view bytes) {
  const JpegDecoder decoder(path, bytes);
  Image image = blank_image(path, decoder.read_header());
  decoder.read_pixels(image);
  return image;
}

}  // namespace glow::io
