#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace glow::images {

// The splits of a data set are "train", "valid" and "test".

/// The split that the name of a file says: by one of its words (its longest runs of letters, in any case), which is
/// train or training; val, valid or validation; test or testing. Empty for other names, and for one with words of
/// several splits.
std::string split_of_file(std::string_view name);

/// The splits of folders, by their names.
using SplitFolders = std::map<std::string, std::string>;

/// The folders among `names` that are splits: those whose whole name is such a word, and, for other splits, those with
/// similar names (train2017, testA). If there are only similar names, they must be of two splits or more, because one
/// folder train_station is rather a class.
SplitFolders find_split_folders(const std::set<std::string>& names);

/// Throws FormatError when two folders are the same split, or when none is training images. `directory` contains the
/// folders; `way_out`: the option that reads them as one set.
void check_split_folders(const std::filesystem::path& directory, const SplitFolders& folders,
                         const std::string& way_out);

/// Throws FormatError when two folders in one folder are different splits, as data/train and data/test. `folders`: the
/// relative paths of all folders with images in a directory whose own folders are no splits.
void refuse_deeper_splits(const std::filesystem::path& directory, const std::set<std::string>& folders,
                          const std::string& way_out);

}  // namespace glow::images
