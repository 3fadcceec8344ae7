#include "io/tfrecord.h"

#include "fuzz/support.h"
#include "support/tfrecord.h"

namespace glow::fuzzing {
namespace {

void check(const io::ImageRecords& file) {
  for (std::size_t i = 0; i < file.records().size(); ++i) {
    const io::Image image = file.read(i);
    const auto& [height, width, channels] = image.shape;
    require(image.shape == file.records()[i].shape, "the image has the shape of the index");
    require(image.pixels.size() == element_count({height, width, channels}), "an image has the bytes of its shape");
  }
}

/// Repairs the checksums of the records, and a last length beyond the file.
void repair(std::string& file) {
  constexpr std::size_t kBefore = 12;
  constexpr std::size_t kAround = 16;
  for (std::size_t start = 0; start + kAround <= file.size();) {
    std::size_t length = 0;
    for (std::size_t i = 8; i > 0; --i) length = length << 8 | static_cast<std::uint8_t>(file[start + i - 1]);
    length = std::min(length, file.size() - start - kAround);
    const std::string record = testing::tfrecord(file.substr(start + kBefore, length));
    file.replace(start, record.size(), record);
    start += record.size();
  }
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed, glow::fuzzing::repair);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = glow::fuzzing::input_file(data, size);
  glow::fuzzing::read_or_refuse([&] { glow::fuzzing::check(glow::io::ImageRecords(path)); });
  return 0;
}
