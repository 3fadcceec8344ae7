#include "tools/common/checks.h"

#include <glow/error.h>

namespace glow::tools {

void require_range(const char* field, std::int64_t value, std::int64_t lowest, std::int64_t highest) {
  if (value >= lowest && value <= highest) return;
  throw ConfigError(field, "expected " + std::to_string(lowest) + " to " + std::to_string(highest) + ", got " +
                               std::to_string(value));
}

void require_given(const char* field, const std::string& value, const char* what) {
  if (value.empty()) throw ConfigError(field, std::string("expected ") + what + ", none is given");
}

}  // namespace glow::tools
