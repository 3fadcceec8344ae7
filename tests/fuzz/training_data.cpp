#include <glow/nn/training_data.h>

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

void check(const nn::TrainingData& data) noexcept {
  require(nn::training_data_from_json(nn::to_json(data)) == data, "a record is the same after writing and reading");
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glow::fuzzing;
  read_or_refuse([&] { check(glow::nn::training_data_from_json({reinterpret_cast<const char*>(data), size})); });
  return 0;
}
