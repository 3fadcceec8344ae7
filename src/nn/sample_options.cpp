#include <glow/nn/sample_options.h>

#include <cmath>
#include <string>

#include <glow/error.h>

namespace glow::nn {

double Temperature::at(std::int64_t level, std::int64_t levels) const {
  const auto given = static_cast<std::int64_t>(values_.size());
  if (given != 1 && given != levels) {
    throw ConfigError("temperature", "expected one number or one for each of " + std::to_string(levels) +
                                         " levels, got " + std::to_string(given));
  }
  const double value = values_[static_cast<std::size_t>(given == 1 ? 0 : level)];
  if (!std::isfinite(value) || value < 0) {
    throw ConfigError("temperature", "expected a number >= 0, got " + std::to_string(value));
  }
  return value;
}

}  // namespace glow::nn
