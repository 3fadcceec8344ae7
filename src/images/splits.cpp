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

/// The split that the name of a folder suggests: by its words, or by its beginning, as in trainA, TestImages, valset.
std::string split_of_similar(const std::string& name) {
  if (std::string split = split_of_file(name); !split.empty()) return split;
  const std::string lower = to_lower(name);
  if (lower.starts_with("train")) return "train";
  if (lower.starts_with("test")) return "test";
  return lower.starts_with("valid") || lower.starts_with("valset") || lower.starts_with("valimages") ? "valid" : "";
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
    if (std::string split = split_of_similar(name); !split.empty()) similar.emplace(name, std::move(split));
  }
  if (exact.empty()) return splits_in(similar).size() > 1 ? similar : SplitFolders();
  const std::set<std::string> known = splits_in(exact);
  for (const auto& [name, split] : similar)
    if (!known.contains(split)) exact.emplace(name, split);
  return exact;
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
    throw FormatError(directory, "expected training images (a folder train) beside the split " +
                                     folders.begin()->first + ", has none (" + way_out +
                                     " takes all images as one set)");
}

void refuse_deeper_splits(const std::filesystem::path& directory, const std::set<std::string>& folders,
                          const std::string& way_out) {
  std::map<std::string, std::set<std::string>> names_in;  // by the folder above them
  for (const std::string& path : folders) {
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      names_in[path.substr(0, begin)].insert(path.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  for (const auto& [parent, names] : names_in) {
    const SplitFolders found = find_split_folders(names);
    if (splits_in(found).size() < 2) continue;
    const auto first = found.begin();
    const auto other = std::find_if(first, found.end(), [&](const auto& each) { return each.second != first->second; });
    throw FormatError(directory, "expected splits in the folders of the data set, has " + parent + first->first +
                                     " and " + parent + other->first +
                                     " below them: give the folder that contains the splits (" + way_out +
                                     " takes all images as one set)");
  }
}

}  // namespace glow::images
