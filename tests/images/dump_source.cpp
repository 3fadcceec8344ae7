// Writes what the library reads from a data set, for a comparison with other readers:
//
//   dump_source SPECIFICATION train|valid|test OUT [--labels] [--size HEIGHT]
//
// OUT: the number of classes on a line, and each name on a line; then for each image a line "HEIGHT WIDTH CHANNELS
// LABEL NAME" and its pixels [height, width, channel]. With --size, that resolution is read.
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <glow/images/source.h>

namespace {

using glow::images::DataSet;
using glow::images::ImageSource;

const ImageSource& split_of(const DataSet& set, const std::string& name) {
  const auto& split = name == "train" ? set.train : name == "valid" ? set.valid : set.test;
  return split ? *split : throw std::runtime_error("there is no split " + name);
}

void write_image(std::ofstream& out, const ImageSource& source, std::int64_t index) {
  const auto image = source.image(index);
  const auto known = source.shape(index);
  if (image.shape.channels != source.channels() || (known && *known != image.shape))
    throw std::runtime_error(source.name(index) + ": the image has another shape than the source says");
  out << image.shape.height << ' ' << image.shape.width << ' ' << image.shape.channels << ' ' << source.label(index)
      << ' ' << source.name(index) << '\n';
  out.write(reinterpret_cast<const char*>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size()));
}

void dump(const std::vector<std::string>& arguments) {
  glow::images::OpenOptions options;
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    if (arguments[i] == "--labels") options.with_labels = true;
    if (arguments[i] == "--size" && i + 1 < arguments.size()) options.image_size = std::stoi(arguments[i + 1]);
  }
  const DataSet set = glow::images::open_data_set(arguments[0], options);
  const ImageSource& source = split_of(set, arguments[1]);
  std::ofstream out(arguments[2], std::ios::binary);
  out << set.class_names.size() << '\n';
  for (const std::string& name : set.class_names) out << name << '\n';
  for (std::int64_t index = 0; index < source.size(); ++index) write_image(out, source, index);
  if (!out.flush()) throw std::runtime_error(arguments[2] + ": cannot write");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 3) {
    std::cerr << "usage: dump_source SPECIFICATION train|valid|test OUT [--labels] [--size HEIGHT]\n";
    return 2;
  }
  try {
    dump(arguments);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "dump_source: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
