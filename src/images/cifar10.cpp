#include <sstream>
#include <string>
#include <utility>

#include <glow/images/source.h>
#include <glow/io/file.h>

#include "images/array.h"
#include "io/errors.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

constexpr io::ImageShape kShape{32, 32, 3};
constexpr std::size_t kPlane = 32 * 32;
/// A record: a label byte, then the red, the green and the blue plane.
constexpr std::size_t kRecord = 1 + 3 * kPlane;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

std::vector<std::string> read_class_names(const fs::path& path) {
  std::istringstream lines(io::read_file(path, kMaxBytes));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  if (names.empty()) throw FormatError(path, "expected a class name in each line, has none");
  return names;
}

struct Records {
  /// [N, 32, 32, 3]
  std::string pixels;
  std::vector<std::uint8_t> labels;
};

void append_file(const fs::path& path, std::size_t classes, Records& records) {
  const std::string file = io::read_file(path, kMaxBytes);
  if (file.empty() || file.size() % kRecord != 0)
    throw FormatError(
        path, "expected a multiple of " + std::to_string(kRecord) + " bytes, has " + std::to_string(file.size()));
  records.pixels.reserve(records.pixels.size() + file.size());
  for (std::size_t start = 0; start < file.size(); start += kRecord) {
    const auto label = static_cast<std::uint8_t>(file[start]);
    if (label >= classes)
      throw FormatError(path, "expected labels 0.." + std::to_string(classes - 1) + ", record " +
                                  std::to_string(start / kRecord) + " has " + std::to_string(label));
    records.labels.push_back(label);
    for (std::size_t pixel = start + 1; pixel <= start + kPlane; ++pixel)
      for (std::size_t channel = 0; channel < 3; ++channel) records.pixels.push_back(file[pixel + channel * kPlane]);
  }
}

std::shared_ptr<const ImageSource> read_split(const fs::path& directory, const std::vector<std::string>& files,
                                              std::size_t classes) {
  Records records;
  for (const std::string& file : files) append_file(directory / file, classes, records);
  const fs::path name = files.size() == 1 ? directory / files[0] : directory;
  return make_array_source(kShape, std::move(records.pixels), std::move(records.labels), name.string());
}

/// The directory has data_batch_1.bin ... data_batch_5.bin, test_batch.bin and batches.meta.txt.
DataSet open_cifar10(const fs::path& directory, const OpenOptions& /*options*/) {
  DataSet set;
  set.class_names = read_class_names(directory / "batches.meta.txt");
  set.train = read_split(
      directory, {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
      set.class_names.size());
  set.test = read_split(directory, {"test_batch.bin"}, set.class_names.size());
  return set;
}

}  // namespace

SourceKind cifar10_kind() {
  return {.name = "cifar10", .usage = "cifar10:DIR", .description = "the binary version", .open = open_cifar10};
}

}  // namespace glow::images
