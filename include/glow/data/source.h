#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <glow/io/image.h>

namespace glow::data {

/// A list of pictures that can be read in any order, from several threads at once. It holds them in memory or
/// reads them when asked; it neither scales nor crops. Indices run from 0 to size() - 1.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  /// Number of images.
  virtual std::int64_t size() const = 0;
  /// Channels of every image of the source: 1 (grey) or 3 (RGB) but for arrays, which may have any number.
  virtual int channels() const = 0;
  /// The shape that every image has by the nature of the source (an array, not a folder of files).
  virtual std::optional<io::ImageShape> common_shape() const { return std::nullopt; }
  /// Whether the pictures lie on black and may be framed with it where a larger image is asked for (Fashion-MNIST).
  virtual bool is_on_black() const { return false; }
  /// Height, width and channels of image `index`, without decoding it.
  /// Throws IoError, FormatError naming the file.
  virtual io::ImageShape shape(std::int64_t index) const = 0;
  /// Image `index`, of the shape above. Throws IoError, FormatError naming the file.
  virtual io::Image image(std::int64_t index) const = 0;
  /// The class of image `index`, -1 when the source has no classes.
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// What messages call image `index`: its file, or its place in a file.
  virtual std::string name(std::int64_t index) const = 0;
  /// What is known of image `index` without reading it, for `fingerprint`: the same wherever the source lies.
  virtual std::string key(std::int64_t) const { return ""; }
  /// The bytes that hold image `index`, for `fingerprint`. Throws as `image`.
  virtual std::string content(std::int64_t index) const {
    const auto picture = image(index);
    const auto& [height, width, channels] = picture.shape;
    return std::to_string(height) + "x" + std::to_string(width) + "x" + std::to_string(channels) + ":" +
           std::string(picture.pixels.begin(), picture.pixels.end());
  }
};

/// A data set as it stands on disk. `valid` and `test` are null when it has no such split.
struct DataSet {
  /// The specification it was opened with.
  std::string name;
  std::shared_ptr<const ImageSource> train;
  std::shared_ptr<const ImageSource> valid;
  std::shared_ptr<const ImageSource> test;
  /// Names of the classes, in the order of the labels; empty when it has none.
  std::vector<std::string> class_names;
  /// With OpenOptions::skip_corrupt: what is wrong with each image that was left out, one line that names its file.
  std::vector<std::string> skipped;
};

/// How open_data_set goes about it.
struct OpenOptions {
  /// Whether the sub-folders of a folder are its classes; the other data sets know their labels anyway.
  bool with_labels = false;
  /// With labels: the classes of a folder, in the order of the labels; empty: the sub-folders of its training images.
  std::vector<std::string> class_names = {};
  /// Whether to decode every image of a folder once, on LibTorch's threads, and leave out those that reading throws
  /// FormatError for, before anything is counted or chosen: the set is that of a folder without them.
  bool skip_corrupt = false;
  /// Channels that images of a folder are to have: 3 makes grey ones RGB; 0: as the training images have.
  int channels = 0;
  /// Called, while that lasts, with images decoded and images in all.
  std::function<void(std::int64_t, std::int64_t)> progress = nullptr;
  /// ConfigError::field when the specification cannot be opened: the caller's name for it.
  std::string field = {};
};

/// A kind of data set: what a specification begins with, and how it is opened.
struct SourceKind {
  /// "folder"
  std::string name = {};
  /// How a specification is written: "folder:DIR".
  std::string usage = {};
  /// What is read there: "PNG and JPEG files".
  std::string description = {};
  /// Where the data are when a specification names no path; empty: it must name one.
  std::string default_path = {};
  /// Whether each image is a file, so that OpenOptions::skip_corrupt can leave it out.
  bool has_image_files = false;
  /// Opens the data set at a path; DataSet::name stays empty. Throws IoError, FormatError.
  DataSet (*open)(const std::filesystem::path& path, const OpenOptions& options) = nullptr;
};

/// All kinds that open_data_set knows.
const std::vector<SourceKind>& source_kinds();

/// "fashion-mnist[:DIR] (idx files), cifar10:DIR (...), ... or npy:FILE (...)": how the kinds are written, for help
/// texts.
std::string describe_source_kinds();

struct Specification {
  /// Null when there is no such kind.
  const SourceKind* kind = nullptr;
  /// Empty when there is none.
  std::string path = {};
};

/// The parts of a specification, KIND or KIND:PATH.
Specification parse_specification(const std::string& specification);

/// Opens a data set by its specification:
/// - `fashion-mnist[:DIR]`: four idx files, as .gz or not; without DIR where Debian's dataset-fashion-mnist puts them.
/// - `cifar10:DIR`: the binary version, data_batch_1..5.bin, test_batch.bin and batches.meta.txt.
/// - `folder:DIR`: the PNG and JPEG files at any depth below DIR, in bytewise path order. Links are followed, hidden
///   names left out. A folder that several paths lead to is looked at once, by one through the fewest links: links
///   that lead round in circles end, and give no image twice in one split. Where DIR/train, DIR/valid, DIR/val or
///   DIR/test is a folder, these are the splits: train must be among them, and an image beside them is an error. All
///   images are grey when all for training are, else RGB; alpha is composited onto white.
/// - `npy:FILE`: a uint8 array [N, H, W, C] or [N, H, W], memory-mapped.
///
/// Throws ConfigError of `options.field` for a specification that it does not know, and of skip_corrupt where that is
/// asked of another kind than a folder; IoError and FormatError as the files deserve.
DataSet open_data_set(const std::string& specification, const OpenOptions& options = {});

/// Pictures without more ado: one .npy file as above, all PNG and JPEG files at any depth below one folder (train,
/// valid and test are nothing special), or the PNG and JPEG files named, in their order. Files have `channels`
/// channels, 1 or 3: grey is repeated, alpha composited onto white, and colour where there is to be 1 a FormatError
/// when it is read. Images in or below a folder of the one folder that is named as one of `class_names` have that
/// class, the outermost counting. `skipped`, if not null: images of one folder that cannot be decoded are left out, as
/// with OpenOptions::skip_corrupt, and it gets what is wrong with them. Throws IoError and FormatError as the files
/// deserve.
std::shared_ptr<const ImageSource> open_pictures(const std::vector<std::filesystem::path>& paths, int channels,
                                                 const std::vector<std::string>& class_names = {},
                                                 std::vector<std::string>* skipped = nullptr);

/// Tells a source from others: 64 hexadecimal digits, a SHA-256 of the number of images, of every file's path below its
/// folder and its size, and of the images' contents; where these are more than 256 MiB, of images that are spread
/// evenly. Where the source lies does not matter, nor what its images are scaled to. Throws as ImageSource::image.
std::string fingerprint(const ImageSource& source);
/// The same of a data set's training images and, where it has them, its validation images: of all that training and
/// held-out images are taken from.
std::string fingerprint(const DataSet& set);

/// The class of every image of the source, -1 where there is none.
std::vector<std::int64_t> all_labels(const ImageSource& source);

}  // namespace glow::data
