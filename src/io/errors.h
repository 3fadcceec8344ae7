#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <glow/error.h>

namespace glow::io {

// Control characters in a path show as question marks: a message stays one line.

/// "cannot read PATH: `reason`".
IoError cannot_read(const std::filesystem::path& path, std::string_view reason);
/// The same, the reason being the system's: its `error_number` (errno) in words.
IoError cannot_read(const std::filesystem::path& path, int error_number);

/// "cannot write PATH: `reason`".
IoError cannot_write(const std::filesystem::path& path, std::string_view reason);
/// The same, the reason being the system's.
IoError cannot_write(const std::filesystem::path& path, int error_number);

/// Text out of a file, fit for a one-line message: in double quotes, ASCII, other characters escaped, cut
/// when long.
std::string in_quotes(std::string_view text);

/// "[3,32,32]".
std::string to_text(const std::vector<std::int64_t>& shape);

}  // namespace glow::io
