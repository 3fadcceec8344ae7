#include "io/npz.h"

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

void check(const std::map<std::string, io::NpzArray>& arrays, std::size_t file_size) noexcept {
  constexpr std::uint64_t kMostDeflated = 1032;  // bytes from one
  for (const auto& [name, array] : arrays) {
    std::string data(element_count(array.shape()) * array.element_size(), '\0');
    require(data.size() <= kMostDeflated * file_size, "an array is not larger than the file can hold");
    array.read_at(0, data);
    if (data.empty()) continue;
    char last = 0;
    array.read_at(data.size() - 1, {&last, 1});
    require(last == data.back(), "a part of an array is read as the whole");
  }
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path path = glow::fuzzing::input_file(data, size);
  glow::fuzzing::read_or_refuse([&] { glow::fuzzing::check(glow::io::open_npz(path, {"data", "labels"}), size); });
  return 0;
}
