#include "io/pickle.h"

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

void check(const io::PickleArray& array, std::string_view input) noexcept {
  require(array.bytes.size() == element_count(array.shape), "an array has the bytes of its shape");
  require(array.bytes.empty() || (array.bytes.data() >= input.data() &&
                                  array.bytes.data() + array.bytes.size() <= input.data() + input.size()),
          "an array is a part of the pickle");
}

void read(std::string_view input) {
  const io::PickleDict dict = io::read_pickle_dict(input, "input");
  for (const char* key : {"data", "labels", "label_names"}) {
    read_or_refuse([&] { check(dict.array(key), input); });
    read_or_refuse([&] { dict.integers(key); });
    read_or_refuse([&] { dict.strings(key); });
  }
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glow::fuzzing;
  // A copy of the exact size, so that the sanitizer sees reads beyond its end.
  const std::string input(reinterpret_cast<const char*>(data), size);
  read_or_refuse([&] { read(input); });
  return 0;
}
