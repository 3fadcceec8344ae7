#pragma once

#include <filesystem>
#include <string>

namespace glow::images {

/// The specification that probably reads what is at a path, for error messages: "npz:faces.npz", "lmdb:lsun",
/// "folder:photos". The first bytes of a file decide, and the names of the files in a folder and, if it is the parent
/// of a data set, in those below it. Empty when nothing is there, or nothing that is read. Does not throw.
std::string likely_specification(const std::filesystem::path& path);

}  // namespace glow::images
