#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <glow/images/source.h>

#include "images/array.h"
#include "io/errors.h"
#include "io/idx.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

/// Of Debian's package dataset-fashion-mnist.
constexpr const char* kDefaultDirectory = "/usr/share/datasets/fashion-mnist";

const std::vector<std::string> kClassNames = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                              "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

/// The path of the .gz file, or of the uncompressed file if only that exists.
fs::path idx_path(const fs::path& directory, const std::string& name) {
  const fs::path zipped = directory / (name + ".gz");
  const fs::path plain = directory / name;
  std::error_code ignored;
  return !fs::exists(zipped, ignored) && fs::exists(plain, ignored) ? plain : zipped;
}

io::IdxArray read_array(const fs::path& path, std::size_t dimensions) {
  io::IdxArray array = io::read_idx(path);
  const bool is_empty = std::find(array.shape.begin(), array.shape.end(), 0) != array.shape.end();
  if (array.shape.size() != dimensions || is_empty)
    throw FormatError(path, "expected " + std::to_string(dimensions) + " dimensions, none of them 0, has " +
                                io::to_text(array.shape));
  return array;
}

std::vector<std::uint8_t> read_labels(const fs::path& path, std::int64_t images) {
  const io::IdxArray array = read_array(path, 1);
  if (array.shape[0] != images)
    throw FormatError(path, "expected " + std::to_string(images) + " labels, one for each image, has " +
                                std::to_string(array.shape[0]));
  std::vector<std::uint8_t> labels(array.bytes.begin(), array.bytes.end());
  const std::uint8_t highest = *std::max_element(labels.begin(), labels.end());
  if (highest >= kClassNames.size()) throw FormatError(path, "expected labels 0..9, has " + std::to_string(highest));
  return labels;
}

std::shared_ptr<const ImageSource> read_split(const fs::path& directory, const std::string& prefix) {
  const fs::path path = idx_path(directory, prefix + "-images-idx3-ubyte");
  io::IdxArray images = read_array(path, 3);
  std::vector<std::uint8_t> labels = read_labels(idx_path(directory, prefix + "-labels-idx1-ubyte"), images.shape[0]);
  const io::ImageShape shape{static_cast<int>(images.shape[1]), static_cast<int>(images.shape[2]), 1};
  return make_array_source(shape, std::move(images.bytes), std::move(labels), path.string(),
                           /*is_on_black=*/true);
}

bool has_idx_files(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(idx_path(directory, "train-images-idx3-ubyte"), ignored);
}

/// The directory itself, or the one below it in which torchvision keeps the files.
fs::path idx_directory(const fs::path& given) {
  std::error_code ignored;
  if (given == kDefaultDirectory && !fs::exists(given, ignored)) {
    throw io::cannot_read(given,
                          "it does not exist: install Debian's dataset-fashion-mnist, or give fashion-mnist:DIR");
  }
  if (!fs::exists(given, ignored)) throw io::cannot_read(given, ENOENT);
  if (!fs::is_directory(given, ignored)) {
    throw FormatError(given, "expected a folder of idx files, is a file" +
                                 (has_idx_files(given.parent_path()) ? ": give its folder" : std::string()));
  }
  for (const char* below : {"", "raw", "FashionMNIST/raw"}) {
    if (has_idx_files(given / below)) return *below == '\0' ? given : given / below;
  }
  throw FormatError(given,
                    "expected the files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz and the same of "
                    "t10k, compressed or not, has no train-images-idx3-ubyte");
}

/// See idx_directory for the files.
DataSet open_fashion_mnist(const fs::path& given, const OpenOptions& /*options*/) {
  const fs::path directory = idx_directory(given);
  DataSet set;
  set.train = read_split(directory, "train");
  set.test = read_split(directory, "t10k");
  set.class_names = kClassNames;
  return set;
}

}  // namespace

SourceKind fashion_mnist_kind() {
  return {.name = "fashion-mnist",
          .usage = "fashion-mnist[:DIR]",
          .description = "idx files",
          .default_path = kDefaultDirectory,
          .open = open_fashion_mnist};
}

}  // namespace glow::images
