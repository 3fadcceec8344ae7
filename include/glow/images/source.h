#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <glow/io/image.h>
#include <glow/shard.h>

#pragma GCC visibility push(default)

namespace glow::images {

/// A list of images that can be read in any order, from several threads at once. It holds them in memory or reads them
/// on request; it neither scales nor crops them. Indices run from 0 to size() - 1.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  /// Number of images.
  virtual std::int64_t size() const = 0;
  /// Channels of every image: 1 (grey) or 3 (RGB); arrays may have any number.
  virtual int channels() const = 0;
  /// The shape of every image, if the kind of source guarantees one (an array does, a folder of files does not).
  virtual std::optional<io::ImageShape> common_shape() const { return std::nullopt; }
  /// Whether the images have a black background and may be padded with black to a larger size (Fashion-MNIST).
  virtual bool is_on_black() const { return false; }
  /// Height, width and channels of image `index`, if they are known before it is decoded.
  virtual std::optional<io::ImageShape> shape(std::int64_t) const { return common_shape(); }
  /// Image `index`, of the shape above if it is known. Throws IoError, FormatError naming the file.
  virtual io::Image image(std::int64_t index) const = 0;
  /// The same, or, for images whose decoder can do this, at 1/reduction of its size, rounded up; reduction is 1, 2, 4
  /// or 8. Throws as `image`.
  virtual io::Image reduced_image(std::int64_t index, int /*reduction*/) const { return image(index); }
  /// The class of image `index`, -1 when the source has no classes.
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// The name of image `index` in messages: its file, or its index in a file.
  virtual std::string name(std::int64_t index) const = 0;
  /// Identifies image `index` without reading it, for `fingerprint`. Does not depend on the location of the source.
  virtual std::string key(std::int64_t) const { return ""; }
  /// The bytes that hold image `index`, for `fingerprint`. Throws as `image`.
  virtual std::string content(std::int64_t index) const {
    const auto picture = image(index);
    const auto& [height, width, channels] = picture.shape;
    return std::to_string(height) + "x" + std::to_string(width) + "x" + std::to_string(channels) + ":" +
           std::string(picture.pixels.begin(), picture.pixels.end());
  }
};

/// A data set on disk. `valid` and `test` are null when it has no such split.
struct DataSet {
  /// The specification that it was opened with.
  std::string name;
  /// The training images.
  std::shared_ptr<const ImageSource> train;
  /// The validation images; null if there are none.
  std::shared_ptr<const ImageSource> valid;
  /// The test images; null if there are none.
  std::shared_ptr<const ImageSource> test;
  /// Names of the classes, in the order of the labels; empty when it has none.
  std::vector<std::string> class_names;
  /// One line for each image that OpenOptions::skip_corrupt or size_problem left out, with its file and the reason.
  std::vector<std::string> skipped;
  /// For people, about a folder or an archive: the folders of its splits, and its first classes, or other folders of
  /// training images: "splits test (Test), train (Train); 3 folders: cat, dog, horse". Empty if it has no folders.
  std::string layout;
  /// For people: the files that are no images, counted by their endings, and the folders that were not searched,
  /// because programs put them there: "files: 3 .gif, 1 .txt; folders: 2 @eaDir". Empty if there are none.
  std::string left_out;
};

/// Called with "image headers read" or another description of the work, how much is done, and how much there is.
using OpenProgress = std::function<void(const std::string&, std::int64_t, std::int64_t)>;

/// How a caller of open_data_set, a tool for example, names its options in messages. An empty name: there is none.
struct OptionNames {
  /// Takes all folders for training images (OpenOptions::find_splits).
  std::string no_splits = "find_splits = false";
  /// Leaves out images that cannot be decoded (OpenOptions::skip_corrupt).
  std::string skip_corrupt = "skip_corrupt = true";
  /// Reads images as RGB (OpenOptions::channels).
  std::string rgb = "channels = 3";
  /// Converts RGB to grey (OpenOptions::to_grey).
  std::string to_grey = "to_grey = true";
};

/// Options of open_data_set.
struct OpenOptions {
  /// Whether the sub-folders of a folder, the categories of LSUN and the labels of TFRecords are classes. Other data
  /// sets always have their labels.
  bool with_labels = false;
  /// With labels: the classes of a folder, in the order of the labels; empty: the sub-folders of its training images.
  std::vector<std::string> class_names = {};
  /// Whether to decode every image of a folder once, on the threads of data_workers, and to leave out those that cause
  /// a FormatError. The result is the same as for a folder without these images.
  bool skip_corrupt = false;
  /// Whether images of a folder that are too small are left out: called with the shape of each image, returns the
  /// reason to leave it out, or an empty text. The result is the same as for a folder without these images.
  std::function<std::string(const io::ImageShape&)> size_problem = nullptr;
  /// Whether folders named after splits are splits. Otherwise all images of a folder, an archive or a folder of .npz
  /// files are training images, and a folder `train` may be a class.
  bool find_splits = true;
  /// Channels of the images of files. 3: RGB; grey is repeated. 1: grey; an image is grey if its three planes are
  /// equal, however it is stored, and others are refused, or converted with `to_grey`. 0: 1 if all training images are
  /// grey, else 3.
  int channels = 0;
  /// With channels = 1: convert RGB to grey, (299 R + 587 G + 114 B) / 1000 (ITU-R BT.601).
  bool to_grey = false;
  /// The preferred height of the images of a data set that has them in several resolutions; 0: the largest. A height
  /// that it does not have: ConfigError naming `field`.
  int image_size = 0;
  /// Called on the calling thread while archives are indexed and headers read; may be null.
  OpenProgress progress = nullptr;
  /// Several processes that open the same data set at the same time share the indexing of archives, the reading of
  /// headers and the search for corrupt images: each takes its shard of them, and `all_gather` returns the texts of all
  /// processes in the order of their shards.
  Shard shard = {};
  /// Gathers a text from each process, see `shard`; null with one process.
  std::function<std::vector<std::string>(const std::string&)> all_gather = nullptr;
  /// ConfigError::field of errors about the specification: the caller's name of the option.
  std::string field = {};
  /// The caller's names for options that an error message gives as a way out.
  OptionNames names = {};
};

/// A kind of data set: its name in specifications, and the function that opens it.
struct SourceKind {
  /// "folder"
  std::string name = {};
  /// The form of a specification: "folder:PATH".
  std::string usage = {};
  /// The files that are read: "PNG, JPEG and WebP files".
  std::string description = {};
  /// The path of the data when a specification has none; empty: a path is required.
  std::string default_path = {};
  /// Whether each image is a file, so that OpenOptions::skip_corrupt, size_problem, channels and to_grey apply.
  bool has_image_files = false;
  /// Whether folders can be splits, so that OpenOptions::find_splits applies.
  bool has_split_folders = false;
  /// Opens the data set at a path; DataSet::name stays empty. Throws IoError, FormatError.
  DataSet (*open)(const std::filesystem::path& path, const OpenOptions& options) = nullptr;
};

/// All kinds that open_data_set supports.
const std::vector<SourceKind>& source_kinds();

/// The forms of all specifications, for help texts: "fashion-mnist[:DIR] (idx files), cifar10:PATH (...), ... or
/// tfrecord:PATH (...)".
std::string describe_source_kinds();

/// The parts of a specification of a data set.
struct Specification {
  /// Null for an unknown kind.
  const SourceKind* kind = nullptr;
  /// Empty when the specification has no path.
  std::string path = {};
};

/// The parts of a specification, KIND or KIND:PATH; before a path KIND may be in any case.
Specification parse_specification(const std::string& specification);

/// The specification that probably reads what is at a path: "npz:faces.npz", "lmdb:lsun", "folder:photos". The first
/// bytes of a file decide, and the names of the files in a folder and, if it is the parent of a data set, in those
/// below it. Empty when nothing is there, or nothing that is read. Does not throw.
std::string likely_specification(const std::filesystem::path& path);

/// Opens a data set by its specification:
/// - `fashion-mnist[:DIR]`: four idx files, gzipped or not, in DIR, DIR/raw or DIR/FashionMNIST/raw (torchvision's
///   folder); the default DIR is that of Debian's dataset-fashion-mnist.
/// - `cifar10:PATH` and `cifar100:PATH`: the binary or the Python version as published, which give the same images in
///   the same order. PATH is the archive, compressed by gzip or not; or the folder of its files; or one that contains
///   the archive, or this folder under the name that it has in the archive (cifar-10-batches-bin, cifar-10-batches-py,
///   cifar-100-binary or cifar-100-python). CIFAR-10's files are data_batch_1..5, test_batch and batches.meta, with
///   .bin and .txt in the binary version; CIFAR-100's are train.bin, test.bin and fine_label_names.txt, or train, test
///   and meta. Without the file of class names (batches.meta, fine_label_names.txt, meta) the classes have the
///   published names. Files of both versions in one place are refused. The classes of CIFAR-100 are the fine labels.
///   Pickles are read without Python; they may also be those of Python 3 (protocols 3 to 5).
/// - `folder:PATH`: the PNG, JPEG and WebP files at any depth below the folder PATH, in bytewise path order. Links are
///   followed. Hidden names and what programs put among pictures (folders whose names begin with @, __MACOSX, recycle
///   bins, runs of glow-train) are left out. A folder with several paths is visited once, by a path with the fewest
///   links, so that cycles of links end and no split contains an image twice.
///
///   Folders directly in PATH are splits if their names are train (or training), val (valid, validation) and test
///   (testing), in any case. Folders with similar names (train2017, testA) are other splits beside these, or splits if
///   their names say two different ones. Then there must be training images, one folder for each split, and no image
///   beside them; otherwise, and if such folders are deeper (PATH/data/train and PATH/data/test), the data set is
///   refused, unless OpenOptions::find_splits is false. All images are grey if all training images are, otherwise RGB;
///   alpha is composited onto white.
///
///   A .zip or an uncompressed .tar below PATH counts as its members, unpacked where it lies; one in PATH itself whose
///   name has a word of a split (train.zip, imagenet-train-0001.tar) counts as the folder of this split. PATH may also
///   be an archive, or a folder that holds nothing but one; then folders that contain all other folders are left out of
///   the names. Members are read where they lie. Members of the same name in different archives are different images,
///   in the order of the archives; otherwise two images of one name are an error. If an archive has members KEY.cls
///   with numbers (WebDataset), these are the classes of the images KEY.jpg, and not the folders. A program needs one
///   open file for each archive. An encoded image may have 256 MiB.
/// - `lmdb:PATH`: LMDB environments, whose values are encoded images (io::decode_image), in the order of their keys.
///   PATH is data.mdb or its folder, an environment of training images; or it has folders CATEGORY_train_lmdb and
///   perhaps CATEGORY_val_lmdb and test_lmdb, which are the splits, in bytewise order. With labels, the categories are
///   the classes, and images of test_lmdb have none. All images are RGB: grey is repeated, alpha is composited onto
///   white. The files are memory-mapped, and nobody may write to them.
/// - `npy:PATH`: a file with a uint8 array [N, H, W, C] or [N, H, W], memory-mapped; or a folder or an archive of .npy
///   files, one image each: uint8 [H, W], [H, W, C], [C, H, W] or [1, C, H, W] with C = 1 or 3. Order, splits, classes
///   and archives are those of `folder:`.
/// - `npz:PATH`: arrays `data`, uint8, [N, 3 * S * S] (a red, a green and a blue plane of S rows) or [N, H, W, C], and,
///   where there are classes, `labels`, integers [N]; others are ignored. The classes are the distinct labels of the
///   training images in increasing order. PATH is a file of training images, or a folder of .npz files in bytewise
///   order, whose split is their folder, or a word of their names, as in `folder:`; if no name has one, all are
///   training images. Arrays of numpy.savez are read at random positions, those of numpy.savez_compressed are held in
///   memory, up to 4 GiB each.
/// - `tfrecord:PATH`: TFRecords as the reference code of Glow reads them: tf.Examples with the features `shape`
///   (height, width, channels), `data` (uint8) and perhaps `label`. PATH has folders train and perhaps validation, or
///   files, of the names NAME-rNN-s-NUMBER-of-COUNT.tfrecords, in bytewise order; or it is one file of training images.
///   If there are several NN (images of 2^NN rows), OpenOptions::image_size chooses. With labels, the classes are 0 to
///   the largest label of the training images.
///
/// Throws ConfigError naming `options.field` for an unknown specification or a resolution that does not exist, and
/// naming skip_corrupt when it is set for a kind other than a folder; IoError and FormatError when the data cannot be
/// read. If several images of a folder cannot be read, the message has a line for each, the first twenty of them. If
/// another data set is at PATH, or PATH is the parent of one, the error names the specification that may read it.
DataSet open_data_set(const std::string& specification, const OpenOptions& options = {});

/// Opens images that are not a data set, as DataSet::train: one .npy file as above; or files, folders and archives, in
/// their order. Of a folder or an archive they are all PNG, JPEG and WebP files at any depth, as for `folder:` (train,
/// valid and test are ordinary folders). `options.channels` (0 is 3), to_grey, skip_corrupt and size_problem are as for
/// a folder, but do not apply to an .npy file. An image has a class if a folder on its path has the name of one of
/// `options.class_names`: the outermost such folder below the given folder decides; if there is none, the innermost one
/// of the given path itself. Throws IoError and FormatError when the images cannot be read.
DataSet open_pictures(const std::vector<std::filesystem::path>& paths, const OpenOptions& options = {});

/// Identifies a source: 64 hexadecimal digits, a SHA-256 of the number of images, the relative path and the size of
/// every file, and the contents of the images. If the contents exceed 256 MiB, only those of evenly spaced images are
/// included. It does not depend on the location of the source or the size that its images are scaled to. Throws as
/// ImageSource::image.
std::string fingerprint(const ImageSource& source);
/// The same for the training images of a data set and, if it has them, its validation images: all images from which
/// training and held-out images are chosen.
std::string fingerprint(const DataSet& set);

/// The class of every image of the source, -1 for an image without a class.
std::vector<std::int64_t> all_labels(const ImageSource& source);

}  // namespace glow::images

#pragma GCC visibility pop
