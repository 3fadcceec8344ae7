// Writes what the library reads from image files, for a comparison with other readers:
//
//   dump_images OUT REDUCTION FILE...
//
// OUT: for each file a line "HEIGHT WIDTH CHANNELS FILE" and its pixels [height, width, channel], or a line "0 0 0
// ERROR". REDUCTION: 1, or 2, 4 or 8 for the image that decode_reduced_image makes for sides of 1/REDUCTION.
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/io/image.h>

namespace {

/// The shape in the header, which every beginning of the file must have that is long enough.
glow::io::ImageShape shape_of(std::string_view bytes, const std::string& name) {
  const glow::io::ImageShape whole = glow::io::decode_image_shape(bytes, name);
  const std::size_t step = bytes.size() / 50 + 1;
  for (std::size_t length = 0; length < bytes.size(); length += step) {
    try {
      if (glow::io::decode_image_shape(std::string(bytes.substr(0, length)), name) != whole)
        throw std::runtime_error(name + ": the first " + std::to_string(length) + " bytes have another shape");
    } catch (const glow::FormatError&) {
    }
  }
  return whole;
}

void dump(std::ofstream& out, const std::string& name, int reduction) {
  try {
    const glow::io::MappedFile file(name);
    const glow::io::ImageShape whole = shape_of(file.bytes(), name);
    const auto [image, used] =
        glow::io::decode_reduced_image(file.bytes(), name, {whole.height / reduction, whole.width / reduction});
    const auto [height, width, channels] = image.shape;
    if (height != (whole.height + used - 1) / used || width != (whole.width + used - 1) / used)
      throw std::runtime_error(name + ": the image has another shape than its header");
    out << height << ' ' << width << ' ' << channels << ' ' << name << '\n';
    out.write(reinterpret_cast<const char*>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size()));
  } catch (const glow::FormatError& error) {
    out << "0 0 0 " << error.what() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: dump_images OUT REDUCTION FILE...\n";
    return 2;
  }
  try {
    std::ofstream out(argv[1], std::ios::binary);
    for (int i = 3; i < argc; ++i) dump(out, argv[i], std::stoi(argv[2]));
    if (!out.flush()) throw std::runtime_error(std::string(argv[1]) + ": cannot write");
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "dump_images: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
