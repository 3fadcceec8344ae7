#include "latent/direction_names.h"

#include <algorithm>

#include "io/errors.h"
#include "io/utf8.h"

namespace glow::latent {
namespace {

constexpr std::size_t kLongestName = 256;

bool is_control(unsigned char character) { return character < 0x20 || character == 0x7f; }

}  // namespace

std::string problem_of(const std::vector<std::string>& names) {
  if (names.empty()) return "expected at least one name, got none";
  for (const auto& name : names) {
    if (name.empty() || name.size() > kLongestName || !io::is_utf8(name) ||
        std::any_of(name.begin(), name.end(), is_control)) {
      return "expected a name in UTF-8, 1 to " + std::to_string(kLongestName) +
             " bytes without control characters, got " + io::in_quotes(name);
    }
  }
  auto sorted = names;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  return twice == sorted.end() ? "" : "the name " + io::in_quotes(*twice) + " stands twice";
}

}  // namespace glow::latent
