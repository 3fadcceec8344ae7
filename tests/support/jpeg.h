#pragma once

#include <string>

#include <turbojpeg.h>

#include <glow/io/image.h>

namespace glow::testing {

/// A grey or an RGB image as a JPEG file.
inline std::string encode_jpeg(const io::Image& image, TJSAMP subsampling, int quality = 92) {
  tjhandle handle = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const int failed = tjCompress2(handle, image.pixels.data(), image.shape.width, 0, image.shape.height,
                                 image.shape.channels == 1 ? TJPF_GRAY : TJPF_RGB, &bytes, &size, subsampling, quality,
                                 TJFLAG_ACCURATEDCT);
  std::string file(reinterpret_cast<const char*>(bytes), failed != 0 ? 0 : size);
  tjFree(bytes);
  tjDestroy(handle);
  return file;
}

}  // namespace glow::testing
