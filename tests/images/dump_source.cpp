// dump_source SPECIFICATION: what the library reads from a data set, for check_sources.py. Writes one line of JSON for
// each image: split, name, label, shape [height, width, channels] and the pixels in hexadecimal digits. With labels if
// the data set has them.
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/images/source.h>

namespace {

using glow::images::DataSet;
using glow::images::ImageSource;

std::string hexadecimal(const std::vector<std::uint8_t>& bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string digits;
  for (const std::uint8_t byte : bytes) digits.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return digits;
}

void print(const char* split, const std::shared_ptr<const ImageSource>& source, const DataSet& set) {
  for (std::int64_t i = 0; source && i < source->size(); ++i) {
    const auto image = source->image(i);
    const std::int64_t label = source->label(i);
    const auto& [height, width, channels] = image.shape;
    const nlohmann::json line{{"split", split},
                              {"name", source->name(i)},
                              {"label", label < 0 ? nlohmann::json() : nlohmann::json(set.class_names.at(label))},
                              {"shape", {height, width, channels}},
                              {"pixels", hexadecimal(image.pixels)}};
    std::cout << line.dump() << '\n';
  }
}

DataSet open(const std::string& specification) {
  try {
    return glow::images::open_data_set(specification, {.with_labels = true});
  } catch (const glow::FormatError&) {
    return glow::images::open_data_set(specification);  // a folder without classes, or another error again
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const DataSet set = open(argv[1]);
    print("train", set.train, set);
    print("valid", set.valid, set);
    print("test", set.test, set);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
