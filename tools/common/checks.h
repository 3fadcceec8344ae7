#pragma once

#include <cstdint>
#include <string>

#include <glow/checks.h>

namespace glow::tools {

/// As many images as no disk holds; sums of such numbers do not overflow.
inline constexpr std::int64_t kMostImages = std::int64_t{1} << 40;

/// Throws ConfigError of `field` for an empty value. `what`: "a model file", say.
void require_given(const char* field, const std::string& value, const char* what);

}  // namespace glow::tools
