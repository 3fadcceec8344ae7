#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)

namespace glow {

/// The name that was probably meant by a misspelt one, for error messages; nullopt if none is similar. A name is
/// similar if at most a third of the longer one's characters must be inserted, deleted, replaced or swapped with their
/// neighbours (Damerau-Levenshtein distance, upper and lower case being the same), or if it begins with `wanted` and
/// this has at least three characters.
std::optional<std::string> nearest_name(std::string_view wanted, const std::vector<std::string>& names);

/// " (did you mean NAME?)" with the nearest name; empty if none is similar.
std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& names);

}  // namespace glow

#pragma GCC visibility pop
