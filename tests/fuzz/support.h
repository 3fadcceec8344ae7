#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <glow/error.h>

#include "support/files.h"
#include "support/temporary_directory.h"

/// libFuzzer's own mutation; returns the new size.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace glow::fuzzing {

/// Aborts, which libFuzzer reports as a finding, when a property does not hold.
inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

/// Runs `read`. A reader may refuse an input with a glow::Error of one line; any other exception aborts. Put checks of
/// the values that were read into noexcept functions, so that a glow::Error in them is a finding too.
template <typename Read>
void read_or_refuse(Read read) {
  try {
    read();
  } catch (const Error& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos, "a message is one line");
  }
}

/// A file in the temporary directory of this program, below TMPDIR.
inline std::filesystem::path file_path(const std::string& name) {
  static const testing::TemporaryDirectory directory;
  return directory / name;
}

/// The input as a file.
inline std::filesystem::path input_file(const std::uint8_t* data, std::size_t size, const std::string& name = "input") {
  const std::filesystem::path path = file_path(name);
  testing::put(path, {reinterpret_cast<const char*>(data), size});
  return path;
}

/// The number of elements of an array that was read.
inline std::uint64_t element_count(const std::vector<std::int64_t>& shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) count *= static_cast<std::uint64_t>(size);
  return count;
}

/// A custom mutator: libFuzzer's mutation, mostly followed by `repair`, which corrects the lengths and checksums that
/// almost every mutation breaks.
template <typename Repair>
std::size_t mutate(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed, Repair repair) {
  size = LLVMFuzzerMutate(data, size, max_size);
  constexpr unsigned kBrokenOneIn = 4;
  if (seed % kBrokenOneIn == 0) return size;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  repair(bytes);
  if (bytes.size() > max_size) return size;
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace glow::fuzzing
