#include "tools/common/checks.h"

#include <glow/error.h>

namespace glow::tools {

void require_given(const char* field, const std::string& value, const char* what) {
  if (value.empty()) throw ConfigError(field, std::string("expected ") + what + ", none is given");
}

}  // namespace glow::tools
