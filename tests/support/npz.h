#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

#include "support/files.h"

namespace glow::testing {

/// The bytes of an .npy file of version 1.0. `shape`: "(2, 3)".
inline std::string npy_bytes(const std::string& descr, const std::string& shape, const std::string& data,
                             bool fortran_order = false) {
  const std::string header = "{'descr': '" + descr + "', 'fortran_order': " + (fortran_order ? "True" : "False") +
                             ", 'shape': " + shape + ", }\n";
  return "\x93NUMPY" + std::string{'\x01', '\0'} + little_endian(header.size(), 2) + header + data;
}

/// A zip of stored members, as numpy.savez writes it.
inline std::string stored_zip(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string zip;
  std::string directory;
  for (const auto& [name, content] : members) {
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
    const std::string common = std::string("\x14\0\0\0\0\0\0\0\0\0", 10) + little_endian(crc, 4) +
                               little_endian(content.size(), 4) + little_endian(content.size(), 4) +
                               little_endian(name.size(), 2) + std::string(2, '\0');
    directory +=
        "PK\x01\x02" + std::string("\x14\0", 2) + common + std::string(10, '\0') + little_endian(zip.size(), 4) + name;
    zip += "PK\x03\x04" + common + name + content;
  }
  const std::string count = little_endian(members.size(), 2);
  return zip + directory + "PK\x05\x06" + std::string(4, '\0') + count + count + little_endian(directory.size(), 4) +
         little_endian(zip.size(), 4) + std::string(2, '\0');
}

}  // namespace glow::testing
