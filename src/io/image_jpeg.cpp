#include "io/image_decoder.h"

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>  // its numbers depend on macros of jpeglib.h

#include <glow/error.h>

namespace glow::io {
namespace {

using namespace std::string_view_literals;

/// A file with more scans is refused, because a small one could take minutes to decode.
constexpr int kMostScans = 500;

// Codes of errors beside libjpeg's.
constexpr int kEndsEarly = -1;
constexpr int kTooManyScans = -2;

/// What stopped libjpeg: a code of libjpeg or of the above, and libjpeg's message.
struct JpegStop {
  std::jmp_buf place;
  int code = 0;
  std::array<char, JMSG_LENGTH_MAX> message{};
};

[[noreturn]] void stop_with_code(j_common_ptr jpeg, int code) {
  auto& stop = *static_cast<JpegStop*>(jpeg->client_data);
  stop.code = code;
  std::longjmp(stop.place, 1);
}

// Callbacks of libjpeg.

[[noreturn]] void stop_at_error(j_common_ptr jpeg) {
  jpeg->err->format_message(jpeg, static_cast<JpegStop*>(jpeg->client_data)->message.data());
  stop_with_code(jpeg, jpeg->err->msg_code);
}

/// Stops at warnings after which pixels are wrong. The others are of files that are whole, if odd.
void judge_warning(j_common_ptr jpeg, int level) {
  constexpr int kWarning = -1;
  if (level != kWarning) return;  // a remark
  switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:      // an unknown number in an Adobe marker
    case JWRN_EXTRANEOUS_DATA:  // bytes before a marker
    case JWRN_JFIF_MAJOR:       // an unknown version
    case JWRN_NOT_SEQUENTIAL:   // numbers that only a progressive file can have
      return;
    default:
      stop_at_error(jpeg);
  }
}

boolean stop_at_end(j_decompress_ptr jpeg) { stop_with_code(reinterpret_cast<j_common_ptr>(jpeg), kEndsEarly); }

void limit_scans(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > kMostScans) stop_with_code(jpeg, kTooManyScans);
}

/// Runs `step`, which libjpeg may leave by longjmp, so it must not own anything that needs a destructor. Returns false
/// if libjpeg did.
template <typename Step>
bool completes_jpeg(JpegStop& stop, Step step) {
  if (setjmp(stop.place) != 0) return false;
  step();
  return true;
}

/// RGB from inverted CMYK, in which 255 is no ink: K - (255 - C) K / 255, with the quotient rounded, as Pillow does.
void convert_cmyk(const std::uint8_t* cmyk, std::uint8_t* rgb, int width) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    for (int channel = 0; channel < 3; ++channel) {
      const int product = (255 - cmyk[channel]) * cmyk[3] + 128;
      rgb[channel] = static_cast<std::uint8_t>(cmyk[3] - ((product >> 8) + product) / 256);
    }
  }
}

class JpegDecoder final : public ImageDecoder {
 public:
  JpegDecoder(std::string_view bytes, const std::filesystem::path& name) : name_(name), bytes_(bytes) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = stop_at_error;
    errors_.emit_message = judge_warning;
    progress_.progress_monitor = limit_scans;
    jpeg_.client_data = &stop_;
  }
  ~JpegDecoder() override { jpeg_destroy_decompress(&jpeg_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  ImageHeader read_header() override {
    check(completes_jpeg(stop_, [this] {
      constexpr int kMetadata = JPEG_APP0 + 1;
      constexpr unsigned int kLongestSegment = 0xffff;
      jpeg_create_decompress(&jpeg_);
      jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
      jpeg_.src->fill_input_buffer = stop_at_end;
      jpeg_.progress = &progress_;
      jpeg_save_markers(&jpeg_, kMetadata, kLongestSegment);
      jpeg_read_header(&jpeg_, TRUE);
    }));
    if (jpeg_.data_precision != 8) refuse_precision();
    const int components = jpeg_.num_components;
    if (components != 1 && components != 3 && components != 4) {
      throw FormatError(name_, "is a JPEG image of " + std::to_string(components) +
                                   " components, which is not supported: convert it to grey or RGB");
    }
    jpeg_.out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
    return {.shape = {.height = static_cast<int>(jpeg_.image_height),
                      .width = static_cast<int>(jpeg_.image_width),
                      .channels = components == 1 ? 1 : 3},
            .orientation = orientation(),
            .is_reducible = true};
  }

  void read_pixels(Image& image, int reduction) override {
    const std::size_t row_bytes =
        static_cast<std::size_t>(image.shape.width) * static_cast<std::size_t>(image.shape.channels);
    std::vector<JSAMPROW> rows;
    for (std::size_t start = 0; start < image.pixels.size(); start += row_bytes)
      rows.push_back(image.pixels.data() + start);
    std::vector<JSAMPLE> cmyk(jpeg_.num_components == 4 ? 4 * static_cast<std::size_t>(image.shape.width) : 0);
    check(completes_jpeg(stop_, [this, reduction, &rows, &cmyk] {
      jpeg_.scale_num = 1;
      jpeg_.scale_denom = static_cast<unsigned int>(reduction);
      jpeg_.dct_method = JDCT_ISLOW;  // the same pixels on every machine
      jpeg_start_decompress(&jpeg_);
      while (jpeg_.output_scanline < jpeg_.output_height) {
        JSAMPROW* row = &rows[jpeg_.output_scanline];
        if (cmyk.empty()) {
          jpeg_read_scanlines(&jpeg_, row, jpeg_.output_height - jpeg_.output_scanline);
        } else {
          JSAMPROW ink = cmyk.data();
          jpeg_read_scanlines(&jpeg_, &ink, 1);
          convert_cmyk(ink, *row, static_cast<int>(jpeg_.output_width));
        }
      }
    }));
    // Whatever follows the pixels does not matter.
  }

 private:
  /// From the Exif segments, which are one block if there are several, and the last XMP segment (Adobe XMP, part 3).
  Orientation orientation() const {
    constexpr std::string_view kExif = "Exif\0\0"sv, kXmp = "http://ns.adobe.com/xap/1.0/\0"sv;
    std::string exif;
    std::string_view xmp;
    for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
      const std::string_view segment(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (segment.starts_with(kExif)) exif += segment.substr(exif.empty() ? 0 : kExif.size());
      if (segment.starts_with(kXmp)) xmp = segment.substr(kXmp.size());
    }
    return find_orientation(exif, xmp);
  }

  [[noreturn]] void refuse_precision() const {
    throw FormatError(name_, "is a " + std::to_string(jpeg_.data_precision) +
                                 "-bit JPEG image, which is not supported: convert it to 8 bits");
  }

  void check(bool completed) const {
    if (completed) return;
    switch (stop_.code) {
      case JERR_OUT_OF_MEMORY:
        throw std::bad_alloc();
      case kTooManyScans:
        throw FormatError(name_, "has more than the " + std::to_string(kMostScans) + " scans accepted");
      case JERR_BAD_PRECISION:
        refuse_precision();
      case JERR_ARITH_NOTIMPL:
      case JERR_CCIR601_NOTIMPL:
      case JERR_COMPONENT_COUNT:
      case JERR_CONVERSION_NOTIMPL:
      case JERR_EMPTY_IMAGE:  // a height that follows the pixels
      case JERR_FRACT_SAMPLE_NOTIMPL:
      case JERR_IMAGE_TOO_BIG:
      case JERR_NOTIMPL:
      case JERR_SOF_UNSUPPORTED:
        throw FormatError(name_, std::string("is a JPEG image that libjpeg does not support (") + stop_.message.data() +
                                     "): convert it to a baseline JPEG, PNG or WebP");
      default:
        throw FormatError(name_, std::string("not a whole JPEG file: ") +
                                     (stop_.code == kEndsEarly ? "the file ends early" : stop_.message.data()));
    }
  }

  const std::filesystem::path& name_;
  std::string_view bytes_;
  JpegStop stop_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct jpeg_{};
};

}  // namespace

std::unique_ptr<ImageDecoder> make_jpeg_decoder(std::string_view bytes, const std::filesystem::path& name) {
  return std::make_unique<JpegDecoder>(bytes, name);
}

}  // namespace glow::io
