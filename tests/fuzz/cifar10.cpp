// The input is batches.meta.txt, a NUL and test_batch.bin.

#include <glow/images/source.h>

#include "fuzz/support.h"

namespace glow::images {
SourceKind cifar10_kind();
}

namespace glow::fuzzing {
namespace {

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

/// The directory, with training batches that are always valid.
std::filesystem::path make_directory() {
  for (int batch = 1; batch <= 5; ++batch) {
    testing::put(file_path("data_batch_" + std::to_string(batch) + ".bin"), std::string(kRecord, '\0'));
  }
  return file_path("");
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

/// Pads the batch to whole records.
void repair(std::string& input) {
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
  static const std::filesystem::path directory = make_directory();
  const Files files = split({reinterpret_cast<const char*>(data), size});
  glow::testing::put(directory / "batches.meta.txt", files.class_names);
  glow::testing::put(directory / "test_batch.bin", files.batch);
  read_or_refuse([&] { check(glow::images::cifar10_kind().open(directory, {}), files.batch); });
  return 0;
}
