#include "tools/serve/form.h"

#include <algorithm>
#include <string_view>

#include "fuzz/support.h"

// The first line of an input is the Content-Type, the rest is the body.

namespace glow::fuzzing {
namespace {

void check(std::string_view input) {
  const auto line = input.substr(0, input.find('\n'));
  const auto body = input.substr(std::min(input.size(), line.size() + 1));
  const auto form = tools::parse_form(line, body);
  std::size_t bytes = 0;
  for (const auto& file : form.files) bytes += file.name.size() + file.bytes.size();
  for (const auto& [name, text] : form.fields) bytes += name.size() + text.size();
  require(bytes <= body.size(), "the parts of a form are parts of its body");
}

}  // namespace
}  // namespace glow::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glow::fuzzing::read_or_refuse([&] { glow::fuzzing::check({reinterpret_cast<const char*>(data), size}); });
  return 0;
}
