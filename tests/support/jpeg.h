#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <jpeglib.h>

#include <glow/io/image.h>

namespace glow::testing {

struct JpegOptions {
  /// Horizontal and vertical sampling factors of each component, as `cjpeg -sample`; 1x1 for those that are missing.
  std::string_view sampling = "1x1";
  int quality = 92;
  bool is_progressive = false;
  bool is_arithmetic = false;
  /// A scan for each component; not for progressive files.
  bool has_separate_scans = false;
  /// MCUs between two restart markers, 0 for none.
  unsigned int restart_interval = 0;
};

/// The scans of the components of a sequential image.
constexpr jpeg_scan_info kSeparateScans[] = {
    {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}, {1, {3}, 0, 63, 0, 0}};

inline void set_up(jpeg_compress_struct& jpeg, const io::ImageShape& shape, const JpegOptions& options) {
  jpeg.image_height = static_cast<JDIMENSION>(shape.height);
  jpeg.image_width = static_cast<JDIMENSION>(shape.width);
  jpeg.input_components = shape.channels;
  jpeg.in_color_space = shape.channels == 1 ? JCS_GRAYSCALE : shape.channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, options.quality, TRUE);
  for (int i = 0; i < shape.channels; ++i) {
    const std::size_t place = 4 * static_cast<std::size_t>(i);
    const bool is_given = place + 2 < options.sampling.size();
    jpeg.comp_info[i].h_samp_factor = is_given ? options.sampling[place] - '0' : 1;
    jpeg.comp_info[i].v_samp_factor = is_given ? options.sampling[place + 2] - '0' : 1;
  }
  jpeg.arith_code = options.is_arithmetic ? TRUE : FALSE;
  jpeg.restart_interval = options.restart_interval;
  if (options.has_separate_scans) {
    jpeg.scan_info = kSeparateScans;
    jpeg.num_scans = shape.channels;
  }
  if (options.is_progressive) jpeg_simple_progression(&jpeg);
}

/// A grey, RGB or CMYK image as a JPEG file. CMYK is stored as it is; so 255 is no ink, as in files of Adobe's
/// programs.
inline std::string encode_jpeg(const io::Image& image, const JpegOptions& options) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &bytes, &size);
  set_up(jpeg, image.shape, options);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    const std::size_t row_bytes = image.pixels.size() / jpeg.image_height;
    auto* row = const_cast<JSAMPROW>(image.pixels.data() + jpeg.next_scanline * row_bytes);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string file(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return file;
}

}  // namespace glow::testing
