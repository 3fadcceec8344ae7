#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/archive.h"
#include "io/regular_file.h"

namespace glow::io {

// What index_archive does for one format. index_zip expects a file that starts like a zip.
std::vector<Member> index_tar(const RegularFile& file, const WantedMember& wanted);
std::vector<Member> index_zip(const RegularFile& file, const WantedMember& wanted);

/// "ARCHIVE/NAME" for messages, also when the name is absolute. Very long names are cut.
std::filesystem::path member_path(const std::filesystem::path& archive, std::string_view name);

/// The name without "." components and repeated slashes. A leading slash stays, and ".." does.
std::string clean_member_name(std::string_view name);

/// Throws FormatError for a cleaned name that is empty, absolute or too long, or has a ".." component or a zero byte.
void refuse_unsafe_name(const std::filesystem::path& archive, std::string_view name);

/// Throws FormatError when two members have the same name.
void refuse_equal_names(const std::filesystem::path& archive, const std::vector<Member>& members);

/// The error of a second member of a name.
FormatError second_member(const std::filesystem::path& archive, std::string_view name);

}  // namespace glow::io
