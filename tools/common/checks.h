#pragma once

#include <cstdint>
#include <string>

namespace glow::tools {

/// As many images as no disk holds; sums of such numbers do not overflow.
inline constexpr std::int64_t kMostImages = std::int64_t{1} << 40;

/// Throw ConfigError that names the field.
void require_range(const char* field, std::int64_t value, std::int64_t lowest, std::int64_t highest);
/// `what`: "a model file", say.
void require_given(const char* field, const std::string& value, const char* what);

}  // namespace glow::tools
