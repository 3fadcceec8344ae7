#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <glow/error.h>
#include <glow/images/source.h>

#include "images/list_folder.h"
#include "io/tfrecord.h"

namespace glow::images {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRecordsEnd = ".tfrecords";

/// The number at the end of a text, which becomes shorter by it; nothing if there is none of at most 9 digits.
std::optional<int> take_last_number(std::string_view& text) {
  constexpr std::size_t kMostDigits = 9;
  const std::size_t begin = text.find_last_not_of("0123456789") + 1;  // 0 when there are only digits
  const std::string_view digits = text.substr(begin);
  int number = 0;
  if (digits.empty() || digits.size() > kMostDigits) return std::nullopt;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  text = text.substr(0, begin);
  return number;
}

bool take_end(std::string_view& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.remove_suffix(end.size());
  return true;
}

bool is_records_name(std::string_view name) { return to_lower(name).ends_with(kRecordsEnd); }

/// What the name of a file says: NAME-rRESOLUTION-s-NUMBER-of-COUNT.tfrecords, where images have 2^RESOLUTION rows.
struct ShardName {
  int resolution = 0;
  int number = 0;
  int count = 0;
};

std::optional<ShardName> parse_shard_name(std::string_view name) {
  constexpr int kHighestResolution = 16;
  if (!is_records_name(name)) return std::nullopt;
  name.remove_suffix(kRecordsEnd.size());
  const auto count = take_last_number(name);
  if (!count || !take_end(name, "-of-")) return std::nullopt;
  const auto number = take_last_number(name);
  if (!number || !take_end(name, "-s-")) return std::nullopt;
  const auto resolution = take_last_number(name);
  if (!resolution || *resolution > kHighestResolution || !take_end(name, "-r")) return std::nullopt;
  return ShardName{*resolution, *number, *count};
}

/// The files of each resolution (rows of an image), in bytewise order.
using ShardFiles = std::map<int, std::vector<fs::path>>;

/// Throws FormatError unless the files are numbers 0 to count - 1, once each.
void check_shards(const fs::path& folder, const std::vector<fs::path>& files) {
  std::vector<int> numbers;
  int count = 0;
  for (const fs::path& file : files) {
    const ShardName name = *parse_shard_name(file.filename().string());
    if (numbers.empty()) count = name.count;
    if (name.count != count) {
      throw FormatError(file, "expected a name that ends in -of-" + std::to_string(count) +
                                  ".tfrecords (up to zeros) as in " + files[0].filename().string());
    }
    numbers.push_back(name.number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (int number = 0; number < count; ++number) {
    if (number < std::ssize(numbers) && numbers[static_cast<std::size_t>(number)] == number) continue;
    throw FormatError(folder, "expected " + std::to_string(count) + " files as " + files[0].filename().string() +
                                  " says, number " + std::to_string(number) + " is missing or another is there twice");
  }
  if (std::ssize(numbers) != count) {
    throw FormatError(folder, "expected " + std::to_string(count) + " files as " + files[0].filename().string() +
                                  " says, has " + std::to_string(numbers.size()));
  }
}

ShardFiles find_shards(const fs::path& folder) {
  ShardFiles shards;
  for (const std::string& file : list_folder(folder)) {
    if (!is_records_name(file)) continue;
    const auto name = parse_shard_name(file);
    if (!name) throw FormatError(folder / file, "expected a name NAME-rNN-s-NUMBER-of-COUNT.tfrecords");
    shards[1 << name->resolution].push_back(folder / file);
  }
  if (shards.empty()) throw FormatError(folder, "expected files NAME-rNN-s-NUMBER-of-COUNT.tfrecords, has none");
  for (const auto& [resolution, files] : shards) check_shards(folder, files);
  return shards;
}

/// The resolution that the options ask for, or the only one.
int choose_resolution(const fs::path& folder, const ShardFiles& shards, const OpenOptions& options) {
  if (shards.size() == 1 || options.image_size == 0) return shards.rbegin()->first;
  if (shards.contains(options.image_size)) return options.image_size;
  std::string existing;
  for (const auto& [resolution, files] : shards) {
    existing += (existing.empty() ? "" : ", ") + std::to_string(resolution);
  }
  throw ConfigError(options.field, folder.string() + " has images of " + existing + " rows, expected " +
                                       std::to_string(options.image_size) + ", the size of the images");
}

/// The images of a split. Some 32 bytes for each are in memory.
class RecordSource : public ImageSource {
 public:
  explicit RecordSource(const std::vector<fs::path>& paths) {
    for (const fs::path& path : paths) {
      files_.push_back(std::make_unique<const io::ImageRecords>(path));
      size_ += std::ssize(files_.back()->records());
      ends_.push_back(size_);
    }
    if (size_ == 0) throw FormatError(paths[0], "expected images, has none");
    common_shape_ = at(0).shape;
    channels_ = common_shape_->channels;
    for (std::int64_t index = 0; index < size_; ++index) {
      if (at(index).shape.channels != channels_) {
        fail(index, "expected " + std::to_string(channels_) + " channels as in the first image, has " +
                        std::to_string(at(index).shape.channels));
      }
      if (at(index).shape != at(0).shape) common_shape_ = std::nullopt;
    }
  }

  const io::ImageRecord& at(std::int64_t index) const {
    const auto [file, place] = find(index);
    return file->records()[place];
  }
  [[noreturn]] void fail(std::int64_t index, const std::string& problem) const {
    const auto [file, place] = find(index);
    throw FormatError(file->path(), "record " + std::to_string(place) + ": " + problem);
  }
  /// Makes `label` return the records' labels.
  void use_labels() { has_labels_ = true; }

  std::int64_t size() const override { return size_; }
  int channels() const override { return channels_; }
  std::optional<io::ImageShape> common_shape() const override { return common_shape_; }
  std::optional<io::ImageShape> shape(std::int64_t index) const override { return at(index).shape; }
  std::int64_t label(std::int64_t index) const override { return has_labels_ ? at(index).label : -1; }

  io::Image image(std::int64_t index) const override {
    const auto [file, place] = find(index);
    return file->read(place);
  }

  std::string name(std::int64_t index) const override {
    const auto [file, place] = find(index);
    return "record " + std::to_string(place) + " of " + file->path().string();
  }

 private:
  /// The file of an image, and its index there.
  std::pair<const io::ImageRecords*, std::size_t> find(std::int64_t index) const {
    const auto end = std::upper_bound(ends_.begin(), ends_.end(), index);
    const io::ImageRecords& file = *files_[static_cast<std::size_t>(end - ends_.begin())];
    return {&file, file.records().size() - static_cast<std::size_t>(*end - index)};
  }

  std::vector<std::unique_ptr<const io::ImageRecords>> files_;
  /// For each file, the number of images up to its end.
  std::vector<std::int64_t> ends_;
  std::int64_t size_ = 0;
  std::optional<io::ImageShape> common_shape_;
  int channels_ = 0;
  bool has_labels_ = false;
};

/// The number of classes: one more than the largest label, 0 without labels. Throws FormatError when only some images
/// have one.
std::int64_t count_classes(const RecordSource& train) {
  constexpr std::int64_t kMostClasses = 1 << 20;
  const bool has_labels = train.at(0).label >= 0;
  std::int64_t count = 0;
  for (std::int64_t index = 0; index < train.size(); ++index) {
    const std::int64_t label = train.at(index).label;
    if (label >= kMostClasses) train.fail(index, "label " + std::to_string(label) + ", expected less than 2^20");
    if ((label >= 0) != has_labels) {
      train.fail(index, has_labels ? "expected a label, has none" : "expected no label, as in the first record");
    }
    count = std::max(count, label + 1);
  }
  return count;
}

void check_labels(const RecordSource& source, std::int64_t classes) {
  for (std::int64_t index = 0; index < source.size(); ++index) {
    const std::int64_t label = source.at(index).label;
    if (label < 0 || label >= classes) {
      source.fail(index, "label " + std::to_string(label) + ", expected 0.." + std::to_string(classes - 1) +
                             " as the training images have");
    }
  }
}

/// The files of the training images and, if there are some, of the validation images.
struct RecordFiles {
  std::vector<fs::path> train;
  std::vector<fs::path> valid;
};

RecordFiles find_record_files(const fs::path& path, const OpenOptions& options) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return {{path}, {}};
  const bool has_splits = fs::is_directory(path / "train", ignored);
  const fs::path folder = has_splits ? path / "train" : path;
  const ShardFiles train = find_shards(folder);
  const int resolution = choose_resolution(folder, train, options);
  if (!has_splits || !fs::is_directory(path / "validation", ignored)) return {train.at(resolution), {}};
  const ShardFiles valid = find_shards(path / "validation");
  if (!valid.contains(resolution)) {
    throw FormatError(path / "validation", "expected files of images of " + std::to_string(resolution) +
                                               " rows as in the folder train, has none");
  }
  return {train.at(resolution), valid.at(resolution)};
}

DataSet open_records(const fs::path& path, const OpenOptions& options) {
  const RecordFiles files = find_record_files(path, options);
  const auto train = std::make_shared<RecordSource>(files.train);
  const auto valid = files.valid.empty() ? nullptr : std::make_shared<RecordSource>(files.valid);
  if (valid && valid->channels() != train->channels()) {
    valid->fail(0, "expected " + std::to_string(train->channels()) + " channels as the training images have, has " +
                       std::to_string(valid->channels()));
  }
  DataSet set;
  const std::int64_t classes = options.with_labels ? count_classes(*train) : 0;
  for (std::int64_t label = 0; label < classes; ++label) set.class_names.push_back(std::to_string(label));
  if (classes > 0) {
    train->use_labels();
    if (valid) {
      check_labels(*valid, classes);
      valid->use_labels();
    }
  }
  set.train = train;
  set.valid = valid;
  return set;
}

}  // namespace

SourceKind tfrecord_kind() {
  return {.name = "tfrecord",
          .usage = "tfrecord:PATH",
          .description = "TFRecords of the reference code",
          .open = open_records};
}

}  // namespace glow::images
