#include "images/splits.h"

#include <algorithm>
#include <array>
#include <utility>

#include <glow/error.h>

#include "images/list_folder.h"

namespace glow::images {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kSplitWords = {{{"train", "train"},
                                                                                       {"training", "train"},
                                                                                       {"val", "valid"},
                                                                                       {"valid", "valid"},
                                                                                       {"validation", "valid"},
                                                                                       {"test", "test"},
                                                                                       {"testing", "test"}}};

/// The split of a word in lower case, or empty.
std::string split_of_word(std::string_view word) {
  for (const auto& [known, split] : kSplitWords) {
    if (word == known) return std::string(split);
  }
  return "";
}

std::set<std::string> splits_in(const SplitFolders& folders) {
  std::set<std::string> splits;
  for (const auto& [name, split] : folders) splits.insert(split);
  return splits;
}

/// What error messages call the images of a split.
std::string images_of_split(const std::string& split) {
  return split == "train" ? "training images" : split == "valid" ? "validation images" : "test images";
}

}  // namespace

std::string split_of_file(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  const std::string lower = to_lower(name);
  std::set<std::string> splits;
  for (std::size_t begin = lower.find_first_of(kLetters); begin != std::string::npos;) {
    const std::size_t end = lower.find_first_not_of(kLetters, begin);
    const std::string split = split_of_word(std::string_view(lower).substr(begin, end - begin));
    if (!split.empty()) splits.insert(split);
    begin = end == std::string::npos ? end : lower.find_first_of(kLetters, end);
  }
  return splits.size() == 1 ? *splits.begin() : "";
}

SplitFolders find_split_folders(const std::set<std::string>& names) {
  SplitFolders exact, similar;
  for (const std::string& name : names) {
    if (std::string split = split_of_word(to_lower(name)); !split.empty()) exact.emplace(name, std::move(split));
    if (std::string split = split_of_file(name); !split.empty()) similar.emplace(name, std::move(split));
  }
  if (!exact.empty()) return exact;
  return splits_in(similar).size() > 1 ? similar : SplitFolders();
}

void check_split_folders(const std::filesystem::path& directory, const SplitFolders& folders,
                         const std::string& way_out) {
  std::map<std::string, std::string> folder_of;
  for (const auto& [name, split] : folders) {
    const auto [other, is_only] = folder_of.emplace(split, name);
    if (!is_only)
      throw FormatError(directory, "expected one folder of " + images_of_split(split) + ", has " + other->second +
                                       " and " + name + " (" + way_out + " takes all images as one set)");
  }
  if (!folder_of.contains("train"))
    throw FormatError(directory, "expected a folder train beside the folder " + folders.begin()->first +
                                     ", has none (" + way_out + " takes all images as one set)");
}

void refuse_deeper_splits(const std::filesystem::path& directory, const std::set<std::string>& folders,
                          const std::string& way_out) {
  SplitFolders found;
  for (const std::string& path : folders) {
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const std::string split = split_of_word(to_lower(std::string_view(path).substr(begin, end - begin)));
      if (!split.empty()) found.emplace(path.substr(0, end), split);
      begin = end + 1;
    }
  }
  if (splits_in(found).size() < 2) return;
  const auto first = found.begin();
  const auto other = std::find_if(first, found.end(), [&](const auto& each) { return each.second != first->second; });
  throw FormatError(directory, "expected splits in folders directly in it, has " + first->first + " and " +
                                   other->first + ": give the folder that contains the splits (" + way_out +
                                   " takes all images as one set)");
}

}  // namespace glow::images
