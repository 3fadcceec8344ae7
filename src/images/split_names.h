#pragma once

#include <string>
#include <string_view>

namespace glow::images {

/// The split that the name of a file says: "train", "valid" or "test", if one of its words (its longest runs of
/// letters, in any case) is train or training; val, valid or validation; test or testing. Empty for other names, and
/// for one with words of several splits.
std::string split_of_file(std::string_view name);

}  // namespace glow::images
