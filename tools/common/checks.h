#pragma once

#include <cstdint>
#include <string>

#include <glow/checks.h>

namespace glow::tools {

/// More images than any disk can hold; sums of values up to this do not overflow.
inline constexpr std::int64_t kMostImages = std::int64_t{1} << 40;

/// Throws ConfigError of `field` for an empty value. `what` is what was expected, "a model file" for example.
void require_given(const char* field, const std::string& value, const char* what);

}  // namespace glow::tools
