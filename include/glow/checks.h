#pragma once

#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)

namespace glow {

/// @file
/// Functions that check the value of an option. They throw ConfigError naming `field`; NaN and infinity are never in
/// range.

/// lowest <= value <= highest: "expected 1 to 8, got 9".
void require_range(std::string_view field, std::int64_t value, std::int64_t lowest, std::int64_t highest);
/// The same for real numbers.
void require_range(std::string_view field, double value, double lowest, double highest);

/// lowest <= value: "expected at least 0, got -1".
void require_at_least(std::string_view field, std::int64_t value, std::int64_t lowest);
/// The same for real numbers.
void require_at_least(std::string_view field, double value, double lowest);

/// lowest <= value < end: "expected at least 0 and below 1, got 1".
void require_below(std::string_view field, double value, double lowest, double end);

}  // namespace glow

#pragma GCC visibility pop
