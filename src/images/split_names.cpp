#include "images/split_names.h"

#include <array>
#include <set>
#include <utility>

#include "images/list_folder.h"

namespace glow::images {

std::string split_of_file(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords = {{{"train", "train"},
                                                                                    {"training", "train"},
                                                                                    {"val", "valid"},
                                                                                    {"valid", "valid"},
                                                                                    {"validation", "valid"},
                                                                                    {"test", "test"},
                                                                                    {"testing", "test"}}};
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  const std::string lower = to_lower(name);
  std::set<std::string_view> splits;
  for (std::size_t begin = lower.find_first_of(kLetters); begin != std::string::npos;) {
    const std::size_t end = lower.find_first_not_of(kLetters, begin);
    const std::string_view word = std::string_view(lower).substr(begin, end - begin);
    for (const auto& [known, split] : kWords) {
      if (word == known) splits.insert(split);
    }
    begin = end == std::string::npos ? end : lower.find_first_of(kLetters, end);
  }
  return splits.size() == 1 ? std::string(*splits.begin()) : "";
}

}  // namespace glow::images
