#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <glow/error.h>
#include <glow/images/source.h>

#include "images/array_shape.h"
#include "images/list_folder.h"
#include "images/search.h"
#include "images/splits.h"
#include "io/array_bytes.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/npz.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

/// One file: its images, and the values of its labels.
struct NpzBatch {
  io::NpzArray data;
  io::ImageShape shape;
  /// Whether an image is stored as [channel, row, column].
  bool planes = false;
  std::int64_t size = 0;
  std::optional<std::vector<std::int64_t>> labels;
};

/// The side of square images of three planes with this many bytes, 0 if there is none.
std::int64_t side_of_planes(std::int64_t bytes) {
  std::int64_t side = 0;
  while (3 * (side + 1) * (side + 1) <= bytes) ++side;
  return 3 * side * side == bytes ? side : 0;
}

/// Sets shape, planes and size from those of the array.
void describe_images(NpzBatch& batch) {
  const std::vector<std::int64_t>& shape = batch.data.shape();
  constexpr std::int64_t kMostBytes = std::int64_t{1} << 31;
  std::vector<std::int64_t> image;
  if (batch.data.dtype() == "|u1" && shape.size() == 4 && !has_channels_first(shape))
    image.assign(shape.begin() + 1, shape.end());
  if (batch.data.dtype() == "|u1" && shape.size() == 2 && shape[1] < kMostBytes) {
    const std::int64_t side = side_of_planes(shape[1]);
    image = {side, side, 3};
    batch.planes = true;
  }
  const auto bytes = io::array_bytes(image, 1);
  if (image.empty() || shape[0] < 1 || !bytes || *bytes == 0 || *bytes >= std::uint64_t{kMostBytes}) {
    throw other_array(batch.data.path(), "images, \"|u1\" (uint8) [N, 3 * S * S] or [N, H, W, C] and not empty",
                      ArrayAxes::kImagesWithChannels, batch.data.dtype(), shape);
  }
  batch.shape = {static_cast<int>(image[0]), static_cast<int>(image[1]), static_cast<int>(image[2])};
  batch.size = shape[0];
}

template <typename Integer>
std::vector<std::int64_t> widen(const io::NpzArray& array) {
  std::vector<Integer> values(static_cast<std::size_t>(array.shape()[0]));
  array.read_at(0, {reinterpret_cast<char*>(values.data()), values.size() * sizeof(Integer)});
  std::vector<std::int64_t> labels;
  labels.reserve(values.size());
  for (const Integer value : values) {
    if (!std::in_range<std::int64_t>(value)) {
      throw FormatError(array.path(), "label " + std::to_string(value) + ", expected at most 2^63 - 1");
    }
    labels.push_back(static_cast<std::int64_t>(value));
  }
  return labels;
}

std::vector<std::int64_t> read_label_values(const io::NpzArray& array, std::int64_t images) {
  using Read = std::vector<std::int64_t> (*)(const io::NpzArray&);
  constexpr std::array<std::pair<std::string_view, Read>, 8> kReaders = {{{"|u1", widen<std::uint8_t>},
                                                                          {"|i1", widen<std::int8_t>},
                                                                          {"<u2", widen<std::uint16_t>},
                                                                          {"<i2", widen<std::int16_t>},
                                                                          {"<u4", widen<std::uint32_t>},
                                                                          {"<i4", widen<std::int32_t>},
                                                                          {"<u8", widen<std::uint64_t>},
                                                                          {"<i8", widen<std::int64_t>}}};
  const auto* reader =
      std::find_if(kReaders.begin(), kReaders.end(), [&](const auto& each) { return each.first == array.dtype(); });
  if (reader == kReaders.end() || array.shape() != std::vector<std::int64_t>{images}) {
    throw FormatError(array.path(), "expected labels, integers [" + std::to_string(images) + "], is " +
                                        io::in_quotes(array.dtype()) + " " + io::to_text(array.shape()));
  }
  return reader->second(array);
}

/// The error of a file without an array data.
FormatError no_data(const fs::path& file) {
  const std::vector<std::string> names = io::npz_names(file);
  if (names.empty())
    return io::other_kind(file, "an npz file with an array data", io::file_start(io::RegularFile(file)));
  constexpr std::size_t kMost = 8;
  std::string text = "expected an array data, has ";
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i > 0 ? ", " : "") + io::in_quotes(names[i]);
  if (names.size() > kMost) text += ", ...";
  return FormatError(file, text + ": save the images as data, np.savez(FILE, data=..., labels=...)");
}

NpzBatch open_npz_batch(const fs::path& file) {
  std::map<std::string, io::NpzArray> arrays = io::open_npz(file, {"data", "labels"});
  if (!arrays.contains("data")) throw no_data(file);
  NpzBatch batch;
  batch.data = std::move(arrays.at("data"));
  describe_images(batch);
  if (arrays.contains("labels")) batch.labels = read_label_values(arrays.at("labels"), batch.size);
  return batch;
}

/// Images of one shape in the files of a split. An image is read when it is asked for.
class NpzSource : public ImageSource {
 public:
  explicit NpzSource(std::vector<NpzBatch> batches) : batches_(std::move(batches)) {
    for (const NpzBatch& batch : batches_) ends_.push_back((ends_.empty() ? 0 : ends_.back()) + batch.size);
  }

  const std::vector<NpzBatch>& batches() const { return batches_; }

  /// Translates the values of the labels into their places among the classes, which are in increasing order. Throws
  /// FormatError for another value.
  void set_classes(const std::vector<std::int64_t>& classes) {
    labels_.reserve(static_cast<std::size_t>(size()));
    for (NpzBatch& batch : batches_) {
      const std::vector<std::int64_t> values = *std::exchange(batch.labels, std::nullopt);
      for (const std::int64_t value : values) {
        const auto place = std::lower_bound(classes.begin(), classes.end(), value);
        if (place == classes.end() || *place != value) {
          throw FormatError(batch.data.path().parent_path(),
                            "expected labels of the training images, has the label " + std::to_string(value));
        }
        labels_.push_back(static_cast<std::int32_t>(place - classes.begin()));
      }
    }
  }

  std::int64_t size() const override { return ends_.back(); }
  int channels() const override { return batches_[0].shape.channels; }
  std::optional<io::ImageShape> common_shape() const override { return batches_[0].shape; }
  std::int64_t label(std::int64_t index) const override { return labels_.empty() ? -1 : labels_[index]; }

  io::Image image(std::int64_t index) const override {
    const auto& [batch, place] = find(index);
    const auto [height, width, channels] = batch.shape;
    const std::size_t plane = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
    const std::size_t bytes = plane * static_cast<std::size_t>(channels);
    io::Image image{batch.shape, std::vector<std::uint8_t>(bytes)};
    const std::span<char> pixels(reinterpret_cast<char*>(image.pixels.data()), bytes);
    batch.data.read_at(static_cast<std::uint64_t>(place) * bytes, pixels);
    if (!batch.planes) return image;
    const std::vector<std::uint8_t> planes = image.pixels;
    for (std::size_t pixel = 0; pixel < plane; ++pixel) {
      for (std::size_t channel = 0; channel < 3; ++channel) {
        image.pixels[3 * pixel + channel] = planes[channel * plane + pixel];
      }
    }
    return image;
  }

  std::string name(std::int64_t index) const override {
    const auto& [batch, place] = find(index);
    return "image " + std::to_string(place) + " of " + batch.data.path().string();
  }

 private:
  /// The file of an image, and its index there.
  std::pair<const NpzBatch&, std::int64_t> find(std::int64_t index) const {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), index);
    const NpzBatch& batch = batches_[static_cast<std::size_t>(end - ends_.begin())];
    return {batch, index - (*end - batch.size)};
  }

  std::vector<NpzBatch> batches_;
  /// For each batch, the number of images up to its end.
  std::vector<std::int64_t> ends_;
  std::vector<std::int32_t> labels_;
};

/// The files of the splits train, valid and test.
using NpzFiles = std::map<std::string, std::vector<fs::path>>;

std::vector<fs::path> npz_files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const std::string& name : list_folder(folder)) {
    if (to_lower(name).ends_with(".npz")) files.push_back(folder / name);
  }
  return files;
}

/// The files in folders that are splits.
NpzFiles files_in_split_folders(const fs::path& folder, const OpenOptions& options) {
  const SplitFolders folders = find_split_folders(folders_in(folder));
  if (!folders.empty()) check_split_folders(folder, folders, options.names.no_splits);
  NpzFiles files;
  for (const auto& [name, split] : folders) {
    files[split] = npz_files_in(folder / name);
    if (files[split].empty()) throw FormatError(folder / name, "expected .npz files, has none");
  }
  return files;
}

NpzFiles find_npz_files(const fs::path& path, const OpenOptions& options) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return {{"train", {path}}};
  std::vector<fs::path> files = npz_files_in(path);
  if (!options.find_splits) {
    for (const std::string& folder : folders_in(path)) {
      for (fs::path& file : npz_files_in(path / folder)) files.push_back(std::move(file));
    }
    if (files.empty()) throw FormatError(path, "expected .npz files, has none");
    return {{"train", files}};
  }
  NpzFiles splits = files_in_split_folders(path, options);
  if (!splits.empty() && !files.empty())
    throw FormatError(files[0], "expected files only in the folders of the splits, is beside them (" +
                                    options.names.no_splits + " takes all as one set)");
  for (const fs::path& file : files) splits[split_of_file(file.stem().string())].push_back(file);
  if (splits.size() == 1 && splits.contains("")) return {{"train", files}};
  if (splits.contains("")) {
    throw FormatError(splits[""][0], "expected one of the words train, val and test in its name, as other files have");
  }
  if (!splits.contains("train")) throw FormatError(path, "expected .npz files of training images, has none");
  return splits;
}

std::shared_ptr<NpzSource> open_npz_split(const std::vector<fs::path>& files) {
  std::vector<NpzBatch> batches;
  for (const fs::path& file : files) {
    const NpzBatch& batch = batches.emplace_back(open_npz_batch(file));
    const NpzBatch& first = batches.front();
    if (batch.shape == first.shape && batch.labels.has_value() == first.labels.has_value()) continue;
    throw FormatError(file, "expected images of the same shape as in " + files[0].string() + ", and with" +
                                (first.labels ? "" : "out") + " labels");
  }
  return std::make_shared<NpzSource>(std::move(batches));
}

/// The distinct labels, in increasing order.
std::vector<std::int64_t> distinct_labels(const NpzSource& source) {
  std::vector<std::int64_t> values;
  for (const NpzBatch& batch : source.batches()) {
    values.insert(values.end(), batch.labels->begin(), batch.labels->end());
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }
  return values;
}

DataSet open_npz_set(const fs::path& path, const OpenOptions& options) {
  std::map<std::string, std::shared_ptr<NpzSource>> splits;
  for (const auto& [split, files] : find_npz_files(path, options)) splits[split] = open_npz_split(files);
  const NpzBatch& first = splits.at("train")->batches()[0];
  DataSet set;
  if (first.labels) {
    const std::vector<std::int64_t> classes = distinct_labels(*splits.at("train"));
    for (const std::int64_t value : classes) set.class_names.push_back(std::to_string(value));
    for (const auto& [name, source] : splits) {
      const NpzBatch& batch = source->batches()[0];
      if (!batch.labels) throw FormatError(batch.data.path().parent_path(), "expected an array labels, as in training");
      source->set_classes(classes);
    }
  }
  for (const auto& [name, source] : splits) {
    (name == "train" ? set.train : name == "test" ? set.test : set.valid) = source;
  }
  return set;
}

}  // namespace

SourceKind npz_kind() {
  return {.name = "npz",
          .usage = "npz:PATH",
          .description = "uint8 arrays data, [N,3*S*S] planes or [N,H,W,C], and labels",
          .has_split_folders = true,
          .open = open_npz_set};
}

}  // namespace glow::images
