#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <string>
#include <string_view>

namespace glow::testing {

/// Writes bytes to a file without the library under test.
inline void put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Reads the bytes of a file without the library under test.
inline std::string get(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The number of entries of a directory, including hidden ones.
inline std::size_t count_files(const std::filesystem::path& directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// The low `size` bytes of an integer, least significant first.
inline std::string little_endian(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) {
    bytes += static_cast<char>(value >> (8 * i) & 0xff);
  }
  return bytes;
}

/// The same, most significant first.
inline std::string big_endian(std::uint64_t value, std::size_t size) {
  const std::string bytes = little_endian(value, size);
  return {bytes.rbegin(), bytes.rend()};
}

}  // namespace glow::testing
