#include <glow/checks.h>

#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include <glow/error.h>

namespace glow {
namespace {

/// The shortest decimal number that is parsed as this value.
template <class Number>
std::string number_text(Number number) {
  std::array<char, 64> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

template <class Number>
void check_range(std::string_view field, Number value, Number lowest, Number highest) {
  if (value >= lowest && value <= highest) return;
  throw ConfigError(field,
                    "expected " + number_text(lowest) + " to " + number_text(highest) + ", got " + number_text(value));
}

template <class Number>
ConfigError too_small(std::string_view field, Number value, Number lowest) {
  return {field, "expected at least " + number_text(lowest) + ", got " + number_text(value)};
}

}  // namespace

void require_range(std::string_view field, std::int64_t value, std::int64_t lowest, std::int64_t highest) {
  check_range(field, value, lowest, highest);
}

void require_range(std::string_view field, double value, double lowest, double highest) {
  check_range(field, value, lowest, highest);
}

void require_at_least(std::string_view field, std::int64_t value, std::int64_t lowest) {
  if (value < lowest) throw too_small(field, value, lowest);
}

void require_at_least(std::string_view field, double value, double lowest) {
  if (!(value >= lowest && std::isfinite(value))) throw too_small(field, value, lowest);
}

void require_below(std::string_view field, double value, double lowest, double end) {
  if (value >= lowest && value < end) return;
  throw ConfigError(field, "expected at least " + number_text(lowest) + " and below " + number_text(end) + ", got " +
                               number_text(value));
}

}  // namespace glow
