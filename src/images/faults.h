#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace glow::images {

/// An image that cannot be used.
struct Fault {
  /// Its index.
  std::int64_t image = 0;
  /// The message of its error, which names it.
  std::string text = {};
  /// Whether the operating system could not read it (IoError); otherwise its content is wrong (FormatError).
  bool is_io = false;
};

/// Throws an error about all faults, of `images` images in `place`: IoError if one of them is, else FormatError.
/// Nothing happens if there are none. `way_out`: an option that helps, as an end of a sentence; may be empty.
void throw_faults(const std::filesystem::path& place, const std::vector<Fault>& faults, std::int64_t images,
                  const std::string& way_out);

}  // namespace glow::images
