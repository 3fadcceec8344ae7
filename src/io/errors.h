#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <glow/error.h>

namespace glow::io {

// All messages are one line, but for those with a list: control characters of a path become question marks.

/// "cannot read PATH: `reason`".
IoError cannot_read(const std::filesystem::path& path, std::string_view reason);
/// The same with the system's text for `error_number` (errno).
IoError cannot_read(const std::filesystem::path& path, int error_number);

/// "cannot write PATH: `reason`".
IoError cannot_write(const std::filesystem::path& path, std::string_view reason);
/// The same with the system's text for `error_number` (errno).
IoError cannot_write(const std::filesystem::path& path, int error_number);

/// Quotes text from a file for a one-line message: in double quotes, non-ASCII characters escaped, long text cut.
std::string in_quotes(std::string_view text);

/// The first twenty lines, each indented on a new line, and "and 3 more" if there are more.
std::string listed(const std::vector<std::string>& lines);

/// "[3,32,32]".
std::string to_text(const std::vector<std::int64_t>& shape);

}  // namespace glow::io
