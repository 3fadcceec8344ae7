#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <glow/images/source.h>
#include <glow/io/file.h>

#include "images/array.h"
#include "images/list_folder.h"
#include "io/archive.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/pickle.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

constexpr io::ImageShape kCifarShape{32, 32, 3};
constexpr std::size_t kCifarPlane = 32 * 32;
/// The bytes of an image: the red, the green and the blue plane.
constexpr std::size_t kCifarImage = 3 * kCifarPlane;
/// The largest file, train of CIFAR-100, has 155 MB.
constexpr std::uint64_t kMostCifarBytes = std::uint64_t{1} << 28;

/// The names of a file or a folder in the binary and in the Python version.
using CifarNames = std::array<std::string_view, 2>;
constexpr std::size_t kCifarBinary = 0;
/// The index of the class names in CifarFormat::files.
constexpr std::size_t kCifarNamesFile = 0;

/// A data set (https://www.cs.toronto.edu/~kriz/cifar.html).
struct CifarFormat {
  /// The folder that the archives contain.
  CifarNames folders;
  /// The class names, the training images in their order, the test images.
  std::span<const CifarNames> files;
  /// Binary version: the bytes before each image; the last is the label.
  std::size_t label_bytes;
  /// Python version: the keys of class names and labels.
  const char* names_key;
  const char* labels_key;
  /// The class names, for copies without the file of them.
  std::vector<std::string> class_names;
};

constexpr std::array<CifarNames, 7> kCifar10Files = {{{"batches.meta.txt", "batches.meta"},
                                                      {"data_batch_1.bin", "data_batch_1"},
                                                      {"data_batch_2.bin", "data_batch_2"},
                                                      {"data_batch_3.bin", "data_batch_3"},
                                                      {"data_batch_4.bin", "data_batch_4"},
                                                      {"data_batch_5.bin", "data_batch_5"},
                                                      {"test_batch.bin", "test_batch"}}};
constexpr std::array<CifarNames, 3> kCifar100Files = {
    {{"fine_label_names.txt", "meta"}, {"train.bin", "train"}, {"test.bin", "test"}}};

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

const CifarFormat& cifar10_format() {
  static const CifarFormat format{{"cifar-10-batches-bin", "cifar-10-batches-py"},
                                  kCifar10Files,
                                  1,
                                  "label_names",
                                  "labels",
                                  words_of("airplane automobile bird cat deer dog frog horse ship truck")};
  return format;
}

const CifarFormat& cifar100_format() {
  static const CifarFormat format{
      {"cifar-100-binary", "cifar-100-python"},
      kCifar100Files,
      2,
      "fine_label_names",
      "fine_labels",
      words_of("apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel "
               "can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur "
               "dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion "
               "lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter "
               "palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road "
               "rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower "
               "sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale "
               "willow_tree wolf woman worm")};
  return format;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

/// Labels and images of a file. Byte b of image i is bytes[first + i * image_stride + b * byte_stride].
struct CifarBatch {
  std::vector<std::int64_t> labels;
  std::string_view bytes;
  std::size_t first = 0;
  std::size_t image_stride = kCifarImage;
  std::size_t byte_stride = 1;
};

CifarBatch binary_batch(const CifarFormat& format, const fs::path& path, std::string_view content) {
  const std::size_t record = format.label_bytes + kCifarImage;
  if (content.empty() || content.size() % record != 0) {
    io::refuse_known_kind(path, "a file of the binary version", content);
    throw FormatError(
        path, "expected a multiple of " + std::to_string(record) + " bytes, has " + std::to_string(content.size()));
  }
  CifarBatch batch{{}, content, format.label_bytes, record, 1};
  for (std::size_t start = 0; start < content.size(); start += record) {
    batch.labels.push_back(static_cast<std::uint8_t>(content[start + format.label_bytes - 1]));
  }
  return batch;
}

CifarBatch python_batch(const CifarFormat& format, const fs::path& path, std::string_view content) {
  const io::PickleDict dict = io::read_pickle_dict(content, path);
  const io::PickleArray array = dict.array("data");
  CifarBatch batch{dict.integers(format.labels_key), array.bytes};
  const auto images = static_cast<std::int64_t>(batch.labels.size());
  if (images == 0 || array.shape != std::vector<std::int64_t>{images, std::int64_t{kCifarImage}}) {
    throw FormatError(path, "expected \"data\" of shape [N," + std::to_string(kCifarImage) + "] and N labels, has " +
                                io::to_text(array.shape) + " and " + std::to_string(images));
  }
  if (array.is_fortran_order) {
    batch.image_stride = 1;
    batch.byte_stride = batch.labels.size();
  }
  return batch;
}

/// The training or the test images.
class CifarSplit {
 public:
  explicit CifarSplit(std::size_t files) : files_(files) {}

  /// Inserts the images of file `index` after those of the files before it, in whatever order the files come.
  void insert(std::size_t index, const fs::path& path, const CifarBatch& batch) {
    std::size_t start = 0;
    for (std::size_t before = 0; before < index; ++before) start += files_[before].labels.size() * kCifarImage;
    const std::size_t size = batch.labels.size() * kCifarImage;
    // The files are of one size, so that this is the only allocation. Pages that are not written take no memory.
    if (pixels_.empty()) pixels_.reserve(size * files_.size());
    pixels_.insert(start, size, '\0');
    char* pixel = pixels_.data() + start;
    const std::size_t stride = batch.byte_stride;
    for (std::size_t image = 0; image < batch.labels.size(); ++image) {
      const char* red = batch.bytes.data() + batch.first + image * batch.image_stride;
      for (std::size_t i = 0; i < kCifarPlane; ++i) {
        for (std::size_t channel = 0; channel < 3; ++channel) *pixel++ = red[(channel * kCifarPlane + i) * stride];
      }
    }
    files_[index] = {path, batch.labels};
  }

  /// The images, when all files are inserted. Throws FormatError for a label that is not below `classes`.
  std::shared_ptr<const ImageSource> finish(std::size_t classes) {
    constexpr std::size_t kMostClasses = 256;
    const auto last = static_cast<std::int64_t>(std::min(classes, kMostClasses)) - 1;
    std::vector<std::uint8_t> labels;
    for (const File& file : files_) {
      for (std::size_t image = 0; image < file.labels.size(); ++image) {
        const std::int64_t label = file.labels[image];
        if (label < 0 || label > last) {
          throw FormatError(file.path, "expected labels 0.." + std::to_string(last) + ", image " +
                                           std::to_string(image) + " has " + std::to_string(label));
        }
        labels.push_back(static_cast<std::uint8_t>(label));
      }
    }
    const fs::path& path = files_.front().path;
    return make_array_source(kCifarShape, std::move(pixels_), std::move(labels),
                             (files_.size() == 1 ? path : path.parent_path()).string());
  }

 private:
  struct File {
    fs::path path;
    std::vector<std::int64_t> labels;
  };

  std::vector<File> files_;
  /// [image, height, width, channel], of the files inserted so far, in the order of the files.
  std::string pixels_;
};

/// Makes a data set of the files of a folder or an archive, which come in any order.
class CifarReader {
 public:
  CifarReader(const CifarFormat& format, fs::path path)
      : format_(format), path_(std::move(path)), is_read_(format.files.size()) {}

  /// Whether the file of this name, relative to the folder or archive, belongs to the data set. Throws FormatError when
  /// it is of another version, or in another folder, than one that came before.
  bool wants(std::string_view name) {
    const auto place = find(name);
    if (!place) return false;
    if (!first_) {
      first_ = std::string(name);
      version_ = place->version;
    }
    if (place->version != version_ || fs::path(name).parent_path() != fs::path(*first_).parent_path()) {
      throw FormatError(
          path_, "expected one version in one folder, has " + io::in_quotes(*first_) + " and " + io::in_quotes(name));
    }
    return true;
  }

  /// The names of all files of the version that `wants` has seen; empty if it has seen none.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    if (!first_) return names;
    for (const CifarNames& file : format_.files) names.emplace_back(file[version_]);
    return names;
  }

  /// Reads a file that `wants` has seen.
  void read(std::string_view name, const std::string& content) {
    const Place place = *find(name);
    const fs::path path = path_ / name;
    is_read_[place.file] = true;
    if (place.file == kCifarNamesFile) {
      class_names_ = class_names(path, content);
    } else {
      const auto batch =
          version_ == kCifarBinary ? binary_batch(format_, path, content) : python_batch(format_, path, content);
      const bool is_test = place.file + 1 == format_.files.size();
      (is_test ? test_ : train_).insert(is_test ? 0 : place.file - 1, path, batch);
    }
  }

  DataSet finish() {
    const auto& [binary, python] = format_.files[1];
    if (!first_) {
      throw FormatError(path_, "expected " + std::string(binary) + " (the binary version) or " + std::string(python) +
                                   " (the Python version), has neither");
    }
    if (!is_read_[kCifarNamesFile]) class_names_ = format_.class_names;
    for (std::size_t file = kCifarNamesFile + 1; file < is_read_.size(); ++file) {
      if (!is_read_[file]) throw FormatError(path_, "has no " + std::string(format_.files[file][version_]));
    }
    DataSet set;
    set.class_names = std::move(class_names_);
    set.train = train_.finish(set.class_names.size());
    set.test = test_.finish(set.class_names.size());
    return set;
  }

 private:
  /// The file's index in CifarFormat::files, and its version.
  struct Place {
    std::size_t file;
    std::size_t version;
  };

  std::optional<Place> find(std::string_view name) const {
    const std::string_view file_name = name.substr(name.rfind('/') + 1);
    for (std::size_t file = 0; file < format_.files.size(); ++file) {
      for (std::size_t version = 0; version < format_.files[file].size(); ++version) {
        if (format_.files[file][version] == file_name) return Place{file, version};
      }
    }
    return std::nullopt;
  }

  std::vector<std::string> class_names(const fs::path& path, const std::string& content) const {
    std::vector<std::string> names;
    if (version_ == kCifarBinary) {
      names = lines_of(content);
    } else {
      const io::PickleDict dict = io::read_pickle_dict(content, path);
      for (const std::string_view name : dict.strings(format_.names_key)) names.emplace_back(name);
    }
    if (names.empty()) throw FormatError(path, "expected the names of the classes, has none");
    return names;
  }

  const CifarFormat& format_;
  fs::path path_;
  /// The name of the first file that `wants` has seen; its version is `version_`.
  std::optional<std::string> first_;
  std::size_t version_ = kCifarBinary;
  std::vector<bool> is_read_;
  std::vector<std::string> class_names_;
  CifarSplit train_{format_.files.size() - 2};
  CifarSplit test_{1};
};

bool has_cifar_files(const CifarFormat& format, const fs::path& folder) {
  std::error_code ignored;
  return std::any_of(format.files.begin(), format.files.end(), [&](const CifarNames& file) {
    return fs::is_regular_file(folder / file[0], ignored) || fs::is_regular_file(folder / file[1], ignored);
  });
}

/// The folder itself, or the one in it that has the name of the archives' folder.
fs::path cifar_folder(const CifarFormat& format, const fs::path& path) {
  if (has_cifar_files(format, path)) return path;
  std::error_code ignored;
  std::vector<fs::path> folders;
  for (const std::string_view name : format.folders) {
    if (fs::is_directory(path / name, ignored)) folders.push_back(path / name);
  }
  if (folders.size() > 1) {
    throw FormatError(path, "expected one version, has " + io::in_quotes(format.folders[0]) + " and " +
                                io::in_quotes(format.folders[1]) + ": give the path of one");
  }
  return folders.empty() ? path : folders[0];
}

/// The only archive in a folder that has a name of the published ones (cifar-10-python.tar.gz); empty if there is none.
fs::path cifar_archive(const CifarFormat& format, const fs::path& folder) {
  std::vector<fs::path> archives;
  const std::string_view binary = format.folders[kCifarBinary];
  const std::string start(binary.substr(0, binary.find("0-") + 2));
  for (const std::string& name : list_folder(folder)) {
    const std::string lower = to_lower(name);
    if (lower.starts_with(start) && (lower.ends_with(".tar.gz") || lower.ends_with(".tar"))) {
      archives.push_back(folder / name);
    }
  }
  return archives.size() == 1 ? archives[0] : fs::path();
}

DataSet open_cifar_folder(const CifarFormat& format, const fs::path& folder) {
  std::error_code ignored;
  CifarReader reader(format, folder);
  for (const CifarNames& file : format.files) {
    for (const std::string_view name : file) {
      if (fs::is_regular_file(folder / name, ignored)) reader.wants(name);
    }
  }
  for (const std::string& name : reader.names()) {
    const bool is_left_out = name == reader.names()[kCifarNamesFile] && !fs::exists(folder / name, ignored);
    if (!is_left_out) reader.read(name, io::read_file(folder / name, kMostCifarBytes));
  }
  return reader.finish();
}

DataSet open_cifar(const CifarFormat& format, const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    const fs::path folder = cifar_folder(format, path);
    const fs::path archive = has_cifar_files(format, folder) ? fs::path() : cifar_archive(format, path);
    return archive.empty() ? open_cifar_folder(format, folder) : open_cifar(format, archive);
  }
  CifarReader reader(format, path);
  io::read_tar(
      path, [&](std::string_view name) { return reader.wants(name); }, kMostCifarBytes,
      [&](std::string&& name, std::string&& content) { reader.read(name, content); });
  return reader.finish();
}

constexpr const char* kCifarDescription = "folder or archive of the binary or the Python version";

}  // namespace

SourceKind cifar10_kind() {
  return {.name = "cifar10",
          .usage = "cifar10:PATH",
          .description = kCifarDescription,
          .open = [](const fs::path& path, const OpenOptions&) { return open_cifar(cifar10_format(), path); }};
}

SourceKind cifar100_kind() {
  return {.name = "cifar100",
          .usage = "cifar100:PATH",
          .description = kCifarDescription,
          .open = [](const fs::path& path, const OpenOptions&) { return open_cifar(cifar100_format(), path); }};
}

}  // namespace glow::images
