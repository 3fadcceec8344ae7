#include <algorithm>
#include <cstddef>

#include <glow/nearest_name.h>

namespace glow {
namespace {

/// ASCII only: other bytes may be parts of a character.
std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& character : lower) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  return lower;
}

/// The Damerau-Levenshtein distance in which no part is edited twice ("optimal string alignment").
std::size_t edit_distance(const std::string& one, const std::string& other) {
  // Row i has the distances of the first i characters of `one` from each beginning of `other`.
  std::vector<std::vector<std::size_t>> distance(one.size() + 1, std::vector<std::size_t>(other.size() + 1));
  for (std::size_t i = 0; i <= one.size(); ++i) {
    for (std::size_t j = 0; j <= other.size(); ++j) {
      auto& here = distance[i][j];
      here = std::max(i, j);
      if (i == 0 || j == 0) continue;
      const std::size_t replaced = one[i - 1] == other[j - 1] ? 0 : 1;
      here = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1, distance[i - 1][j - 1] + replaced});
      const bool is_swap = i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
      if (is_swap) here = std::min(here, distance[i - 2][j - 2] + 1);
    }
  }
  return distance[one.size()][other.size()];
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view wanted, const std::vector<std::string>& names) {
  // Longer texts are no misspelt names, and their comparison would take long.
  constexpr std::size_t kLongest = 100, kShortestStart = 3;
  const std::string lower = in_lower_case(wanted.substr(0, kLongest));
  const std::string* nearest = nullptr;
  std::size_t smallest = 0;
  for (const std::string& name : names) {
    if (name.size() > kLongest) continue;
    const std::size_t distance = edit_distance(lower, in_lower_case(name));
    if (distance > std::max(lower.size(), name.size()) / 3) continue;
    if (nearest == nullptr || distance < smallest) {
      nearest = &name;
      smallest = distance;
    }
  }
  for (const std::string& name : names) {
    const bool is_start = lower.size() >= kShortestStart && in_lower_case(name).starts_with(lower);
    if (nearest == nullptr && is_start) nearest = &name;
  }
  return nearest == nullptr ? std::nullopt : std::optional(*nearest);
}

std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& names) {
  const auto nearest = nearest_name(wanted, names);
  return nearest ? " (did you mean " + *nearest + "?)" : "";
}

}  // namespace glow
