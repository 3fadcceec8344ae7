#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/files.h"
#include "support/tfrecord.h"

// Checkpoints of TensorFlow, built byte by byte.

namespace glow::testing {

/// Keys and values of a table.
using TableEntries = std::vector<std::pair<std::string, std::string>>;

/// A field of type 0.
inline std::string proto_integer(int number, std::uint64_t value) {
  return proto_varint(static_cast<std::uint64_t>(number) << 3) + proto_varint(value);
}

/// A block, without what follows it. Every `restart`th entry shares no bytes with the one before.
inline std::string table_block(const TableEntries& entries, std::size_t restart = 16) {
  std::string block, offsets, before;
  std::uint64_t restarts = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& [key, value] = entries[i];
    std::size_t shared = 0;
    if (i % restart == 0) {
      offsets += little_endian(block.size(), 4);
      ++restarts;
    } else {
      while (shared < std::min(key.size(), before.size()) && key[shared] == before[shared]) ++shared;
    }
    block += proto_varint(shared) + proto_varint(key.size() - shared) + proto_varint(value.size());
    block += key.substr(shared) + value;
    before = key;
  }
  if (entries.empty()) {
    offsets = little_endian(0, 4);
    restarts = 1;
  }
  return block + offsets + little_endian(restarts, 4);
}

/// How a table differs from what TensorFlow writes.
struct TableForm {
  std::size_t entries_of_block = 40;
  char compression = 0;
  std::string magic = little_endian(0xdb4775248b80fb57, 8);
};

/// Appends a block to a table and returns its place.
inline std::string add_table_block(std::string& table, const std::string& block, char compression = 0) {
  const std::string place = proto_varint(table.size()) + proto_varint(block.size());
  table += block + compression + masked_checksum(block + compression);
  return place;
}

/// A table of entries, in their order.
inline std::string table_file(const TableEntries& entries, const TableForm& form = {}) {
  std::string table;
  TableEntries places;
  for (std::size_t start = 0; start < entries.size(); start += form.entries_of_block) {
    const auto first = entries.begin() + static_cast<std::ptrdiff_t>(start);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(form.entries_of_block, entries.size() - start));
    const std::string block = table_block({first, last});
    places.emplace_back((last - 1)->first, add_table_block(table, block, form.compression));
  }
  std::string footer = add_table_block(table, table_block({}));
  footer += add_table_block(table, table_block(places, 1));
  footer.resize(40, '\0');
  return table + footer + form.magic;
}

/// A BundleHeaderProto, of a version that readers must have.
inline std::string bundle_header(std::uint64_t shards, std::uint64_t endianness = 0, std::uint64_t version = 0) {
  return proto_integer(1, shards) + (endianness == 0 ? "" : proto_integer(2, endianness)) +
         proto_bytes(3, proto_integer(1, 1) + (version == 0 ? "" : proto_integer(2, version)));
}

/// A BundleEntryProto. Numbers that are 0 are left out, as protobuf does.
struct BundleEntry {
  std::uint64_t type = 1;
  std::vector<std::int64_t> shape{};
  std::uint64_t shard = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string checksum{};
  std::string more{};

  std::string bytes() const {
    std::string dimensions;
    for (const std::int64_t each : shape) {
      dimensions += proto_bytes(2, proto_integer(1, static_cast<std::uint64_t>(each)));
    }
    const auto number = [](int field, std::uint64_t value) { return value == 0 ? "" : proto_integer(field, value); };
    return number(1, type) + proto_bytes(2, dimensions) + number(3, shard) + number(4, offset) + number(5, size) +
           (checksum.empty() ? "" : '\x35' + checksum) + more;
  }
};

/// A tensor that is to be written, of float32 unless `type` says otherwise.
struct BundleInput {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string data;
  std::uint64_t type = 1;
  std::uint64_t shard = 0;
};

struct BundleFiles {
  std::string index;
  std::vector<std::string> shards;
};

/// A checkpoint of these tensors, which are in the order of their names, one after the other.
inline BundleFiles tensor_bundle(const std::vector<BundleInput>& tensors, std::size_t shards = 1,
                                 const TableForm& form = {}) {
  BundleFiles files{"", std::vector<std::string>(shards)};
  TableEntries entries = {{"", bundle_header(shards)}};
  for (const BundleInput& tensor : tensors) {
    std::string& shard = files.shards[tensor.shard];
    entries.emplace_back(tensor.name, BundleEntry{.type = tensor.type,
                                                  .shape = tensor.shape,
                                                  .shard = tensor.shard,
                                                  .offset = shard.size(),
                                                  .size = tensor.data.size(),
                                                  .checksum = masked_checksum(tensor.data)}
                                          .bytes());
    shard += tensor.data;
  }
  files.index = table_file(entries, form);
  return files;
}

}  // namespace glow::testing
