#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>

#include "support/files.h"

// Archives built byte by byte.

namespace glow::testing {

/// A string that fills `size` bytes, with zeros behind it.
inline std::string zero_padded(std::string text, std::size_t size) {
  text.resize(size, '\0');
  return text;
}

/// A number as tar stores it: octal digits and a zero byte.
inline std::string octal(std::uint64_t value, std::size_t size) {
  std::string digits(size, '\0');
  std::snprintf(digits.data(), size, "%0*llo", static_cast<int>(size) - 1, static_cast<unsigned long long>(value));
  return digits;
}

/// The fields of a tar header that differ between members.
struct TarHeader {
  std::string name{};
  std::string size{};  ///< 12 bytes
  char type = '0';
  std::string link{};
  std::string magic = std::string(
      "ustar\0"
      "00",
      8);
  std::string prefix{};
};

/// The 512 bytes of a tar header.
inline std::string tar_header(const TarHeader& header) {
  std::string block = zero_padded(header.name, 100) + octal(0644, 8) + octal(0, 8) + octal(0, 8) + header.size +
                      octal(0, 12) + "        " + header.type + zero_padded(header.link, 100) +
                      zero_padded(header.magic, 8) + std::string(80, '\0') + zero_padded(header.prefix, 167);
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<std::uint8_t>(c);
  block.replace(148, 7, octal(sum, 7));
  return block;
}

/// Content padded to whole blocks.
inline std::string tar_blocks(const std::string& content) {
  return zero_padded(content, (content.size() + 511) / 512 * 512);
}

/// A ustar member.
inline std::string tar_member(const std::string& name, const std::string& content, char type = '0',
                              const std::string& link = "") {
  return tar_header({.name = name, .size = octal(content.size(), 12), .type = type, .link = link}) +
         tar_blocks(content);
}

/// The two blocks at the end of a tar.
inline std::string tar_end() { return std::string(1024, '\0'); }

/// A record of a pax extended header.
inline std::string pax_record(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size();
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

/// A raw deflate stream of `content`.
inline std::string raw_deflate(std::string content) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string compressed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  const int status = deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return status == Z_STREAM_END ? compressed : throw std::runtime_error("deflate");
}

/// A member of a zip: what its headers say, and its stored bytes.
struct ZipMember {
  std::string name{};
  std::string stored{};
  std::uint64_t size = 0;
  std::uint64_t crc = 0;
  std::uint64_t method = 0;
  std::uint64_t flags = 0;
  std::uint64_t mode = 0100644;  ///< as Unix has it
  bool zip64 = false;            ///< sizes and offset stand in the zip64 extra field
};

inline std::uint64_t crc_of(const std::string& content) {
  return crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
}

inline ZipMember zip_stored(const std::string& name, const std::string& content) {
  return {.name = name, .stored = content, .size = content.size(), .crc = crc_of(content)};
}

inline ZipMember zip_deflated(const std::string& name, const std::string& content) {
  return {.name = name, .stored = raw_deflate(content), .size = content.size(), .crc = crc_of(content), .method = 8};
}

/// The extra field that holds these values, each of 8 bytes.
inline std::string zip64_field(const std::vector<std::uint64_t>& values) {
  std::string field = little_endian(1, 2) + little_endian(8 * values.size(), 2);
  for (const std::uint64_t value : values) field += little_endian(value, 8);
  return field;
}

/// The local header of a member. With flag 8 the sizes follow the data.
inline std::string zip_local_header(const ZipMember& member) {
  const bool later = (member.flags & 8) != 0;
  const std::uint64_t stored = later ? 0 : member.zip64 ? 0xffffffff : member.stored.size();
  const std::uint64_t size = later ? 0 : member.zip64 ? 0xffffffff : member.size;
  const std::string extra = member.zip64 ? zip64_field({member.size, member.stored.size()}) : "";
  return "PK\x03\x04" + little_endian(20, 2) + little_endian(member.flags, 2) + little_endian(member.method, 2) +
         little_endian(0, 4) + little_endian(later ? 0 : member.crc, 4) + little_endian(stored, 4) +
         little_endian(size, 4) + little_endian(member.name.size(), 2) + little_endian(extra.size(), 2) + member.name +
         extra;
}

/// The header of a member in the directory.
inline std::string zip_directory_header(const ZipMember& member, std::uint64_t offset, std::uint64_t stored) {
  const auto low = [&](std::uint64_t value) { return little_endian(member.zip64 ? 0xffffffff : value, 4); };
  const std::string other = little_endian(0x5455, 2) + little_endian(5, 2) + std::string(5, 't');
  const std::string extra = other + (member.zip64 ? zip64_field({member.size, stored, offset}) : "");
  const std::string comment = "comment";
  return "PK\x01\x02" + little_endian(0x0314, 2) + little_endian(20, 2) + little_endian(member.flags, 2) +
         little_endian(member.method, 2) + little_endian(0, 4) + little_endian(member.crc, 4) + low(stored) +
         low(member.size) + little_endian(member.name.size(), 2) + little_endian(extra.size(), 2) +
         little_endian(comment.size(), 2) + little_endian(0, 4) + little_endian(member.mode << 16, 4) + low(offset) +
         member.name + extra + comment;
}

/// The records after a directory at `offset`.
inline std::string zip_end(std::uint64_t offset, std::uint64_t size, std::uint64_t count, bool zip64 = false) {
  std::string records;
  if (zip64) {
    records += "PK\x06\x06" + little_endian(44, 8) + little_endian(45, 2) + little_endian(45, 2) + little_endian(0, 8) +
               little_endian(count, 8) + little_endian(count, 8) + little_endian(size, 8) + little_endian(offset, 8);
    records += "PK\x06\x07" + little_endian(0, 4) + little_endian(offset + size, 8) + little_endian(1, 4);
  }
  return records + "PK\x05\x06" + little_endian(0, 4) + little_endian(zip64 ? 0xffff : count, 2) +
         little_endian(zip64 ? 0xffff : count, 2) + little_endian(zip64 ? 0xffffffff : size, 4) +
         little_endian(zip64 ? 0xffffffff : offset, 4) + little_endian(0, 2);
}

/// A zip of these members.
inline std::string zip_archive(const std::vector<ZipMember>& members, bool zip64 = false) {
  std::string bytes;
  std::string directory;
  for (const ZipMember& member : members) {
    directory += zip_directory_header(member, bytes.size(), member.stored.size());
    bytes += zip_local_header(member) + member.stored;
    if ((member.flags & 8) != 0) {
      bytes += "PK\x07\x08" + little_endian(member.crc, 4) + little_endian(member.stored.size(), 4) +
               little_endian(member.size, 4);
    }
  }
  return bytes + directory + zip_end(bytes.size(), directory.size(), members.size(), zip64);
}

}  // namespace glow::testing
