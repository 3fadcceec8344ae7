#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct MDB_txn;

namespace glow::io {

/// The values of an LMDB environment (its file data.mdb, data version 1 of LMDB 0.9) that has one unnamed database with
/// one value per key, in the order of the keys. The file is memory-mapped and not locked: nobody may write to it.
/// Several threads may read at once.
class LmdbValues {
 public:
  /// Reads the index: keys, places and sizes. Throws IoError, and FormatError when the file is none of a 64-bit
  /// little-endian machine, has named databases or several values of a key, no entry, or when pages that are used are
  /// damaged or missing.
  explicit LmdbValues(std::filesystem::path data_file);

  const std::filesystem::path& path() const { return path_; }
  std::size_t size() const { return entries_.size(); }
  /// Any bytes; valid for the lifetime of this object, like `value`.
  std::string_view key(std::size_t index) const;
  /// LMDB has no checksums: damage of a value is not noticed.
  std::string_view value(std::size_t index) const { return {entries_[index].value, entries_[index].size}; }

 private:
  struct Entry {
    const char* value = nullptr;
    std::uint64_t key_end = 0;  ///< in keys_
    std::uint32_t size = 0;
  };

  std::filesystem::path path_;
  /// Keeps the file mapped.
  std::shared_ptr<MDB_txn> transaction_;
  std::vector<Entry> entries_;
  std::string keys_;
};

}  // namespace glow::io
