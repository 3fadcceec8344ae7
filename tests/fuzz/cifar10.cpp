// The input is batches.meta.txt, a NUL and test_batch.bin; or, if it starts like a pickle, test_batch of the Python
// version.

#include <glow/images/source.h>

#include "fuzz/support.h"
#include "support/pickles.h"

namespace glow::images {
SourceKind cifar10_kind();
}

namespace glow::fuzzing {
namespace {

namespace pickles = testing::pickles;

constexpr std::size_t kPlane = 32 * 32;
constexpr std::size_t kRecord = 1 + 3 * kPlane;

struct Files {
  std::string class_names;
  std::string batch;
};

Files split(std::string_view input) {
  const std::size_t end = std::min(input.find('\0'), input.size());
  return {std::string(input.substr(0, end)), std::string(input.substr(std::min(end + 1, input.size())))};
}

/// The directory of a version, with other files that are always valid.
std::filesystem::path make_directory(bool is_python) {
  const std::filesystem::path directory = file_path(is_python ? "python" : "binary");
  std::filesystem::create_directory(directory);
  for (int batch = 1; batch <= 5; ++batch) {
    const std::string name = "data_batch_" + std::to_string(batch);
    if (is_python) {
      testing::put(directory / name,
                   pickles::dict({{"data", pickles::array(1, 3 * kPlane, std::string(3 * kPlane, 'x'))},
                                  {"labels", pickles::integers({0})}}));
    } else {
      testing::put(directory / (name + ".bin"), std::string(kRecord, '\0'));
    }
  }
  if (is_python)
    testing::put(directory / "batches.meta", pickles::dict({{"label_names", pickles::strings({"a", "b"})}}));
  return directory;
}

void check_record(std::string_view record, const images::ImageSource& source, std::int64_t index,
                  std::int64_t classes) {
  require(source.label(index) == static_cast<std::uint8_t>(record[0]), "a label is the first byte of its record");
  require(source.label(index) < classes, "a label is the index of a class");
  const io::Image image = source.image(index);
  require(image.pixels.size() == 3 * kPlane, "a picture has the pixels of its shape");
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    require(image.pixels[i] == static_cast<std::uint8_t>(record[1 + i % 3 * kPlane + i / 3]),
            "a pixel is that of its plane");
  }
}

void check(const images::DataSet& set, std::string_view batch) noexcept {
  require(set.test->size() == static_cast<std::int64_t>(batch.size() / kRecord), "every record is a picture");
  for (std::int64_t i = 0; i < set.test->size(); ++i) {
    check_record(batch.substr(static_cast<std::size_t>(i) * kRecord, kRecord), *set.test, i,
                 static_cast<std::int64_t>(set.class_names.size()));
  }
}

/// The pictures of the Python version are those of the array's bytes, wherever these are in the pickle.
void check_python(const images::DataSet& set, std::string_view pickle) noexcept {
  require(set.test->size() * 3 * std::int64_t{kPlane} < static_cast<std::int64_t>(pickle.size()),
          "the pictures are in the pickle");
  for (std::int64_t i = 0; i < set.test->size(); ++i) {
    require(set.test->label(i) >= 0 && set.test->label(i) < 2, "a label is the index of a class");
    require(set.test->image(i).pixels.size() == 3 * kPlane, "a picture has the pixels of its shape");
  }
}

bool is_pickle(std::string_view input) { return input.starts_with('\x80'); }

/// Pads a batch of the binary version to whole records.
void repair(std::string& input) {
  if (is_pickle(input)) return;
  const std::size_t start = std::min(input.find('\0'), input.size()) + 1;
  const std::size_t records = input.size() > start ? (input.size() - start + kRecord - 1) / kRecord : 1;
  input.resize(start + records * kRecord, '\0');
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glow::fuzzing;
  static const std::filesystem::path binary = make_directory(false), python = make_directory(true);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (is_pickle(input)) {
    glow::testing::put(python / "test_batch", input);
    read_or_refuse([&] { check_python(glow::images::cifar10_kind().open(python, {}), input); });
    return 0;
  }
  const Files files = split(input);
  glow::testing::put(binary / "batches.meta.txt", files.class_names);
  glow::testing::put(binary / "test_batch.bin", files.batch);
  read_or_refuse([&] { check(glow::images::cifar10_kind().open(binary, {}), files.batch); });
  return 0;
}
