#include <glow/nn/options.h>

#include "fuzz/support.h"

namespace glow::fuzzing {
namespace {

void check(const nn::GlowOptions& options) noexcept {
  options.validate();
  require(nn::glow_options_from_json(nn::to_json(options)) == options,
          "options are the same after writing and reading");
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glow::fuzzing;
  read_or_refuse([&] { check(glow::nn::glow_options_from_json({reinterpret_cast<const char*>(data), size})); });
  return 0;
}
