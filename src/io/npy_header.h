#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace glow::io {

/// What the dictionary of an .npy file says.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Parses "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }": these three keys, in any order.
/// Throws FormatError naming `path`.
NpyHeader parse_npy_header(const std::filesystem::path& path, std::string_view text);

/// The same, written.
std::string format_npy_header(const NpyHeader& header);

}  // namespace glow::io
