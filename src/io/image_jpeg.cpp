#include "io/image_decoder.h"

#include <algorithm>
#include <initializer_list>
#include <new>
#include <string>
#include <type_traits>

#include <turbojpeg.h>

#include <glow/error.h>

namespace glow::io {
namespace {

struct DestroyHandle {
  void operator()(tjhandle handle) const { tjDestroy(handle); }
};

class JpegDecoder final : public ImageDecoder {
 public:
  JpegDecoder(std::string_view bytes, const std::filesystem::path& name)
      : name_(name), bytes_(bytes), handle_(tjInitDecompress()) {
    if (handle_ == nullptr) {
      throw std::bad_alloc();
    }
  }

  ImageShape read_header() override {
    ImageShape shape;
    int subsampling = 0;
    int colour_space = 0;
    check(tjDecompressHeader3(handle_.get(), data(), bytes_.size(), &shape.width, &shape.height, &subsampling,
                              &colour_space));
    // TurboJPEG takes a file that ends before its frame header for a valid tables-only file.
    if (shape.width < 1 || shape.height < 1) throw FormatError(name_, "not a whole JPEG file: it holds no image");
    if (colour_space == TJCS_CMYK || colour_space == TJCS_YCCK) {
      throw FormatError(name_, "a CMYK JPEG image, expected grey or RGB");
    }
    shape.channels = colour_space == TJCS_GRAY ? 1 : 3;
    return shape;
  }

  int find_reduction(const ImageShape& whole, ImageSize least) const override {
    // tjDecompress2 finds its factor, one of n/8, from the size of the result. The size of an image within one block
    // can fit several.
    constexpr int kBlock = 8;
    if (std::max(whole.height, whole.width) < kBlock) return 1;
    for (const int factor : {8, 4, 2}) {
      // whole / factor >= least, without overflow.
      if (whole.height / factor >= least.height && whole.width / factor >= least.width) return factor;
    }
    return 1;
  }

  void read_pixels(Image& image) override {
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
      throw FormatError(name_, std::string("not a whole JPEG file: ") + tjGetErrorStr2(handle_.get()));
    }
  }

  const std::filesystem::path& name_;
  std::string_view bytes_;
  std::unique_ptr<std::remove_pointer_t<tjhandle>, DestroyHandle> handle_;
};

}  // namespace

std::unique_ptr<ImageDecoder> make_jpeg_decoder(std::string_view bytes, const std::filesystem::path& name) {
  return std::make_unique<JpegDecoder>(bytes, name);
}

}  // namespace glow::io
