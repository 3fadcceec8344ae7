#include <algorithm>
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

/// The directory has train-images-idx3-ubyte, train-labels-idx1-ubyte and the same for t10k, each .gz or plain.
DataSet open_fashion_mnist(const fs::path& directory, const OpenOptions& /*options*/) {
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
          .default_path = "/usr/share/datasets/fashion-mnist",
          .open = open_fashion_mnist};
}

}  // namespace glow::images
