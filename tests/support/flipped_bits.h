#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/throws.h"

namespace glow::testing {

/// Flips one bit of a safetensors file at a time and expects `read` to refuse it with a FormatError that names the
/// file: one bit of every byte of the header, of every 97th byte of the data and of the last byte. Prints the counts.
template <class Read>
void expect_that_no_flipped_bit_is_read(const std::filesystem::path& path, Read&& read) {
  const auto bytes = get(path);
  std::size_t header = 8;  // the length, little-endian
  for (std::size_t i = 0; i < 8; ++i) header += std::size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  ASSERT_LT(header, bytes.size());
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto put_byte = [&](std::size_t place, char byte) {
    file.seekp(static_cast<std::streamoff>(place)).put(byte).flush();
  };
  std::size_t refused = 0, data = 0;
  const auto flip = [&](std::size_t place) {
    // A different bit for each byte.
    put_byte(place, static_cast<char>(bytes[place] ^ (1 << place % 8)));
    const auto result = throws<FormatError>(read, {path.string()});
    EXPECT_TRUE(result) << "byte " << place << " of " << bytes.size();
    put_byte(place, bytes[place]);
    refused += result ? 1 : 0;
  };
  for (std::size_t place = 0; place < header; ++place) flip(place);
  for (std::size_t place = header; place < bytes.size() - 1; place += 97, ++data) flip(place);
  flip(bytes.size() - 1);
  read();
  std::cout << refused << " of " << header + data + 1 << " flipped bits refused: one in each of " << header
            << " bytes of the header, " << data + 1 << " of " << bytes.size() - header << " bytes of the data\n";
}

}  // namespace glow::testing
